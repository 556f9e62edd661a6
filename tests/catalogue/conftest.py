"""A folder of playbooks with one small app, for tests to break."""

from pathlib import Path
from typing import Any

import pytest
import yaml

WORDS = {"ar": "ملاحظات", "fr": "Notes", "en": "Notes"}
MANIFEST: dict[str, Any] = {
    "slug": "notes",
    "name": WORDS,
    "summary": WORDS,
    "category": "test",
    "owner": "The agency",
    "tenancy": "dedicated",
    "classification": "public",
    "releases": [
        {"version": "1.0", "state": "deprecated", "runtime": "runtimes/1.0.txt"},
        {"version": "2.0", "state": "current", "runtime": "runtimes/1.0.txt"},
    ],
    "actions": ["provision"],
    "concurrency": 1,
    "timeouts": {"provision": 60},
    "retry_safe": ["provision"],
    "health": {"page": "/", "timeout": 10},
    "resources": {"memory_mb": 10, "disk_mb": 10},
    "secrets": [],
    "facts": {},
}
PARAMETERS: dict[str, Any] = {
    "options": {"title": {"type": "str", "required": True, "description": "What it is called.", "label": WORDS}}
}
PLAYBOOK = """---
- name: Nothing much
  hosts: instances
  gather_facts: false
  tasks:
    - name: Say something
      ansible.builtin.debug:
        msg: hello
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Playbooks with the app `notes`."""
    app_folder(tmp_path, "notes")
    (tmp_path / "ansible.cfg").write_text("[defaults]\n")
    return tmp_path


def app_folder(project: Path, named: str, **changes: Any) -> Path:
    """An app's folder, whole; `changes` are of its manifest."""
    folder = project / "apps" / named
    (folder / "runtimes").mkdir(parents=True, exist_ok=True)
    (folder / "runtimes" / "1.0.txt").write_text("")
    (folder / "provision.yml").write_text(PLAYBOOK)
    write_yaml(folder / "app.yml", {**MANIFEST, "slug": named, **changes})
    write_yaml(folder / "parameters.yml", PARAMETERS)
    return folder


def write_yaml(file: Path, content: Any) -> None:
    file.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False))
