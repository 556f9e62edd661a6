"""A dry run of a decision about an instance, its links or its server answers as the write would, and keeps nothing."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.db import transaction
from provisioner.hosts import service as hosts
from provisioner.hosts.models import Connection
from provisioner.hosts.service import Registration
from provisioner.instances.models import Instance
from tests import factories
from tests.factories import Api

WHY = {"reason": "only to see"}


@pytest.fixture
def api(app: Flask) -> Api:
    factories.host()
    factories.app("complaints")
    with transaction():
        hosts.register(Registration("bare", "127.0.0.2", Connection.SSH, factories.SITE, 3000, 3001, facts={}))
    return Api(app, Role.OPERATOR, Role.ADMINISTRATOR)


@pytest.fixture
def instance(api: Api) -> Instance:
    """One on which a release has failed, and that is on hold."""
    made = factories.instance(factories.administration(), release="1.0")
    with transaction() as session:
        session.execute(text("UPDATE instance SET failed_release_id = desired_release_id, legal_hold = 'court'"))
    return made


def kept() -> list[Any]:
    with transaction() as session:
        tables = ("instance", "handover", "preparation")
        return [session.scalars(text(f"SELECT t::text FROM {table} AS t ORDER BY 1")).all() for table in tables]


@pytest.mark.parametrize(
    ("door", "body", "status"),
    [
        ("/instances/{id}/failed-release/pardon", WHY, 204),
        ("/instances/{id}/legal-hold", WHY, 204),
        ("/instances/{id}/legal-hold/lift", WHY, 204),
        ("/instances/{id}/handovers", {**WHY, "secret": "admin_password"}, 200),
        ("/hosts/bare/preparation", WHY, 202),
    ],
)
def test_a_dry_run_keeps_nothing(api: Api, instance: Instance, door: str, body: Any, status: int) -> None:
    before = (kept(), factories.row_counts())

    answer = api.post(f"{door.format(id=instance.id)}?dry_run=true", json=body)

    assert answer.status_code == status, answer.text
    assert (kept(), factories.row_counts()) == before
    assert "handover/" not in answer.text


def test_a_dry_run_of_a_revocation_leaves_the_link_as_it_is(api: Api, instance: Instance) -> None:
    made = api.post(f"/instances/{instance.id}/handovers", json={**WHY, "secret": "admin_password"}).json
    before = kept()

    assert api.call("DELETE", f"/handovers/{made['id']}?dry_run=true").status_code == 204
    assert kept() == before
