"""A rotation that tells both sets of secrets in every way, a link that hands one over, and then all places."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import psycopg
import pytest

from provisioner.embedded.layout import DATABASE, SUPERUSER
from provisioner.jobs.redaction import HIDDEN
from tests.running import Service, running, wait_for

pytestmark = pytest.mark.journey
PLAYBOOKS = Path(__file__).with_name("playbooks")
TEXTS = """
    SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    settings = {"playbooks_dir": str(PLAYBOOKS), "log_format": "json"}
    yield from running(Service(tmp_path_factory.mktemp("renewing"), settings=settings, forgetful=True))


@dataclass(frozen=True)
class Told:
    """What the service was made to know, and what it answered."""

    job: Any
    link: str
    page: str
    canaries: list[str]


@pytest.fixture(scope="module")
def told(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Told:
    file = tmp_path_factory.mktemp("known") / "secrets"
    job = rotated(service, file)
    known = json.loads(file.with_name("secrets.rotated").read_text())
    wish = {"secret": "admin_password", "reason": "For Amina"}
    link = service.post(f"/instances/{job['instance_id']}/handovers", wish)["link"]
    plain = [*known["secrets"].values(), *known["previous_secrets"].values(), link.rpartition("/")[2]]
    assert len(set(plain)) == 5
    forms = [form for word in plain for form in (word, word.encode().hex(), word[:12], word[-12:])]
    return Told(job, link, opened(link), forms)


def rotated(service: Service, file: Path) -> Any:
    """An instance of the talker, said to be provisioned, whose secrets were renewed."""
    made = service.post("/administrations", {"kind": "commune", "slug": "commune", "names": {"fr": "Commune"}})
    wish = {"administration": made["id"], "app": "talker", "reason": "test", "settings": {"file": str(file)}}
    first = service.post("/requests", wish)
    wait_for("the secrets", lambda: file.exists() and file.read_text(), 90)
    service.post(f"/jobs/{first['id']}/cancel", {"reason": "test"})
    assert service.ended(first["id"], 60)["state"] == "needs_attention"
    service.post(f"/jobs/{first['id']}/resolve", {"resolution": "succeeded", "reason": "test"})
    second = service.post(f"/instances/{first['instance_id']}/rotate", {"reason": "test"})
    job = service.ended(second["id"], 120)
    assert job["state"] == "succeeded", job
    return job


def opened(link: str) -> str:
    browser = build_opener(HTTPCookieProcessor())
    with browser.open(link) as page:
        proof, *_ = re.findall(r'name="csrf_token" value="(\w+)"', page.read().decode())
    with browser.open(link, urlencode({"csrf_token": proof}).encode()) as answer:
        return str(answer.read().decode())


def holds(text: str, canaries: list[str]) -> list[str]:
    return [canary for canary in canaries if canary in text]


def test_the_receiver_saw_the_new_secret(service: Service, told: Told) -> None:
    revealed = service.run("instances", "secret", told.job["instance_id"], "admin_password", "--reason", "test")

    assert revealed["value"] in told.page
    assert revealed["value"] in told.canaries


def test_no_column_of_the_database_holds_a_secret_or_a_link(service: Service, told: Told) -> None:
    url = service.layout.database_url(SUPERUSER, DATABASE).replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        columns = connection.execute(TEXTS).fetchall()
        assert ("instance_secret", "sealed") in columns
        for table, column in columns:
            rows = connection.execute(f'SELECT "{column}"::text FROM "{table}"').fetchall()
            assert holds("\n".join(str(row[0]) for row in rows), told.canaries) == [], (table, column)


def test_no_file_of_the_service_holds_one(service: Service, told: Told) -> None:
    files = [file for file in service.state_dir.rglob("*") if file.is_file() and not file.is_symlink()]

    assert service.state_dir / "up.log" in files
    leaking = {str(file): found for file in files if (found := holds(file.read_text(errors="replace"), told.canaries))}
    assert leaking == {}


def test_nothing_that_goes_out_holds_one(service: Service, told: Told) -> None:
    instance = told.job["instance_id"]
    addresses = [f"/jobs/{told.job['id']}", f"/jobs/{told.job['id']}/events", f"/instances/{instance}/handovers"]
    out = [service.get(address) for address in (*addresses, "/audit/events")]

    assert holds(json.dumps(out, ensure_ascii=False), told.canaries) == []
    assert HIDDEN in json.dumps(out[1])
    assert out[2]["items"][0]["state"] == "opened"
