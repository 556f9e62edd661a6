"""Where new instances go, and what people read where they cannot go anywhere."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from provisioner.accounts import service as accounts
from provisioner.accounts.policy import Role
from provisioner.db import db, transaction
from provisioner.hosts import service as hosts
from provisioner.hosts.models import HostState
from provisioner.instances import desired, digests
from provisioner.instances.models import Instance
from provisioner.instances.placement import NoRoom
from tests import factories
from tests.factories import Api
from tests.statements import counted
from tests.threads import in_threads

ISOLATED = {"isolated": True, "proxy": {"scheme": "https"}}


def placed(app: str = "complaints") -> str:
    """The host that the next instance goes to."""
    job = factories.asked(factories.administration().id, app)
    return db.session.scalars(text("SELECT name FROM host WHERE id = :id").bindparams(id=job.host_id)).one()


def refused(api: Api, app: str = "complaints") -> Any:
    body = {"administration": factories.administration().slug, "app": app, "reason": "test"}
    answer = api.post("/requests", json=body)
    assert answer.status_code == 409, answer.text
    return answer.json


@pytest.fixture
def operator(app: Flask) -> Api:
    """Who reads English."""
    return reader(app, "en")


def reader(app: Flask, language: str) -> Api:
    api = Api(app, Role.OPERATOR)
    assert api.account
    with transaction():
        accounts.set_language(api.account.id, language)
    return api


def test_instances_go_to_the_host_with_the_most_free_share_of_memory(app: Flask) -> None:
    factories.host("small", memory_mb=128)
    factories.host("large", memory_mb=640)
    factories.app()

    assert [placed() for _ in range(7)] == ["large", "small", "large", "large", "large", "large", "small"]


def test_what_was_planned_counts_and_what_was_removed_does_not(app: Flask) -> None:
    factories.host(memory_mb=64)
    factories.app()
    job = factories.asked(factories.administration().id)
    with pytest.raises(NoRoom):
        placed()

    with transaction() as session:
        session.execute(text("UPDATE instance SET state = 'removed' WHERE id = :id"), {"id": job.instance_id})

    assert placed() == "server"


def test_two_who_ask_at_once_do_not_both_get_the_last_room(app: Flask) -> None:
    factories.host(memory_mb=64)
    factories.app()
    administrations = [factories.administration().id for _ in range(4)]
    refusals: list[NoRoom] = []

    def ask(administration_id: Any) -> None:
        try:
            factories.asked(administration_id)
        except NoRoom as refusal:
            refusals.append(refusal)

    in_threads(app, [lambda each=each: ask(each) for each in administrations])

    assert (len(refusals), len(db.session.scalars(select(Instance)).all())) == (3, 1)


def test_data_that_are_restricted_stay_in_the_country_and_others_need_not(app: Flask, operator: Api) -> None:
    factories.host("paris", country="FR")
    factories.app("complaints", classification="restricted")
    factories.app("open-data", classification="public")

    assert placed("open-data") == "paris"
    problem = refused(operator)
    assert (problem["code"], problem["hosts"]) == ("no-room", [{"host": "paris", "reason": "country"}])
    assert problem["detail"] == "No server is in Morocco, which the data of complaints do not leave."


@pytest.mark.parametrize(
    ("language", "detail"),
    [
        ("en", "No server in Morocco has 64 MB of memory free."),
        ("fr", "Aucun serveur du pays (Maroc) n’a 64 Mo de mémoire libres."),
        ("ar", "لا يوجد في المغرب خادم فيه 64 ميغابايت متاحة من الذاكرة."),
    ],
)
def test_the_refusal_is_a_sentence_in_the_readers_language(app: Flask, language: str, detail: str) -> None:
    factories.host("full", memory_mb=63)
    factories.host("paris", country="FR")
    factories.app(classification="restricted")

    problem = refused(reader(app, language))

    assert (problem["detail"], problem["country"]) == (detail, "MA")
    assert problem["hosts"] == [{"host": "full", "reason": "memory"}, {"host": "paris", "reason": "country"}]


@pytest.mark.parametrize(
    ("host", "app_needs", "detail"),
    [
        ({"disk_mb": 199}, {}, "No server has 200 MB of disk free."),
        ({"ports": (None, None)}, {}, "No server has a free port."),
        ({}, {"host_labels": ["ssd", "gpu"]}, "No server has all the labels that complaints asks for: gpu, ssd."),
    ],
)
def test_each_rule_has_its_sentence(
    app: Flask, operator: Api, host: dict[str, Any], app_needs: dict[str, Any], detail: str
) -> None:
    factories.host(**host)
    factories.app(**app_needs)

    assert refused(operator)["detail"] == detail


def test_a_host_that_takes_nothing_new_gets_nothing_new(app: Flask, operator: Api) -> None:
    factories.app()
    assert refused(operator)["detail"] == "No server is registered."

    factories.host()
    with transaction():
        hosts.turn("server", HostState.CORDONED, "repairs")

    assert refused(operator)["detail"] == "No server takes new instances."


def test_an_app_goes_where_its_labels_are(app: Flask) -> None:
    factories.host("a-plain")
    factories.host("labelled", labels=["ssd", "gpu"])
    factories.app(host_labels=["ssd"])

    assert placed() == "labelled"


@pytest.mark.parametrize(
    ("proxy", "address"),
    [
        ({"scheme": "https"}, "https://complaints-sale.apps.example/"),
        ({"scheme": "https", "port": 443}, "https://complaints-sale.apps.example/"),
        ({"scheme": "http", "port": 8080}, "http://complaints-sale.apps.example:8080/"),
    ],
)
def test_on_an_isolated_host_an_instance_has_a_name_and_no_port(
    app: Flask, proxy: dict[str, Any], address: str
) -> None:
    factories.host(ports=(None, None), facts={"isolated": True, "proxy": proxy})
    factories.app()

    instance = factories.instance(factories.administration("sale"))

    assert (instance.port, instance.address) == (None, address)
    [row] = desired.rows([instance.id], None)
    told = desired.instance(row)["instance"]
    assert (told["port"], told["url"]) == (None, address.rstrip("/"))
    assert digests.of([instance.id])


def test_hosts_with_and_without_ports_stand_side_by_side(app: Flask) -> None:
    factories.host("by-name", ports=(None, None), facts=ISOLATED)
    factories.host("by-port", ports=(20000, 20001))
    factories.app()

    instances = [factories.instance(factories.administration(f"commune-{number}-x")) for number in range(6)]

    assert sorted(instance.port or 0 for instance in instances) == [0, 0, 0, 0, 20000, 20001]


def test_to_place_costs_the_same_however_many_instances_there_are(app: Flask) -> None:
    factories.host()
    factories.app()
    with counted() as first:
        placed()
    for _ in range(5):
        placed()
    with counted() as later:
        placed()

    assert len(later) == len(first)


def test_what_if_tells_where_instances_would_go_and_what_stops_the_next_and_changes_nothing(
    app: Flask, operator: Api
) -> None:
    factories.host("a", memory_mb=64 * 3)
    factories.host("b", memory_mb=64 * 2)
    factories.host("c", country="FR", memory_mb=10_000)
    factories.app(classification="restricted")
    before = factories.row_counts()

    foreseen = operator.get("/hosts/placement", query_string={"app": "complaints", "count": 10}).json

    assert foreseen == {
        "app": "complaints",
        "count": 10,
        "placed": 5,
        "hosts": [
            {"host": "a", "instances": 3, "refusal": "memory"},
            {"host": "b", "instances": 2, "refusal": "memory"},
            {"host": "c", "instances": 0, "refusal": "country"},
        ],
        "stopped": "No server in Morocco has 64 MB of memory free.",
    }
    assert factories.row_counts() == before
    assert operator.get("/hosts/placement", query_string={"app": "complaints"}).json["stopped"] is None
    assert operator.get("/hosts/placement", query_string={"app": "nothing"}).status_code == 404


def test_what_was_foreseen_is_what_comes(app: Flask, operator: Api) -> None:
    for name, memory in (("a", 500), ("b", 300), ("c", 200)):
        factories.host(name, memory_mb=memory)
    factories.app()
    foreseen = operator.get("/hosts/placement", query_string={"app": "complaints", "count": 9}).json["hosts"]

    came = [placed() for _ in range(9)]

    assert {share["host"]: share["instances"] for share in foreseen} == {name: came.count(name) for name in "abc"}


def test_moves_are_proposed_that_would_even_out_memory(app: Flask, operator: Api) -> None:
    factories.host("full", memory_mb=256)
    factories.app()
    for number in range(4):
        factories.instance(factories.administration(f"commune-{number}-y"))
    factories.host("empty", memory_mb=256)

    moves = operator.get("/hosts/rebalance").json["items"]

    assert [(move["from"], move["to"], move["why"]) for move in moves] == [("full", "empty", "memory")] * 2
    assert len({move["instance_id"] for move in moves}) == 2
    assert all(move["hostname"].startswith("complaints-commune-") for move in moves)
