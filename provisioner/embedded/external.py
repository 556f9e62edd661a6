"""Servers that are not ours: whether they answer and are good enough, in a sentence if not."""

import psycopg
import redis

from provisioner.config import Settings
from provisioner.embedded.binaries import EXTENSIONS, OLDEST_POSTGRES
from provisioner.embedded.layout import database_url, owner_database_url, redis_url
from provisioner.embedded.processes.service import CannotStart

TIMEOUT = 5


def check_external(settings: Settings) -> None:
    """Raise CannotStart for the first of the external servers that cannot be used."""
    if settings.database_url or settings.owner_database_url:
        check_database(owner_database_url(settings))
        check_database(database_url(settings), application=True)
    if settings.redis_url:
        check_redis(redis_url(settings))


def check_database(url: str, *, application: bool = False) -> None:
    try:
        with psycopg.connect(url.replace("postgresql+psycopg", "postgresql", 1), connect_timeout=TIMEOUT) as connection:
            fault = _fault(connection, application=application)
    except psycopg.OperationalError as error:
        raise CannotStart("PostgreSQL cannot be used: %(reason)s", reason=str(error)) from None
    if fault:
        raise CannotStart("PostgreSQL cannot be used: %(reason)s", reason=fault)


def check_redis(url: str) -> None:
    try:
        with redis.Redis.from_url(url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT) as client:
            client.ping()
    except redis.RedisError as error:
        raise CannotStart("Redis cannot be used: %(reason)s", reason=str(error)) from None


def _fault(connection: psycopg.Connection, *, application: bool) -> str | None:
    if connection.info.server_version < OLDEST_POSTGRES * 10_000:
        return f"it is older than PostgreSQL {OLDEST_POSTGRES}."
    query = "SELECT name FROM pg_available_extensions WHERE name = ANY(%s)"
    there = {name for (name,) in connection.execute(query, [list(EXTENSIONS)])}
    if missing := set(EXTENSIONS) - there:
        return f"the extension {min(missing)} is missing: install its contrib modules."
    if application and _is_superuser(connection):
        return "the application's role is a superuser, which no rule of the database would bind: use a plain role."
    return None


def _is_superuser(connection: psycopg.Connection) -> bool:
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return bool(row and row[0])
