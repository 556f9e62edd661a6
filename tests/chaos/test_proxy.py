"""The proxy does what the faults say that it does, seen from a client of PostgreSQL."""

from collections.abc import Iterator

import psycopg
import pytest

from provisioner.embedded.layout import SUPERUSER, Layout
from tests.chaos.proxy import Mode, Proxy
from tests.conftest import superuser


@pytest.fixture
def proxy(layout: Layout) -> Iterator[Proxy]:
    proxy = Proxy("127.0.0.1", layout.run_dir / ".s.PGSQL.5432")
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture
def table(layout: Layout) -> Iterator[str]:
    with superuser(layout) as connection:
        connection.execute("CREATE TABLE written (number integer)")
        yield "written"
        connection.execute("DROP TABLE written")


def connected(proxy: Proxy, layout: Layout) -> psycopg.Connection:
    return psycopg.connect(
        host=proxy.address, port=proxy.port, user=SUPERUSER, dbname="postgres", connect_timeout=2,
        password=layout.control.superuser_password_file.read_text().strip(),
    )  # fmt: skip


def test_it_passes_everything_on(proxy: Proxy, layout: Layout) -> None:
    with connected(proxy, layout) as connection:
        assert connection.execute("SELECT repeat('x', 1000000)").fetchone() == ("x" * 1_000_000,)


def test_a_commit_whose_answer_is_cut_is_committed(proxy: Proxy, layout: Layout, table: str) -> None:
    connection = connected(proxy, layout)
    connection.execute(f"INSERT INTO {table} VALUES (1)")
    proxy.behave(Mode.CUT_COMMIT)

    with pytest.raises(psycopg.OperationalError):
        connection.commit()

    assert proxy.cuts == 1
    with superuser(layout) as other:
        assert other.execute(f"SELECT count(*) FROM {table}").fetchone() == (1,)


def test_an_answer_is_cut_in_the_middle(proxy: Proxy, layout: Layout) -> None:
    connection = connected(proxy, layout)
    proxy.behave(Mode.RESET)

    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")


def test_who_is_refused_is_let_in_again_afterwards(proxy: Proxy, layout: Layout) -> None:
    connection = connected(proxy, layout)
    proxy.behave(Mode.REFUSE)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    with pytest.raises(psycopg.OperationalError, match="refused"):
        connected(proxy, layout)

    proxy.behave(Mode.PASS)

    with connected(proxy, layout) as again:
        assert again.execute("SELECT 1").fetchone() == (1,)


def test_a_black_hole_accepts_and_never_answers(proxy: Proxy, layout: Layout) -> None:
    proxy.behave(Mode.BLACKHOLE)

    with pytest.raises(psycopg.OperationalError, match="timeout"):
        connected(proxy, layout)


def test_the_server_does_not_learn_that_a_black_hole_took_its_client(table: str, proxy: Proxy, layout: Layout) -> None:
    connection = connected(proxy, layout)
    connection.execute(f"LOCK TABLE {table}")
    proxy.behave(Mode.BLACKHOLE)
    connection.close()

    proxy.behave(Mode.PASS)

    with superuser(layout) as other, pytest.raises(psycopg.errors.LockNotAvailable):
        other.execute(f"SET lock_timeout = '100ms'; DELETE FROM {table}")
