"""An instance that has something to do."""

from dataclasses import replace

import pytest
from flask import Flask

from provisioner import config
from provisioner.instances.lifecycle import Action
from provisioner.jobs.attempts import Claim
from tests import factories
from worker import follow


@pytest.fixture
def claim(app: Flask) -> Claim:
    """The claimed update of an instance from 1.0 to 2.0."""
    factories.host()
    factories.app()
    instance = factories.instance(factories.administration(), release="1.0")
    factories.asked_to(Action.UPDATE, instance.id)
    return factories.claimed()


@pytest.fixture
def at_every_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A heartbeat is always due."""
    monkeypatch.setattr(follow, "settings", lambda: replace(config.settings(), heartbeat=0))
