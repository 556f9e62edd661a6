"""The page of findings."""

from datetime import date

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.findings.lifecycle import FindingState
from provisioner.hosts.models import Host
from provisioner.instances.models import Instance
from tests.findings.looks import found, kinds, looked, report
from tests.visitors import Visitor

HOSTILE = "<b>x</b>"


@pytest.mark.parametrize(
    ("language", "title", "kind"),
    [("ar", "الملاحظات", "مجلد مجهول"), ("fr", "Constats", "Dossier inconnu"), ("en", "Findings", "Unknown folder")],
)
def test_the_page_speaks_the_language_of_the_reader_and_escapes_what_hosts_tell(
    app: Flask, host: Host, language: str, title: str, kind: str
) -> None:
    looked(host, report(folders={"instances": [HOSTILE]}))

    page = Visitor(app, Role.VIEWER, language=language).get("/findings")

    assert page.status_code == 200
    assert f"<title>{title}" in page.text
    assert kind in page.text
    assert "&lt;b&gt;x&lt;/b&gt;" in page.text
    assert HOSTILE not in page.text


def test_every_kind_of_finding_is_shown_with_what_was_seen(
    app: Flask, host: Host, instance: Instance, other: Instance
) -> None:
    told = report(instance, other, databases=["stray00001"])
    told["services"][instance.short_id] = {"state": "fatal", "serves": "complaints-2.0"}
    del told["services"][other.short_id]
    looked(host, told)

    page = Visitor(app, Role.OPERATOR).get("/findings").text

    for words in ("Its service does not run", "and should serve", "No service of its name", "knows no such name"):
        assert words in page


def test_the_home_page_counts_what_waits(app: Flask, host: Host) -> None:
    looked(host, report(databases=["stray00001"]))

    assert "Findings on servers" in Visitor(app, Role.VIEWER).get("/").text


def test_who_may_not_decide_is_not_asked_to(app: Flask, host: Host) -> None:
    looked(host, report(databases=["stray00001"]))

    assert "Take away" in Visitor(app, Role.ADMINISTRATOR).get("/findings").text
    assert "Take away" not in Visitor(app, Role.OPERATOR).get("/findings").text
    assert "Ignore" not in Visitor(app, Role.VIEWER).get("/findings").text.partition('id="results"')[2]


def test_decisions_are_made_with_forms(app: Flask, host: Host, instance: Instance) -> None:
    visitor = Visitor(app, Role.ADMINISTRATOR)
    looked(host, report(instance, services={}, databases=["stray00001", "stray00002"]))
    ids = {each.subject: each.id for each in found()}

    repaired = visitor.post(f"/findings/{ids[instance.short_id]}/repair", reason="night")
    removed = visitor.post(f"/findings/{ids['stray00001']}/remove", reason="old")
    ignored = visitor.post(f"/findings/{ids['stray00002']}/ignore", reason="known", until=f"{date(2099, 1, 31)}")
    looks = visitor.post("/findings/looks")

    assert [each.status_code for each in (repaired, removed, ignored, looks)] == [303] * 4
    assert "/jobs/" in repaired.headers["Location"]
    assert kinds() == set()
    assert kinds(FindingState.CLEARING) == {("unknown_database", "stray00001")}
    assert "Ignored for now" in visitor.get("/findings?state=ignored").text


def test_a_refused_decision_says_why(app: Flask, host: Host) -> None:
    looked(host, report(databases=["stray00001"]))
    (finding,) = found()

    refused = Visitor(app, Role.OPERATOR).post(f"/findings/{finding.id}/repair", reason="x")

    assert refused.status_code == 409
    assert "nothing in the register says" in refused.text
