"""Servers on the command line."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask

from provisioner.cli import provisioner
from provisioner.errors import Conflict, Invalid
from provisioner.estate.cli import hosts
from tests import factories

SERVER = (
    "--address", "192.0.2.7", "--site", "rabat", "--user", "provisioner", "--private-key-file", "/etc/key",
    "--reason", "bought",
)  # fmt: skip


def run(*arguments: str, given: str | None = None) -> str:
    done = CliRunner().invoke(hosts, arguments, input=given, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def answered(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--output", "json"))


def test_a_server_is_registered_with_what_ssh_keyscan_prints(app: Flask, key: str) -> None:
    shown = run("add", "rabat-1", *SERVER, "--host-key", "-", "--label", "ssd", given=f"# banner\n192.0.2.7 {key}\n")

    assert "SHA256:" in shown
    host = answered("show", "rabat-1")
    assert (host["labels"], host["memory_mb"], host["ssh"]["port"]) == (["ssd"], None, 22)


def test_what_is_not_given_stays_and_zero_takes_a_limit_away(app: Flask, key: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(key)
    run("add", "rabat-1", *SERVER, "--host-key", str(tmp_path / "key"), "--memory", "100", "--disk", "200")

    run("set", "rabat-1", "--memory", "0", "--slots", "9", "--reason", "test")

    host = answered("show", "rabat-1")
    assert (host["memory_mb"], host["disk_mb"], host["slots"], host["address"]) == (None, 200, 9, "192.0.2.7")


def test_what_the_api_refuses_is_refused(app: Flask, key: str) -> None:
    with pytest.raises(Invalid) as refusal:
        run("add", "all", *SERVER, "--host-key", "-", given=key)

    assert [error["pointer"] for error in refusal.value.errors] == ["/name"]


def test_a_server_is_brought_into_each_state(app: Flask) -> None:
    factories.host()

    states = [
        answered(verb, "server", "--reason", "test")["state"] for verb in ("cordon", "drain", "activate", "retire")
    ]

    assert states == ["cordoned", "draining", "active", "retired"]


def test_a_server_with_instances_is_not_retired(app: Flask) -> None:
    factories.host(memory_mb=640)
    factories.app()
    factories.asked(factories.administration().id)

    with pytest.raises(Conflict, match="server still has instances: 1"):
        run("retire", "server", "--reason", "test")

    assert "64 of 640" in run("list")


def test_a_command_says_why_there_is_no_room(app: Flask) -> None:
    factories.host(memory_mb=63)
    factories.app(classification="restricted")

    told = CliRunner().invoke(provisioner, ["hosts", "what-if", "complaints"])

    assert "One more would not: No server in Morocco has 64 MB of memory free." in told.output


def test_what_if_and_rebalance_are_read(app: Flask) -> None:
    factories.host(memory_mb=128)
    factories.app()
    for _ in range(2):
        factories.instance(factories.administration())

    told = run("what-if", "complaints", "--count", "3")
    assert "0 of 3 would find a place." in told
    assert "One more would not: No server has 64 MB of memory free." in told
    assert answered("rebalance") == []
    factories.host("empty", memory_mb=128)
    assert [(move["from"], move["to"]) for move in answered("rebalance")] == [("server", "empty")]
    assert "empty" in run("rebalance")
