"""Servers that are not ours, played by the embedded ones of another state folder."""

from collections.abc import Iterator

import pytest

from provisioner.embedded.external import check_database, check_redis
from provisioner.embedded.layout import APPLICATION, OWNER, SUPERUSER, Layout
from provisioner.embedded.processes.service import CannotStart
from provisioner.embedded.servers import servers


@pytest.fixture
def elsewhere(copy_state, tmp_path) -> Iterator[Layout]:
    with servers(copy_state(tmp_path / "elsewhere"), durable=False) as layout:
        yield layout


def test_external_servers_are_used_in_the_place_of_the_embedded_ones(elsewhere, state_dir, launch):
    up = launch(
        state_dir,
        PROVISIONER_DATABASE_URL=elsewhere.database_url(APPLICATION),
        PROVISIONER_OWNER_DATABASE_URL=elsewhere.database_url(OWNER),
        PROVISIONER_REDIS_URL=elsewhere.redis_url(),
    )

    assert up.serving, up.text
    assert "postgres " not in up.text
    assert "valkey " not in up.text
    assert "tenants ready" in up.text


def test_the_application_may_not_be_a_superuser(elsewhere):
    check_database(elsewhere.database_url(SUPERUSER))
    check_database(elsewhere.database_url(APPLICATION), application=True)

    with pytest.raises(CannotStart, match="superuser"):
        check_database(elsewhere.database_url(SUPERUSER), application=True)


def test_a_redis_that_answers_is_accepted_and_one_that_does_not_is_refused(elsewhere, tmp_path):
    check_redis(elsewhere.redis_url())

    with pytest.raises(CannotStart, match="Redis cannot be used"):
        check_redis(f"unix://{tmp_path}/nothing.sock")
