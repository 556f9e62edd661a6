from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from .inventory import connection as server

NAME = "roles00099"
PASSWORD = 'it\'s 100% "quoted" \\ $1'


@pytest.fixture
def superuser(host) -> Iterator[psycopg.Connection]:
    with closing(connect(host, "postgres", host.tenants.superuser_password_file.read_text().strip())) as cluster:
        yield cluster


@pytest.fixture
def wanted(host, superuser) -> Iterator[dict[str, Any]]:
    known = server(host)["host"]
    places = {
        option: known[f"postgres_{option}"] for option in ("bin", "socket_dir", "port", "superuser_password_file")
    }
    yield {**places, "name": NAME, "password": PASSWORD}
    superuser.execute(f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)")
    superuser.execute(f"DROP ROLE IF EXISTS {NAME}")


def connect(host, user: str, password: str, database: str = "") -> psycopg.Connection:
    return psycopg.connect(
        host=str(host.tenants.socket_dir),
        port=host.tenants.port,
        user=user,
        password=password,
        dbname=database or user,
        autocommit=True,
    )


def test_an_instance_gets_a_database_that_only_its_own_role_enters(module, host, wanted):
    result = module("instance_database", **wanted)
    module("instance_database", **wanted | {"name": "roles00098"})

    assert result["changed"]
    with closing(connect(host, NAME, PASSWORD)) as own:
        own.execute("CREATE TABLE complaints (id int)")
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        connect(host, "roles00098", PASSWORD, NAME)


def test_the_second_time_nothing_changes(module, wanted):
    module("instance_database", **wanted)

    result = module("instance_database", **wanted)

    assert (result["changed"], result["drift"]) == (False, [])


def test_a_changed_password_takes_the_place_of_the_old_one(module, host, wanted):
    module("instance_database", **wanted)

    result = module("instance_database", **wanted | {"password": "canary-2"})

    assert result["drift"] == ["database: the role has another password"]
    shown = result["diff"]
    assert set(shown["after"].splitlines()) - set(shown["before"].splitlines()) == {"its password"}
    assert "canary-2" not in str(shown)
    connect(host, NAME, "canary-2").close()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(host, NAME, PASSWORD)


def test_looking_only_makes_nothing(module, wanted, superuser):
    result = module("instance_database", check=True, **wanted)

    assert result["drift"] == ["database: there is no role", "database: there is no database"]
    assert result["diff"]["before"] == ""
    assert f"database {NAME}" in result["diff"]["after"]
    assert superuser.execute("SELECT FROM pg_roles WHERE rolname = %s", [NAME]).rowcount == 0


def test_a_name_that_is_no_identifier_is_refused(module, wanted):
    result = module("instance_database", **wanted | {"name": 'x"; DROP DATABASE postgres; --'})

    assert result["failed"]
    assert "cannot name a database" in result["msg"]


def test_the_password_is_in_no_log_of_the_cluster(module, host, wanted):
    module("instance_database", **wanted)

    assert "100%" not in Path(host.log("tenants")).read_text()


@pytest.fixture
def instance(module, wanted, host, tmp_path: Path) -> Path:
    module("instance_database", **wanted)
    with closing(connect(host, NAME, PASSWORD)) as own:
        own.execute("CREATE TABLE complaints (title text)")
        own.execute("INSERT INTO complaints VALUES ('before')")
    root = tmp_path / NAME
    module("instance_files", root=str(root), folders=["logs"], files=[{"path": "facts.json", "content": "before"}])
    return root


def spoil(host, root: Path) -> None:
    (root / "facts.json").write_text("after")
    (root / "new").write_text("after")
    (root / "logs/service.log").write_text("what went wrong")
    with closing(connect(host, NAME, PASSWORD)) as own:
        own.execute("UPDATE complaints SET title = 'after'")


def test_a_backup_brings_files_and_database_back(module, host, wanted, instance: Path, tmp_path: Path):
    folder = tmp_path / "backups/before-1"
    places = {"folder": str(folder), "root": str(instance), "database": wanted}
    taken = module("instance_backup", **places, version="2.2.0")
    spoil(host, instance)

    restored = module("instance_restore", **places)

    assert taken["prov_report"]["backup"]["bytes"] > 0
    assert restored["digest"] == (instance / ".digest").read_text()
    assert (instance / "facts.json").read_text() == "before"
    assert not (instance / "new").exists()
    assert (instance / "logs/service.log").read_text() == "what went wrong"
    with closing(connect(host, NAME, PASSWORD)) as own:
        assert own.execute("SELECT title FROM complaints").fetchall() == [("before",)]


def test_a_backup_is_used_once(module, wanted, instance: Path, tmp_path: Path):
    places = {"folder": str(tmp_path / "before-1"), "root": str(instance), "database": wanted}
    module("instance_backup", **places, version="2.2.0")
    module("instance_restore", **places)
    (instance / "facts.json").write_text("written since")

    again = module("instance_restore", **places)

    assert not again["changed"]
    assert (instance / "facts.json").read_text() == "written since"


def test_a_backup_that_is_there_is_kept(module, host, wanted, instance: Path, tmp_path: Path):
    places = {"folder": str(tmp_path / "before-1"), "root": str(instance), "database": wanted}
    first = module("instance_backup", **places, version="2.2.0")
    spoil(host, instance)

    second = module("instance_backup", **places, version="2.2.0")

    assert not second["changed"]
    assert second["prov_report"] == first["prov_report"]


def test_a_damaged_backup_is_refused_before_anything_is_touched(module, host, wanted, instance: Path, tmp_path: Path):
    places = {"folder": str(tmp_path / "before-1"), "root": str(instance), "database": wanted}
    module("instance_backup", **places, version="2.2.0")
    spoil(host, instance)
    with (tmp_path / "before-1/files.tar").open("ab") as archive:
        archive.write(b"x")

    result = module("instance_restore", **places)

    assert result["msg"].endswith("files.tar is not what was backed up")
    assert (instance / "facts.json").read_text() == "after"


def test_no_backup_is_left_half_when_the_database_cannot_be_dumped(module, wanted, instance: Path, tmp_path: Path):
    places = {"folder": str(tmp_path / "before-1"), "root": str(instance), "database": wanted | {"password": "wrong"}}

    result = module("instance_backup", **places, version="2.2.0")

    assert result["msg"].startswith("No backup could be taken, nothing was changed: pg_dump")
    assert not (tmp_path / "before-1").exists()
