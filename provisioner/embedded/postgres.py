"""The embedded PostgreSQL clusters, on unix sockets only: the control plane's, and the tenants' of this host."""

import json
import os
import pwd
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from signal import SIGINT

import psycopg
from psycopg import sql

from provisioner.embedded.binaries import EXTENSIONS, postgres_bin_dir
from provisioner.embedded.layout import APPLICATION, DATABASE, OWNER, SUPERUSER, Cluster, Layout
from provisioner.embedded.processes import guardian
from provisioner.embedded.processes.service import Service

# PostgreSQL refuses root and users without an account; in a user namespace each is nobody to it, without a chown.
AS_NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")

MODEST = {
    "listen_addresses": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "log_checkpoints": "off",
}
FORGETFUL = {"fsync": "off", "full_page_writes": "off"}  # survives any kill, but not a power cut

CREATE_CLUSTER = """
    rm -rf "$2.new" && "$1/initdb" -D "$2.new" -U postgres --pwfile="$3" \
        --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 $4 && mv "$2.new" "$2"
"""


def control_plane(layout: Layout, *, durable: bool = True) -> list[Service]:
    """The steps that bring up the cluster of the control plane, its database and its roles."""
    return _cluster("postgres", layout.control, layout, durable=durable, furnish=partial(_furnish_control, layout))


def tenants(layout: Layout, *, durable: bool = True) -> list[Service]:
    """The steps that bring up the cluster in which the instances on this host keep their databases."""
    return _cluster("tenants", layout.tenants, layout, durable=durable, furnish=partial(_furnish_tenants, layout))


def bin_dir(cluster: Cluster) -> Path:
    """The programs (psql, pg_dump, ...) of the version that made this cluster, or would make it."""
    version = cluster.data / "PG_VERSION"
    return postgres_bin_dir(int(version.read_text()) if version.exists() else None)


def disguise() -> tuple[str, ...]:
    """What has to stand before a command of PostgreSQL when this user runs it."""
    try:
        return () if pwd.getpwuid(os.geteuid()).pw_uid else AS_NOBODY
    except KeyError:
        return AS_NOBODY


def _cluster(
    name: str, cluster: Cluster, layout: Layout, *, durable: bool, furnish: Callable[[], None]
) -> list[Service]:
    server = Service(
        name,
        [*disguise(), str(bin_dir(cluster) / "postgres"), *_options(cluster, durable=durable)],
        log=layout.log(name),
        prepare=partial(_clear_leftovers, cluster),
        ready=partial(_ready, furnish),
        patience=300,  # recovery after a crash may be long
        vital=True,
        stop_signal=SIGINT,
        grace=30,
    )
    return [server] if cluster.data.exists() else [_creation(name, cluster, layout, durable=durable), server]


def _creation(name: str, cluster: Cluster, layout: Layout, *, durable: bool) -> Service:
    """Creates beside and then renames, so that a cluster that exists is complete."""
    password_file = cluster.superuser_password_file
    arguments = [str(bin_dir(cluster)), str(cluster.data), str(password_file), "" if durable else "--no-sync"]
    return Service(
        f"{name}-creation",
        [*disguise(), "/bin/sh", "-c", CREATE_CLUSTER, "initdb", *arguments],
        log=layout.log(name),
        prepare=lambda: _write_private(password_file, secrets.token_urlsafe(24)),
        once=True,
    )


def _options(cluster: Cluster, *, durable: bool) -> list[str]:
    quoted = str(cluster.socket_dir).replace('"', '""')
    settings = MODEST | {"unix_socket_directories": f'"{quoted}"', "port": str(cluster.port)}
    settings |= {} if durable else FORGETFUL
    return ["-D", str(cluster.data), *(f"--{name}={value}" for name, value in settings.items())]


def _clear_leftovers(cluster: Cluster) -> None:
    """Once none of its processes is left, lock files can only be stale, even if their number lives (again)."""
    guardian.end(lambda: {pid for pid in guardian.processes() if _serves(pid, cluster)})
    for lock in (cluster.data / "postmaster.pid", cluster.socket_dir / f".s.PGSQL.{cluster.port}.lock"):
        lock.unlink(missing_ok=True)


def _serves(pid: int, cluster: Cluster) -> bool:
    process = Path("/proc") / str(pid)
    try:
        return (process / "exe").readlink().name == "postgres" and (
            process / "cwd"
        ).readlink() == cluster.data.resolve()
    except OSError:  # gone, or somebody else's
        return False


def _ready(furnish: Callable[[], None]) -> bool:
    try:
        furnish()
    except psycopg.OperationalError:
        return False
    return True


def _connect(cluster: Cluster, database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(
        host=str(cluster.socket_dir),
        port=cluster.port,
        user=SUPERUSER,
        password=cluster.superuser_password_file.read_text().strip(),
        dbname=database,
        connect_timeout=5,
        autocommit=True,
    )


def _furnish_control(layout: Layout) -> None:
    """The owner owns the database and its tables; the application may connect, and do what migrations grant it."""
    with _connect(layout.control) as connection:
        for role, password in _role_passwords(layout).items():
            _ensure_role(connection, role, password)
        _ensure_database(connection)
    with _connect(layout.control, DATABASE) as connection:
        for extension in EXTENSIONS:
            connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))


def _furnish_tenants(layout: Layout) -> None:
    """A tenant may connect to its own database only."""
    with _connect(layout.tenants) as connection:
        connection.execute("REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC")


def _ensure_role(connection: psycopg.Connection, role: str, password: str) -> None:
    known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).rowcount
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}" if known else "CREATE ROLE {} LOGIN PASSWORD {}")
    connection.execute(statement.format(sql.Identifier(role), sql.Literal(password)))


def _ensure_database(connection: psycopg.Connection) -> None:
    names = {"database": sql.Identifier(DATABASE), "owner": sql.Identifier(OWNER), "app": sql.Identifier(APPLICATION)}
    if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE]).rowcount:
        connection.execute(sql.SQL("CREATE DATABASE {database} OWNER {owner}").format(**names))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC").format(**names))
    connection.execute(sql.SQL("GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {app}").format(**names))


def _role_passwords(layout: Layout) -> dict[str, str]:
    if not layout.roles_file.exists():
        _write_private(
            layout.roles_file, json.dumps({role: secrets.token_urlsafe(24) for role in (OWNER, APPLICATION)})
        )
    passwords: dict[str, str] = json.loads(layout.roles_file.read_text())
    return passwords


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text + "\n")
