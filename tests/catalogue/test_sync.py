"""The catalogue mirrors the folders of the playbooks: all that they say, or nothing if one of them is broken."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from provisioner.audit.models import AuditEvent
from provisioner.catalogue import queries
from provisioner.catalogue.cli import sync_catalogue as sync
from provisioner.catalogue.service import BrokenFolders, Synced
from provisioner.db import db
from provisioner.errors import NotFound
from tests import factories
from tests.catalogue.conftest import MANIFEST, PARAMETERS, PLAYBOOK, WORDS, app_folder, write_yaml


def releases(slug: str) -> list[tuple[str, str]]:
    return [(each.version, each.state) for each in queries.by_slug(slug).releases]


def faults(project: Path) -> list[tuple[str, str]]:
    """Where and why the folders are refused; the catalogue must stay as it was."""
    before, digests = factories.row_counts(), [app.digest for app in queries.apps()]
    with pytest.raises(BrokenFolders) as refused:
        sync(project)
    assert factories.row_counts() == before
    assert [app.digest for app in queries.apps()] == digests
    return [(fault["pointer"], fault["detail"]) for fault in refused.value.errors]


def test_a_new_folder_becomes_an_app_with_its_releases_and_parameters(app: Flask, project: Path) -> None:
    assert sync(project) == Synced(added=["notes"])

    notes = queries.by_slug("notes")
    assert (notes.names, notes.manifest["actions"]) == (WORDS, ["provision"])
    assert releases("notes") == [("1.0", "deprecated"), ("2.0", "current")]
    assert [parameter["name"] for parameter in notes.parameters] == ["title"]
    assert queries.release(notes, None).version == "2.0"


def test_a_folder_that_did_not_change_is_left_alone(app: Flask, project: Path) -> None:
    sync(project)
    before = factories.row_counts()

    assert sync(project) == Synced(unchanged=["notes"])
    assert factories.row_counts() == before


@pytest.mark.parametrize(
    "file", ["apps/notes/provision.yml", "apps/notes/templates/page.html", "roles/x/tasks/main.yml"]
)
def test_whatever_changes_what_would_run_changes_the_digest(app: Flask, project: Path, file: str) -> None:
    sync(project)
    before = queries.by_slug("notes").digest
    (project / file).parent.mkdir(parents=True, exist_ok=True)
    (project / file).write_text("---\n[]\n" if file.startswith("roles") else PLAYBOOK + "# changed\n")

    assert sync(project) == Synced(changed=["notes"])

    after = queries.by_slug("notes").digest
    assert after != before
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.before["digest"].astext == before)).one()
    assert (event.action, event.after) == ("catalogue.sync", {"slug": "notes", "digest": after})


def test_a_release_that_is_no_longer_named_is_withdrawn_but_kept(app: Flask, project: Path) -> None:
    sync(project)
    app_folder(project, "notes", releases=[MANIFEST["releases"][1]])

    sync(project)

    assert sorted(releases("notes")) == [("1.0", "withdrawn"), ("2.0", "current")]
    with pytest.raises(NotFound):
        queries.release(queries.by_slug("notes"), "1.0")


def test_an_app_whose_folder_is_gone_is_withdrawn_and_comes_back_with_it(app: Flask, project: Path) -> None:
    app_folder(project, "other")
    sync(project)
    (project / "apps" / "notes" / "app.yml").unlink()

    assert sync(project) == Synced(unchanged=["other"], withdrawn=["notes"])
    with pytest.raises(NotFound):
        queries.offered("notes")
    assert queries.by_slug("notes").withdrawn_at is not None

    app_folder(project, "notes")
    assert sync(project) == Synced(changed=["notes"], unchanged=["other"])
    assert queries.offered("notes").slug == "notes"


@pytest.mark.parametrize("folder", ["no such folder", "an empty one"])
def test_a_place_without_any_app_is_refused_and_withdraws_nothing(app: Flask, project: Path, folder: str) -> None:
    sync(project)
    (project / "an empty one" / "apps").mkdir(parents=True)

    assert faults(project / folder) == [(f"{project / folder / 'apps'}:1", "there is no app here")]
    assert queries.offered("notes").withdrawn_at is None


WRONG_MANIFESTS: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "colour: Unknown field."),
    ({"classification": "secret"}, "classification: Must be one of: public, internal, restricted."),
    ({"actions": ["provision", "update"]}, "timeouts: lacks update"),
    ({"actions": ["provision", "rotate"], "retry_safe": ["rotate"]}, "retry_safe: may not run again by itself: rotate"),
    ({"retry_safe": ["check"]}, "retry_safe: names actions that are not offered: check"),
    ({"releases": [MANIFEST["releases"][0]] * 2}, "releases: the same version stands twice"),
]


@pytest.mark.parametrize(("wrong", "reason"), WRONG_MANIFESTS)
def test_a_wrong_manifest_is_refused_with_file_and_line(
    app: Flask, project: Path, wrong: dict[str, Any], reason: str
) -> None:
    sync(project)
    app_folder(project, "notes", **wrong)

    lines = (project / "apps/notes/app.yml").read_text().splitlines()
    key = reason.split(":", 1)[0]
    line = next(number for number, text in enumerate(lines, start=1) if text.startswith(f"{key}:"))
    assert [place for place, why in faults(project) if why == reason] in (
        [f"apps/notes/app.yml:{line}"],
        [f"apps/notes/app.yml:{line + 1}"],
    )


def test_a_file_that_is_named_but_missing_is_refused(app: Flask, project: Path) -> None:
    (project / "apps/notes/provision.yml").unlink()

    assert faults(project) == [("apps/notes/app.yml:1", "provision.yml is named but missing")]


def test_a_file_that_is_not_yaml_is_refused_at_its_line(app: Flask, project: Path) -> None:
    (project / "apps/notes/parameters.yml").write_text("options:\n  title: [\n")

    [(place, _)] = faults(project)
    assert place == "apps/notes/parameters.yml:3"


@pytest.mark.parametrize("name", ["ansible_user", "become_password", "prov_report", "Title"])
def test_a_parameter_cannot_take_a_name_that_means_something_to_ansible(app: Flask, project: Path, name: str) -> None:
    write_yaml(project / "apps/notes/parameters.yml", {"options": {name: PARAMETERS["options"]["title"]}})

    assert [why for _, why in faults(project)] == [f"options.{name}: this name is reserved or not well formed"]


WRONG_PARAMETERS: list[tuple[dict[str, Any], str]] = [
    ({"default": date(2024, 1, 1)}, "default: 2024-01-01: A text is needed."),
    ({"type": "int", "default": 0, "minimum": 1}, "default: 0: This is outside the allowed range."),
    ({"default": "c", "choices": ["a", "b"]}, "default: c: This is not one of the choices."),
    ({"default": "A", "pattern": "[a-z]"}, "default: A: This does not have the expected form."),
    ({"choices": ["2024-01-01", date(2024, 1, 1)]}, "choices: 2024-01-01: A text is needed."),
    ({"choices": ["a"], "choice_labels": {"b": WORDS}}, "choice_labels: b: This is not one of the choices."),
    ({"secret": True}, "secret: Settings are kept in clear: use `secrets` of app.yml."),
]


@pytest.mark.parametrize(("wrong", "reason"), WRONG_PARAMETERS)
def test_a_parameter_that_its_own_values_do_not_fit_or_that_would_be_secret_is_refused(
    app: Flask, project: Path, wrong: dict[str, Any], reason: str
) -> None:
    write_yaml(project / "apps/notes/parameters.yml", {"options": {"day": PARAMETERS["options"]["title"] | wrong}})

    assert [why for _, why in faults(project)] == [f"options.day.{reason}"]


def test_a_default_is_kept_in_the_type_of_its_parameter(app: Flask, project: Path) -> None:
    days = {"type": "int", "default": "30", "description": "How long.", "label": WORDS}
    write_yaml(project / "apps/notes/parameters.yml", {"options": {"days": days}})

    sync(project)

    assert queries.by_slug("notes").parameters[0]["default"] == 30


@pytest.mark.parametrize("locale", ["C", "fr_FR.ISO-8859-1", "no_SUCH"])
def test_folders_can_be_read_whatever_the_locale_of_the_service(
    app: Flask, project: Path, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    monkeypatch.setenv("LC_ALL", locale)

    assert sync(project).added == ["notes"]


@pytest.mark.parametrize(
    "task",
    [
        "ansible.builtin.shell: echo {{ parameters.title }}",
        "shell: echo {{ parameters.title }}",
        "ansible.builtin.raw: echo hello",
        "ansible.builtin.command: echo {{ parameters.title }}",
        "ansible.builtin.command:\n        cmd: echo {{ parameters.title }}",
        "shell:\n        cmd: ls",
        "action: ansible.builtin.shell ls",
        "local_action: shell ls",
    ],
)
def test_a_playbook_that_hands_a_text_to_a_shell_is_refused(app: Flask, project: Path, task: str) -> None:
    (project / "apps/notes/provision.yml").write_text(PLAYBOOK + f"    - name: Oops\n      {task}\n")

    assert [place for place, _ in faults(project)] == ["apps/notes/provision.yml:10"]


@pytest.mark.parametrize("file", ["roles/site/tasks/main.yml", "tasks/go_back.yml"])
def test_what_apps_share_may_hand_no_text_to_a_shell_either(app: Flask, project: Path, file: str) -> None:
    (project / file).parent.mkdir(parents=True)
    (project / file).write_text("---\n- name: Oops\n  ansible.builtin.shell: ls\n")

    assert [place for place, _ in faults(project)] == [f"{file}:3"]


def test_a_command_with_a_list_of_arguments_is_fine(app: Flask, project: Path) -> None:
    task = "    - name: Fine\n      ansible.builtin.command:\n        argv: [echo, '{{ parameters.title }}']\n"
    (project / "apps/notes/provision.yml").write_text(PLAYBOOK + task)

    assert sync(project).added == ["notes"]


def test_a_playbook_that_ansible_cannot_read_is_refused(app: Flask, project: Path) -> None:
    (project / "apps/notes/provision.yml").write_text(
        PLAYBOOK + "    - name: Oops\n      no_such_module:\n        a: b\n"
    )

    [(place, why)] = faults(project)
    assert place == "apps/notes/provision.yml:9"
    assert "no_such_module" in why


def test_all_faults_of_all_folders_are_told_at_once(app: Flask, project: Path) -> None:
    app_folder(project, "notes", colour="red")
    app_folder(project, "other", colour="red")
    app_folder(project, "whole")

    places = [place.split(":")[0] for place, _ in faults(project)]

    assert places == ["apps/notes/app.yml", "apps/other/app.yml"]
    assert queries.apps() == []


def test_a_folder_named_otherwise_than_its_app_is_refused(app: Flask, project: Path) -> None:
    app_folder(project, "notes", slug="letters")

    assert faults(project) == [("apps/notes/app.yml:1", "the slug is letters, the folder notes")]
