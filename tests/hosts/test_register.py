"""Servers are registered, changed and taken out of use: through the API."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from provisioner.accounts.policy import Role
from provisioner.audit.models import AuditEvent
from provisioner.db import db
from provisioner.hosts import queries
from tests import factories, ssh
from tests.factories import Api, row_counts
from tests.visitors import Visitor


def fingerprint(key: str, folder: Path) -> str:
    """As ssh-keygen shows it."""
    (folder / "key.pub").write_text(key)
    return subprocess.run(
        ["ssh-keygen", "-lf", folder / "key.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]


def sentences(app: Flask) -> str:
    return Visitor(app, Role.AUDITOR).get("/audit").text


def test_a_server_is_registered_with_pinned_keys_and_gets_nothing_before_it_is_prepared(
    app: Flask, administrator: Api, wanted: dict[str, Any], key: str, tmp_path: Path
) -> None:
    answer = administrator.post("/hosts", json={**wanted, "memory_mb": 4096, "labels": ["ssd"]})

    assert answer.status_code == 201
    assert answer.headers["Location"].endswith("/api/v1/hosts/rabat-1")
    shown = administrator.get("/hosts/rabat-1").json
    assert shown == answer.json
    told = {
        name: shown[name] for name in ("country", "state", "prepared", "memory_mb", "disk_mb", "labels", "port_first")
    }
    assert told == {
        "country": "MA", "state": "active", "prepared": False, "memory_mb": 4096, "disk_mb": None, "labels": ["ssd"],
        "port_first": None,
    }  # fmt: skip
    assert shown["ssh"]["fingerprints"] == [f"{fingerprint(key, tmp_path)} (ssh-ed25519)"]
    assert queries.by_name("rabat-1").facts == {
        "ssh": {
            "port": 22,
            "user": "provisioner",
            "private_key_file": "/etc/provisioner/ssh/id_ed25519",
            "known_hosts": f"rabat-1.example {key}\n",
        }
    }
    factories.app()
    refused = administrator.get("/hosts/placement", query_string={"app": "complaints"}).json
    assert refused["hosts"] == [{"host": "rabat-1", "instances": 0, "refusal": "not_prepared"}]
    assert "registered the server <bdi>rabat-1</bdi>" in sentences(app)


@pytest.mark.parametrize(
    "line",
    [
        "{key}",
        "{key} root@rabat-1",
        "[rabat-1.example]:2222 {key}",
        "# rabat-1.example:2222 SSH-2.0\n\n[rabat-1.example]:2222 {key}\n",
    ],
)
def test_a_key_is_taken_as_tools_print_it(administrator: Api, wanted: dict[str, Any], key: str, line: str) -> None:
    answer = administrator.post("/hosts", json={**wanted, "port": 2222, "host_key": line.format(key=key)})

    assert answer.status_code == 201, answer.text
    assert queries.by_name("rabat-1").facts["ssh"]["known_hosts"] == f"[rabat-1.example]:2222 {key}\n"


def test_what_is_kept_of_a_real_server_is_what_runs_reach_it_by(
    administrator: Api, wanted: dict[str, Any], tmp_path: Path
) -> None:
    with ssh.server(tmp_path / "ssh") as server:
        scan = ["ssh-keyscan", "-p", str(server.port), ssh.ADDRESS]
        heard = subprocess.run(scan, capture_output=True, text=True, check=True).stdout
        known = server.facts()
    access = {name: known[name] for name in ("port", "user", "private_key_file")}

    answer = administrator.post("/hosts", json={**wanted, **access, "address": ssh.ADDRESS, "host_key": heard})

    assert answer.status_code == 201, answer.text
    assert queries.by_name("rabat-1").facts["ssh"] == known


KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE3Cl5nNkWk1yZ2sTgDcYQ0XWq3vVJgkYcV6cQwD3b7m"
HOSTILE = {
    "name": ["Rabat", "rabat\n", "-rabat", "all", "servers", "placement", "a" * 33, "{{ x }}"],
    "address": ["-oProxyCommand=id", "a b", "rabat.example\n", "{{ x }}", "x@y", "fe80::1%eth0", "127.1", "a..b"],
    "site": ["", "a b", "-x", "local\n", "a,b"],
    "country": ["ma", "Morocco", "ZZ", "", "M\n"],
    "port": [0, 65536, "ssh"],
    "user": ["-l", "root;id", "a b", "", "root\n"],
    "private_key_file": ["id_ed25519", "~/.ssh/id", "/a/../etc/shadow", "/a b", "/%h", "/x\n", "/", "/${HOME}", '/"'],
    "memory_mb": [0, -1, 10**12, "much"],
    "labels": [["Two words"], ["{{ x }}"], ["a"] * 21, "ssd"],
    "slots": [0],
    "reason": [""],
    "host_key": [
        "", "# nothing", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-dss AAAAB3NzaC1kc3M=", f"other.example {KEY}",
        f"@cert-authority * {KEY}", f"ssh-rsa {KEY.split()[1]}", f"{KEY[:-8]}", "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
}  # fmt: skip


@pytest.mark.parametrize("field", HOSTILE)
def test_what_would_mean_something_to_ssh_or_ansible_is_refused_and_leaves_no_trace(
    administrator: Api, wanted: dict[str, Any], field: str
) -> None:
    before = row_counts()

    for value in HOSTILE[field]:
        answer = administrator.post("/hosts", json={**wanted, field: value})

        assert (answer.status_code, value) == (422, value)
        assert {error["pointer"].split("/")[1] for error in answer.json["errors"]} == {field}
    del before["idempotency_key"]
    assert {table: count for table, count in row_counts().items() if table in before} == before


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7", "Rabat-1.Example", "localhost"])
def test_addresses_are_names_and_numbers(administrator: Api, wanted: dict[str, Any], address: str) -> None:
    answer = administrator.post("/hosts", json={**wanted, "address": address})

    assert answer.json["address"] == address.lower()


def test_a_short_rsa_key_is_not_trusted(administrator: Api, wanted: dict[str, Any], tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-qt", "rsa", "-b", "1024", "-N", "", "-f", tmp_path / "key"], check=True)

    answer = administrator.post("/hosts", json={**wanted, "host_key": (tmp_path / "key.pub").read_text()})

    assert answer.json["errors"] == [{"pointer": "/host_key", "detail": "This RSA key is too short to be trusted."}]


def test_a_name_is_given_once(administrator: Api, wanted: dict[str, Any]) -> None:
    administrator.post("/hosts", json=wanted)

    again = administrator.post("/hosts", json=wanted)

    assert (again.status_code, again.json["detail"]) == (409, "Il y a déjà un serveur rabat-1.")


def test_a_dry_run_shows_the_fingerprints_and_keeps_nothing(administrator: Api, wanted: dict[str, Any]) -> None:
    answer = administrator.post("/hosts", query_string={"dry_run": "true"}, json=wanted)

    assert (answer.status_code, len(answer.json["ssh"]["fingerprints"])) == (200, 1)
    assert administrator.get("/hosts/rabat-1").status_code == 404


def test_a_change_is_kept_with_what_was_and_what_is_and_facts_of_others_stay(
    app: Flask, administrator: Api, wanted: dict[str, Any], key: str
) -> None:
    administrator.post("/hosts", json=wanted)
    host = queries.by_name("rabat-1")
    host.facts = {**host.facts, "root": "/srv"}
    db.session.commit()

    changes = {"memory_mb": 2048, "country": "FR", "address": "192.0.2.7", "port": 2222, "site": "rabat"}
    answer = administrator.call("PATCH", "/hosts/rabat-1", json={**changes, "reason": "moved"})

    assert (answer.status_code, answer.json["memory_mb"], answer.json["country"]) == (200, 2048, "FR")
    facts = queries.by_name("rabat-1").facts
    assert (facts["root"], facts["ssh"]["known_hosts"]) == ("/srv", f"[192.0.2.7]:2222 {key}\n")
    event = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "host.change")).one()
    assert event.reason == "moved"
    assert event.before == {"memory_mb": None, "country": "MA", "address": "rabat-1.example", "port": 22}
    assert event.after == {"memory_mb": 2048, "country": "FR", "address": "192.0.2.7", "port": 2222}


def test_a_change_that_changes_nothing_is_not_recorded(administrator: Api, wanted: dict[str, Any]) -> None:
    administrator.post("/hosts", json=wanted)

    administrator.call("PATCH", "/hosts/rabat-1", json={"country": "MA", "state": "active", "reason": "again"})

    assert db.session.scalars(select(AuditEvent.action).where(AuditEvent.object_type == "host")).all() == [
        "host.register"
    ]


def test_this_machine_is_not_reached_by_ssh(administrator: Api) -> None:
    factories.host("local")

    answer = administrator.call("PATCH", "/hosts/local", json={"user": "root", "reason": "test"})

    assert (answer.status_code, answer.json["code"]) == (409, "conflict")


def test_a_server_with_instances_is_not_retired_and_keeps_the_address_that_is_in_theirs(
    app: Flask, administrator: Api
) -> None:
    factories.host(facts={"ssh": {"port": 22, "user": "u", "private_key_file": "/k", "known_hosts": ""}})
    factories.app()
    factories.asked(factories.administration().id)

    for changes in ({"state": "retired"}, {"address": "192.0.2.7"}):
        answer = administrator.call("PATCH", "/hosts/server", json={**changes, "reason": "test"})
        assert (answer.status_code, answer.json["code"]) == (409, "conflict")
    assert administrator.get("/hosts/server").json["state"] == "active"


def test_a_server_without_instances_is_retired_and_stays_on_record(app: Flask, administrator: Api) -> None:
    factories.host()

    for state in ("cordoned", "draining", "retired", "active"):
        answer = administrator.call("PATCH", "/hosts/server", json={"state": state, "reason": "test"})
        assert answer.json["state"] == state

    told = sentences(app)
    for sentence in ("take nothing new", "it takes nothing new", "retired the server", "take new instances"):
        assert sentence in told


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.AUDITOR])
def test_only_administrators_change_the_register(app: Flask, wanted: dict[str, Any], role: Role) -> None:
    factories.host()
    api = Api(app, role)

    assert api.post("/hosts", json=wanted).status_code == 403
    assert api.call("PATCH", "/hosts/server", json={"state": "cordoned", "reason": "x"}).status_code == 403
    assert api.get("/hosts/server").status_code == 200
