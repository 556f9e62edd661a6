"""What Ansible understands of the inventory that we write: texts, as they were given, and never a template."""

import json
import os
import subprocess
import sys
from pathlib import Path

from worker import inventory

PLAYBOOK = """
- hosts: instances
  gather_facts: false
  tasks:
    - ansible.builtin.copy:
        content: "{{ given | to_json }}"
        dest: "{{ file }}"
        mode: "0600"
    - ansible.builtin.debug:
        msg: "{{ given.texts }} {{ given.texts[0] }}"
"""
TEXTS = [
    *("on", "no", "1.10", "0123", "1:30", "2024-01-01", "2024-02-30", "", "=", "<<", "~", ".inf", "null", "!unsafe x"),
    *("$(id)", "`id`", "{% raw %}", "%(here)s", "a: b", "- a", "# a", "'", '"', "\\", "line\nline", "\ttab", "\u2028"),
    *("\x85", "\ufeff", "\U0001f600", "طنجة", "é" * 5000),
]


def test_every_text_arrives_as_it_was_and_nothing_is_evaluated(tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    evil = f"{{{{ lookup('pipe', 'touch {planted}') }}}}"
    given = {"texts": [evil, *TEXTS], "others": [1, -5, True, False, None, 1.5], "deep": {"list": [{"text": evil}]}}
    given |= {"keys": {text: text for text in [evil, *TEXTS]}}
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    book, hosts, answer = tmp_path / "book.yml", tmp_path / "hosts.yml", tmp_path / "answer.json"
    book.write_text(PLAYBOOK)

    inventory.write(hosts, {}, {"abc": here | {"given": given, "file": str(answer)}})

    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(hosts), str(book)],
        env={**os.environ, "LC_ALL": "C.UTF-8"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(answer.read_text()) == given
    assert not planted.exists()
    assert oct(hosts.stat().st_mode)[-3:] == "600"
