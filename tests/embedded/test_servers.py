import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen

import psycopg
import pytest
import redis
from psycopg import errors

from provisioner.embedded.layout import APPLICATION, OWNER, SUPERUSER, Layout
from provisioner.embedded.processes.service import CannotStart
from provisioner.embedded.servers import servers


def connect(layout: Layout, role: str) -> psycopg.Connection:
    return psycopg.connect(layout.database_url(role).replace("+psycopg", ""), autocommit=True)


ROOT = Path(__file__).parents[2]
SERVING = """
import sys, time
from contextlib import suppress
from pathlib import Path
from provisioner.embedded.servers import servers
with servers(Path(sys.argv[1]), durable=False):
    print("serving", flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def session(state_dir) -> Iterator[Popen[bytes]]:
    """A process that uses the servers, to be killed."""
    command = [sys.executable, "-c", SERVING, str(state_dir)]
    with Popen(command, stdout=PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        assert process.stdout
        assert process.stdout.readline() == b"serving\n"
        yield process
        process.kill()


def test_the_servers_answer_on_sockets_and_nothing_is_left_afterwards(tmp_path, processes_of):
    with servers(tmp_path, durable=False, tenants=True) as layout:
        with redis.Redis.from_url(layout.redis_url()) as client, connect(layout, APPLICATION) as connection:
            assert client.ping()
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
            assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert (layout.tenants.socket_dir / ".s.PGSQL.5432").is_socket()

    assert processes_of(tmp_path) == {}


def test_the_application_owns_nothing_and_the_owner_owns_the_database(state_dir):
    powers = "bool_or(rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls)"
    with (
        servers(state_dir, durable=False) as layout,
        connect(layout, OWNER) as owner,
        connect(layout, APPLICATION) as application,
    ):
        owner.execute("CREATE TABLE register (name text)")

        with pytest.raises(errors.InsufficientPrivilege):
            application.execute("CREATE TABLE mine ()")
        with pytest.raises(errors.InsufficientPrivilege):
            application.execute("SELECT FROM register")
        roles = application.execute(f"SELECT {powers} FROM pg_roles WHERE rolname LIKE 'provisioner%'")
        assert roles.fetchone() == (False,)
        assert application.execute("SELECT similarity('rabat', 'Rabat')").fetchone() == (1.0,)


def test_a_wrong_password_is_refused_on_the_socket_too(state_dir):
    with servers(state_dir, durable=False) as layout, pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host=str(layout.control.socket_dir), user=SUPERUSER, password="guess", dbname="postgres")


def test_passwords_are_for_their_owner_only(state_dir):
    layout = Layout(state_dir)

    for secret in (layout.roles_file, layout.control.superuser_password_file, layout.tenants.superuser_password_file):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(layout.control.folder.stat().st_mode) == 0o700


def test_data_survives_a_restart(state_dir):
    with servers(state_dir, durable=False) as layout, connect(layout, OWNER) as owner:
        owner.execute("CREATE TABLE register AS SELECT 'Rabat' AS name")

    with servers(state_dir, durable=False) as layout, connect(layout, OWNER) as owner:
        assert owner.execute("SELECT name FROM register").fetchone() == ("Rabat",)


def test_killing_everything_loses_nothing_and_the_next_start_recovers(state_dir, session, processes_of, eventually):
    with connect(Layout(state_dir), OWNER) as owner:
        owner.execute("CREATE TABLE register AS SELECT 'Rabat' AS name")
    for pid in processes_of(state_dir):
        with suppress(ProcessLookupError):  # some go with the first ones
            os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: processes_of(state_dir) == {})

    with servers(state_dir, durable=False) as layout, connect(layout, OWNER) as owner:
        assert owner.execute("SELECT name FROM register").fetchone() == ("Rabat",)


def test_a_killed_session_takes_its_servers_along(state_dir, session, processes_of, eventually):
    session.kill()

    assert eventually(lambda: processes_of(state_dir) == {})


def test_servers_that_outlived_their_session_are_replaced_by_the_next_start(state_dir, session, processes_of):
    guardian = next(pid for pid, command in processes_of(state_dir).items() if "guardian.py" in command)
    os.kill(guardian, signal.SIGKILL)
    session.kill()
    session.wait()
    left = set(processes_of(state_dir))
    assert left

    with servers(state_dir, durable=False) as layout, connect(layout, OWNER) as owner:
        assert owner.execute("SELECT 1").fetchone() == (1,)
        assert not left & set(processes_of(state_dir))


def test_a_stale_lock_file_with_the_number_of_a_living_stranger_does_not_stop_the_start(state_dir):
    (state_dir / "postgres" / "data" / "postmaster.pid").write_text(f"{os.getppid()}\n")

    with servers(state_dir, durable=False) as layout, connect(layout, APPLICATION) as app:
        assert app.execute("SELECT 1").fetchone() == (1,)


def test_a_second_start_on_the_same_folder_is_refused_and_names_the_holder(state_dir):
    with servers(state_dir, durable=False), pytest.raises(CannotStart, match=str(os.getpid())), servers(state_dir):
        pass


@pytest.mark.parametrize("folder", ["deep/" * 30 + "var", "a folder of 100% 'quoted\" ولاية", "a,b"])
def test_any_state_folder_will_do(copy_state, tmp_path, folder):
    state_dir = tmp_path / folder
    state_dir.parent.mkdir(parents=True, exist_ok=True)
    copy_state(state_dir)

    with servers(state_dir, durable=False, tenants=True) as layout, connect(layout, APPLICATION) as app:
        with redis.Redis.from_url(layout.redis_url()) as client:
            assert client.ping()
        assert app.execute("SELECT 1").fetchone() == (1,)
        assert max(len(os.fsencode(path)) for path in layout.run_dir.rglob("*") if path.is_socket()) <= 107
