"""What stops `provisioner up` before it has started or created anything."""

import socket
from collections.abc import Iterator

import pytest


@pytest.fixture
def busy_port() -> Iterator[int]:
    for port in range(8100, 8200):
        try:
            holder = socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
        with holder:
            yield port
            return


def refusal(up) -> str:
    assert up.process.wait(timeout=20) == 1
    assert "Traceback" not in up.text
    return up.text


def test_a_busy_port_is_refused_and_nothing_is_created(tmp_path, launch, busy_port):
    text = refusal(launch(tmp_path / "var", PROVISIONER_PORT=str(busy_port)))

    assert (
        f"Error: The port {busy_port} of 127.0.0.1 cannot be used (Address already in use): stop what uses it" in text
    )
    assert not (tmp_path / "var").exists()


def test_a_postgresql_that_refuses_is_named_without_its_password_and_nothing_is_created(tmp_path, launch):
    url = "postgresql://app:canary@127.0.0.1:9/provisioner"
    text = refusal(launch(tmp_path / "var", PROVISIONER_DATABASE_URL=url, PROVISIONER_OWNER_DATABASE_URL=url))

    assert 'Error: PostgreSQL cannot be used: connection failed: connection to server at "127.0.0.1", port 9' in text
    assert "onnection refused" in text
    assert "canary" not in text
    assert not (tmp_path / "var").exists()


def test_a_redis_that_refuses_is_reported_and_nothing_is_created(tmp_path, launch):
    text = refusal(launch(tmp_path / "var", PROVISIONER_REDIS_URL="redis://127.0.0.1:9/0"))

    assert "Error: Redis cannot be used" in text
    assert not (tmp_path / "var").exists()


def test_an_external_database_needs_the_address_of_its_owner_too(tmp_path, launch):
    text = refusal(launch(tmp_path / "var", PROVISIONER_DATABASE_URL="postgresql://app@127.0.0.1:9/provisioner"))

    assert "PROVISIONER_OWNER_DATABASE_URL must be set, too" in text


def test_a_second_up_on_the_same_folder_is_refused_and_the_first_goes_on(state_dir, launch, processes_of):
    first = launch(state_dir)
    assert first.serving, first.text

    text = refusal(launch(state_dir, PROVISIONER_PORT=str(first.layout.web_port())))

    assert f"Error: The servers in {state_dir} are already running (process {first.process.pid})." in text
    assert int(first.ask()) in processes_of(state_dir)
