"""The apps that come with the service: what each uses is what it asks for."""

import re
from pathlib import Path

import pytest

from provisioner.catalogue import folders
from tests.playbooks.runs import PLAYBOOKS

NAMED = {"secrets": re.compile(r"\bsecrets\.(\w+)"), "parameters": re.compile(r"\bparameters\.(\w+)")}


def used(folder: Path, kind: str) -> set[str]:
    texts = [path.read_text(encoding="utf-8") for ending in ("yml", "j2") for path in folder.rglob(f"*.{ending}")]
    return {name for text in texts for name in NAMED[kind].findall(text)}


@pytest.mark.parametrize("slug", folders.slugs(PLAYBOOKS))
def test_an_app_uses_no_secret_and_no_parameter_that_it_does_not_ask_for(slug: str) -> None:
    app, folder = folders.read(PLAYBOOKS, slug), PLAYBOOKS / "apps" / slug

    assert used(folder, "secrets") <= set(app.manifest["secrets"])
    assert used(folder, "parameters") <= {parameter["name"] for parameter in app.parameters}


def test_what_an_app_uses_is_found() -> None:
    folder = PLAYBOOKS / "apps/consultations"

    assert used(folder, "secrets") == {"admin_password"}
    assert {"moderated", "comments_per_minute"} <= used(folder, "parameters")
