"""The inventory on the command line."""

import json
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from sqlalchemy import func, select

from provisioner.db import db, transaction
from provisioner.errors import NotFound
from provisioner.hosts import service as hosts
from provisioner.hosts.models import Host, HostState
from provisioner.instances.cli import instances
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from tests import factories


def run(*arguments: str) -> str:
    done = CliRunner().invoke(instances, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def answered(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--output", "json"))


@pytest.fixture
def instance(app: Flask) -> Instance:
    factories.host()
    factories.app("complaints")
    factories.app("open-data")
    return factories.instance(factories.administration("commune-a"), release="1.0")


def test_instances_are_listed_and_narrowed(instance: Instance) -> None:
    factories.instance(factories.administration("commune-b"), "open-data")

    assert [each["hostname"].split(".")[0] for each in answered("list")] == [
        "complaints-commune-a",
        "open-data-commune-b",
    ]
    assert [each["id"] for each in answered("list", "--administration", "commune-a", "--state", "active")] == [
        str(instance.id)
    ]
    table = run("list", "--app", "complaints")
    assert (instance.short_id in table, "commune-a" in table, "commune-b" in table) == (True, True, False)


def test_an_instance_is_shown_now_and_as_it_was(instance: Instance) -> None:
    then = db.session.scalars(select(func.clock_timestamp())).one().isoformat()
    factories.asked_to(Action.UPDATE, instance.id)
    factories.carried_out()

    assert answered("show", instance.short_id)["applied"] == "2.0"
    assert answered("show", instance.hostname, "--as-of", then)["applied"] == "1.0"
    assert "http://127.0.0.1:20000/" in run("show", str(instance.id))


def test_an_unknown_instance_is_not_found(app: Flask) -> None:
    with pytest.raises(NotFound):
        run("show", "nowhere")


def test_a_date_that_is_none_is_a_mistake_of_usage(app: Flask) -> None:
    done = CliRunner().invoke(instances, ["list", "--as-of", "yesterday"])

    assert (done.exit_code, "give a day" in done.stderr) == (2, True)


def test_names_are_told_as_records_that_lead_to_their_servers(app: Flask) -> None:
    factories.app("complaints")
    facts = {"isolated": True, "proxy": {"scheme": "http"}}
    for number, address in enumerate(("192.0.2.11", "2001:db8::1", "rabat-1.example")):
        host = factories.host(f"server-{number}", ports=(None, None), facts=facts)
        with transaction():
            db.session.get_one(Host, host.id).address = address
        factories.instance(factories.administration(f"commune-{number}"), release="1.0")
        with transaction():
            hosts.turn(host.name, HostState.CORDONED, "test")
    factories.host("with-ports")
    factories.instance(factories.administration("commune-by-port"), release="1.0")

    lines = [line.partition(".") for line in run("names", "--ttl", "60").splitlines()]

    assert [(name, rest.partition(" ")[2]) for name, _, rest in lines] == [
        ("complaints-commune-0", "60 IN A 192.0.2.11"),
        ("complaints-commune-1", "60 IN AAAA 2001:db8::1"),
        ("complaints-commune-2", "60 IN CNAME rabat-1.example."),
    ]
