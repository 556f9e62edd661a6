"""Every value that a page may show has its word, and its sign where it is a state."""

from enum import StrEnum
from pathlib import Path

import pytest
from flask import Flask
from marshmallow import fields
from werkzeug.exceptions import BadRequest, MethodNotAllowed, NotFound, RequestEntityTooLarge

from provisioner.accounts.policy import Role
from provisioner.administrations.kinds import Kind, Language, NameType
from provisioner.catalogue.models import ReleaseState
from provisioner.hosts.models import HostState
from provisioner.instances.lifecycle import Action, Environment, Health, State
from provisioner.jobs.lifecycle import Cause, JobState, Resolution
from provisioner.labels import LABELS
from provisioner.library_texts import FROM_LIBRARIES
from provisioner.requests.models import Decision

ROOT = Path(__file__).parents[2]
VALUES: dict[str, list[type[StrEnum]]] = {
    "state": [State, JobState],
    "health": [Health],
    "action": [Action],
    "verb": [Action],
    "cause": [Cause],
    "resolution": [Resolution],
    "administration": [Kind],
    "name": [NameType],
    "release": [ReleaseState],
    "decision": [Decision],
    "host": [HostState],
    "environment": [Environment],
    "role": [Role],
    "language": [Language],
}


@pytest.mark.parametrize("group", VALUES)
def test_the_words_of_a_group_are_exactly_its_values(group: str):
    assert set(LABELS[group]) == {value for kind in VALUES[group] for value in kind}


GROUPS = (
    "state",
    "health",
    "release",
    "decision",
    "handover",
    "finding_state",
    "finding_state",
    "host",
    "window",
    "night",
)


def test_every_state_has_a_sign_in_the_sprite(app: Flask):
    signs = app.jinja_env.get_template("components/states.html").module.SIGNS
    sprite = (ROOT / "provisioner/static/vendor/icons.svg").read_text()

    assert set(signs) == set().union(*(LABELS[group] for group in GROUPS))
    assert [icon for _, icon in signs.values() if f'id="{icon}"' not in sprite] == []


def test_what_libraries_say_to_people_is_known_word_for_word():
    refusals = [each.description for each in (BadRequest, MethodNotAllowed, NotFound, RequestEntityTooLarge)]
    kinds = (fields.Field, fields.String, fields.Integer, fields.Boolean, fields.UUID)
    faults = [text for kind in kinds for text in kind.default_error_messages.values()]

    assert set(refusals + faults) <= set(map(str, FROM_LIBRARIES))
