"""The folder to copy is an app as soon as it is one."""

from pathlib import Path

import yaml
from flask import Flask

from provisioner.catalogue import folders, queries
from provisioner.catalogue.cli import sync_catalogue
from tests.playbooks.runs import COPIED, PLAYBOOKS, with_the_template


def test_a_copy_of_the_template_becomes_an_app_with_every_action(app: Flask, tmp_path: Path) -> None:
    project = with_the_template(tmp_path / "playbooks")

    synced = sync_catalogue(project)

    copied = queries.by_slug(COPIED)
    assert COPIED in synced.added
    assert {f"{action}.yml" for action in copied.manifest["actions"]} == {
        path.name for path in (PLAYBOOKS / "template/my-app").glob("*.yml")
    } - {"app.yml", "parameters.yml"}
    assert [(release.version, release.state) for release in copied.releases] == [
        ("3.0.0", "deprecated"),
        ("3.0.2", "current"),
    ]


def test_the_template_shows_every_kind_of_parameter_and_is_not_offered_itself() -> None:
    project = folders.project()
    parameters = yaml.safe_load((project / "template/my-app/parameters.yml").read_text(encoding="utf-8"))

    shown = parameters["options"].values()
    words = {word for parameter in shown for word in parameter}
    assert {parameter["type"] for parameter in shown} == {"str", "int", "bool"}
    assert words >= {"required", "default", "pattern", "choices", "max_length", "minimum", "maximum", "immutable_after"}
    assert "my-app" not in folders.slugs(project)
