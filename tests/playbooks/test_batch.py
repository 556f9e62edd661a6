"""One run for many instances: how Ansible goes through them with our configuration."""

import json
import os
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import ansible_runner
import pytest

from worker.inventory import write

from .runs import PLAYBOOKS

FAILING, UNREACHABLE = "a000000003", "a000000005"
INSTANCES = [f"a{number:09}" for number in range(1, 16)]
PLAY = """
- name: The server first
  hosts: servers
  gather_facts: false
  tasks:
    - name: Give the server the release
      ansible.builtin.assert: {that: "true"}
- name: Then the instances
  hosts: instances
  gather_facts: false
  tasks:
    - name: Move
      block:
        - name: Reach it
          ansible.builtin.ping:
          when: inventory_hostname == "a000000005"
        - name: Change it
          ansible.builtin.assert: {that: inventory_hostname != "a000000003"}
        - name: See it
          ansible.builtin.assert: {that: "true"}
      rescue:
        - name: Go back
          ansible.builtin.assert: {that: "true"}
        - name: Tell why
          ansible.builtin.fail: {msg: "{{ ansible_failed_task.name }} failed"}
"""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("batch")
    (folder / "batch.yml").write_text(PLAY)
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    nowhere = {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1}
    instances = {name: here | (nowhere if name == UNREACHABLE else {}) for name in INSTANCES}
    write(folder / "inventory.yml", {"here": here}, instances)
    said: list[dict[str, Any]] = []
    ansible_runner.run(
        private_data_dir=str(folder),
        project_dir=str(folder),
        playbook="batch.yml",
        inventory=str(folder / "inventory.yml"),
        envvars={
            "ANSIBLE_CONFIG": str(PLAYBOOKS / "ansible.cfg"),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        },
        event_handler=lambda event: said.append(event),  # noqa: PLW0108 - it must not return what append does not
        quiet=True,
    )
    return said


def story(events: list[dict[str, Any]], host: str) -> list[tuple[str, str]]:
    told = ((event["event"], event["event_data"]) for event in events)
    return [
        (data["task"], kind.removeprefix("runner_on_"))
        for kind, data in told
        if data.get("host") == host and kind != "runner_on_start"
    ]


def test_one_that_fails_goes_back_alone(events):
    statistics = events[-1]["event_data"]

    assert story(events, FAILING) == [
        ("Reach it", "skipped"),
        ("Change it", "failed"),
        ("Go back", "ok"),
        ("Tell why", "failed"),
    ]
    assert set(statistics["failures"]) == {FAILING}
    assert "Change it failed" in json.dumps(events)


def test_one_that_cannot_be_reached_is_left_alone(events):
    assert story(events, UNREACHABLE) == [("Reach it", "unreachable")]
    assert set(events[-1]["event_data"]["dark"]) == {UNREACHABLE}


def test_all_others_come_to_their_end(events):
    others = set(INSTANCES) - {FAILING, UNREACHABLE}

    assert all(story(events, name)[-1] == ("See it", "ok") for name in others)


def test_no_more_of_them_are_half_done_than_there_are_forks(events):
    configuration = ConfigParser()
    configuration.read(PLAYBOOKS / "ansible.cfg")
    forks = configuration.getint("defaults", "forks")
    hosts = [event["event_data"].get("host") for event in events]
    of_instances = [host for host in hosts if host in INSTANCES]

    half_done = [set(of_instances[: place + 1]) & set(of_instances[place + 1 :]) for place in range(len(of_instances))]

    assert max(map(len, half_done)) <= forks < len(INSTANCES)
