"""The main job through the API: an administration asks, Ansible deploys, the inventory knows."""

import urllib.request
from datetime import UTC, datetime
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest

from provisioner.demo.complaints import Tracker
from tests.running import Service, wait_for

pytestmark = pytest.mark.journey

NAMES = {"fr": "Commune {{ lookup('pipe','id') }}", "ar": "جماعة $(id) <b>"}
MAIL = {"contact_email": "contact@commune.example"}


def page(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.status == 200
        return unescape(answer.read().decode())


def administration(service: Service, slug: str) -> str:
    return str(service.post("/administrations", {"kind": "commune", "slug": slug, "names": NAMES})["id"])


def ask(service: Service, administration_id: str, app: str, **more: Any) -> Any:
    wish = {"administration": administration_id, "app": app, "reason": "journey", "settings": MAIL, **more}
    return service.post("/requests", wish)


def test_a_complaint_outlives_the_update_of_its_instance(service: Service) -> None:
    commune = administration(service, "commune-une")
    before = datetime.now(UTC).isoformat()
    job = ask(service, commune, "complaints", release="2.2.0")

    seen = wait_for("the log to move while the job runs", lambda: service.get(f"/jobs/{job['id']}/events")["items"])
    assert service.get(f"/jobs/{job['id']}")["state"] == "running" or len(seen) > 1
    provisioned = service.ended(job["id"])
    assert provisioned["state"] == "succeeded", service.get(f"/jobs/{job['id']}/events")
    assert provisioned["events_emitted"] == provisioned["events_stored"]

    instance = service.get(f"/instances/{job['instance_id']}")
    front = page(instance["address"])
    assert NAMES["fr"] in front
    assert NAMES["ar"] in front
    assert "uid=" not in front

    tracker = Tracker(instance["address"], _admin_password(service, instance["id"]))
    number = tracker.file("Nid-de-poule / حفرة")
    update = service.post(f"/instances/{instance['id']}/update", {"reason": "journey", "release": "2.6.0"})
    assert service.ended(update["id"])["state"] == "succeeded"
    assert tracker.title_of(number) == "Nid-de-poule / حفرة"

    (row,) = service.get("/reports/inventory?app=complaints")["items"]
    assert (row["administration"]["id"], row["version"], row["state"]) == (commune, "2.6.0", "active")
    assert service.get(f"/reports/inventory?app=complaints&as_of={quote(before)}")["items"] == []
    again = service.post(f"/instances/{instance['id']}/check", {"reason": "journey"})
    checked = service.ended(again["id"])
    assert (checked["state"], checked["report"]["health"], checked["report"]["drift"]) == ("succeeded", "healthy", [])


def _admin_password(service: Service, instance_id: str) -> str:
    return str(service.run("instances", "secret", instance_id, "admin_password", "--reason", "journey")["value"])


def test_an_open_data_portal_shows_hostile_names_as_they_are(service: Service) -> None:
    job = ask(service, administration(service, "commune-deux"), "open-data", release="0.65.5")

    assert service.ended(job["id"])["state"] == "succeeded"

    front = page(service.get(f"/instances/{job['instance_id']}")["address"])
    assert NAMES["fr"] in front
    assert NAMES["ar"] in front
