"""The pages of the servers, and what the home page says of those that do not answer."""

from typing import Any

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.db import transaction
from provisioner.estate import service as estate
from provisioner.hosts import service
from provisioner.hosts.models import HostState
from tests import factories
from tests.visitors import Visitor


def test_a_server_that_does_not_answer_is_shown_as_parked_and_on_the_home_page(app: Flask) -> None:
    host = factories.host()
    visitor = Visitor(app, Role.VIEWER)
    assert "Answers" in visitor.get("/hosts").text

    with transaction():
        service.park(host.id)

    assert "Parked" in visitor.get("/hosts").text
    assert "One server does not answer; its jobs wait." in visitor.get("/").text


def test_a_server_shows_how_many_jobs_it_carries_out_of_how_many(app: Flask) -> None:
    factories.host(slots=7)
    factories.app()
    factories.asked(factories.administration().id)
    factories.claimed()

    assert "1 of 7" in Visitor(app, Role.VIEWER).get("/hosts").text


def test_where_no_server_is_the_page_says_what_to_do(app: Flask) -> None:
    assert "No server is registered" in Visitor(app, Role.VIEWER).get("/hosts").text


def test_the_list_shows_how_much_of_the_capacity_is_taken(app: Flask) -> None:
    factories.host(memory_mb=1280)
    factories.app()
    factories.asked(factories.administration().id)

    page = Visitor(app, Role.VIEWER).get("/hosts").text

    assert "64 of 1,280 MB" in page
    assert "5%" in page
    assert "200 MB" in page


@pytest.mark.parametrize(
    ("language", "direction", "country"), [("ar", "rtl", "المغرب"), ("fr", "ltr", "Maroc"), ("en", "ltr", "Morocco")]
)
def test_the_page_of_a_server_speaks_the_language_of_the_reader(
    app: Flask, language: str, direction: str, country: str
) -> None:
    factories.host(labels=["ssd"])

    page = Visitor(app, Role.VIEWER, language=language).get("/hosts/server").text

    for part in (f'dir="{direction}"', country, "ssd", "20000–20999"):
        assert part in page


def test_the_page_of_a_server_turns_the_pages_of_its_instances(app: Flask) -> None:
    factories.host()
    factories.app()
    for number in range(3):
        factories.instance(factories.administration(f"commune-{number}-z"))
    visitor = Visitor(app, Role.VIEWER)

    page = visitor.get("/hosts/server?page_size=2").text

    assert page.count("complaints-commune-") == 2
    assert 'rel="next"' in page
    assert visitor.get("/hosts/nothing").status_code == 404


def test_a_server_is_registered_with_a_form_that_keeps_what_was_typed_when_it_is_refused(
    app: Flask, wanted: dict[str, Any]
) -> None:
    visitor = Visitor(app, Role.ADMINISTRATOR)
    typed = {**wanted, "country": "MA", "port": "22", "slots": "4", "labels": "ssd, gpu  big", "memory_mb": ""}

    refused = visitor.post("/hosts", **typed | {"host_key": "nothing", "name": "<b>"})
    assert refused.status_code == 422
    for part in ("rabat-1.example", "Small letters, digits and hyphens, at most 32, a letter first.", "&lt;b&gt;"):
        assert part in refused.text
    key_refused = visitor.post("/hosts", **typed | {"host_key": "nothing"})
    assert "This is neither a key nor a line about this server." in key_refused.text

    assert visitor.post("/hosts", **typed).location == "/hosts/rabat-1"
    page = visitor.get("/hosts/rabat-1").text
    for part in ("SHA256:", "ssd", "gpu", "big", "This server is not prepared"):
        assert part in page


def test_a_server_is_changed_with_a_form_that_shows_what_is_there(app: Flask, wanted: dict[str, Any]) -> None:
    visitor = Visitor(app, Role.ADMINISTRATOR)
    typed = {**wanted, "country": "MA", "port": "22", "slots": "4", "memory_mb": "512"}
    visitor.post("/hosts", **typed)
    form = visitor.get("/hosts/rabat-1/change").text
    assert 'value="512"' in form
    assert "/etc/provisioner/ssh/id_ed25519" in form

    without = {name: value for name, value in typed.items() if name not in {"name", "host_key", "memory_mb"}}
    assert visitor.post("/hosts/rabat-1/change", **without | {"labels": "ssd"}).location == "/hosts/rabat-1"

    page = visitor.get("/hosts/rabat-1").text
    assert ("512 MB" in page, "ssd" in page, "SHA256:" in page) == (False, True, True)


def test_this_machine_is_changed_with_a_form_that_says_nothing_of_ssh(app: Flask) -> None:
    factories.host()
    visitor = Visitor(app, Role.ADMINISTRATOR)

    assert "private_key_file" not in visitor.get("/hosts/server/change").text
    visitor.post("/hosts/server/change", site="here", country="MA", slots="3", memory_mb="640", reason="test")

    assert "0 of 640 MB" in visitor.get("/hosts/server").text


def test_a_server_is_cordoned_on_its_page_and_not_retired_with_instances(app: Flask) -> None:
    factories.host()
    factories.app()
    factories.asked(factories.administration().id)
    visitor = Visitor(app, Role.ADMINISTRATOR)

    visitor.post("/hosts/server/state", state="cordoned", reason="repairs")
    assert "Takes nothing new" in visitor.get("/hosts").text

    assert visitor.post("/hosts/server/state", state="retired", reason="old").status_code == 409


def test_what_keeps_several_apps_on_a_drained_server_is_told_once(app: Flask) -> None:
    factories.host()
    for slug in ("complaints", "letters"):
        factories.app(slug)
        factories.instance(factories.administration(), slug, release="1.0")
    with transaction():
        estate.turn("server", HostState.DRAINING, "leaves in June")

    page = Visitor(app, Role.VIEWER).get("/hosts/server")

    assert page.text.count("PROVISIONER_BACKUP_STORE") == 1


def test_who_may_not_administer_sees_no_forms(app: Flask) -> None:
    factories.host()
    visitor = Visitor(app, Role.OPERATOR)

    assert "/hosts/new" not in visitor.get("/hosts").text
    assert "/change" not in visitor.get("/hosts/server").text
    assert visitor.get("/hosts/new").status_code == 403
