"""Every setting of the service, read once from the environment.

Each field of `Settings` is one variable, `PROVISIONER_<FIELD IN CAPITALS>`; docs/settings.md lists them, and a test
compares the two.
"""

import os
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from provisioner.errors import BadSetting

PREFIX = "PROVISIONER_"


@dataclass(frozen=True)
class Settings:
    """The settings of one process. Durations are in seconds."""

    state_dir: Path = Path("var")  # everything the embedded servers and this machine's instances keep
    database_url: str = ""  # as the application role; empty: the embedded PostgreSQL
    owner_database_url: str = ""  # as the owner of the tables, for migrations; empty: embedded
    redis_url: str = ""  # empty: the embedded Valkey
    bind: str = "127.0.0.1"
    port: int = 0  # 0: the first free one from 8000
    public_url: str = ""  # how people reach the web pages; empty: http://<bind>:<port>
    proxies: int = 0  # how many proxies of ours stand in front and set X-Forwarded-*
    playbooks_dir: str = ""  # empty: the playbooks inside the package
    zone: str = "apps.example"  # instances get <app>-<slug>.<zone>
    country: str = "MA"  # ISO code: of a host of which nothing else is said; restricted data stay in it
    sites: str = "local"  # comma-separated sites that this worker serves
    worker_name: str = ""  # of this worker; empty: the machine's
    worker_concurrency: int = 2
    run_memory: int = 2048  # MB that all processes of a run may use together
    backup_store: str = ""  # file://, sftp:// or s3:// URL, as hosts reach it; empty: a folder of each host
    backup_store_options: str = ""  # a JSON file with what the store asks for, such as key, secret, endpoint_url
    backups_daily: int = 7  # so many last days, weeks and months of backups are kept
    backups_weekly: int = 4
    backups_monthly: int = 12
    backup_overdue: int = 48 * 60 * 60  # an instance whose last backup is older is told of
    proof_overdue: int = 35 * 24 * 60 * 60  # and one no backup of which was restored and read for so long
    grace_days: int = 30  # between the suspension of an instance that is to be removed, and its removal
    lease: int = 60
    heartbeat: int = 5
    quiesce: int = 30
    secrets_keys: str = ""  # keys for secrets from outside, in base64, comma-separated, the current one first
    secrets_keys_file: str = ""  # the same, one a line; both empty: files in the state folder
    handover: int = 72 * 60 * 60  # how long a link works by which a secret is handed over
    insecure_cookie: bool = True  # False wherever TLS stands in front
    session_idle: int = 30 * 60
    session_absolute: int = 12 * 60 * 60
    log_format: str = "console"  # or json


def _read(kind: Any, name: str, text: str) -> Any:
    try:
        if kind is bool:
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
        return kind(text)
    except (KeyError, ValueError):
        raise BadSetting(name, text) from None


def load(environment: "os._Environ[str] | dict[str, str]" = os.environ) -> Settings:
    """Settings from the given environment; raises BadSetting for a value of the wrong type or an unknown name."""
    known = {PREFIX + field.name.upper(): field for field in fields(Settings)}
    given = {name: text for name, text in environment.items() if name.startswith(PREFIX)}
    if unknown := sorted(set(given) - set(known)):
        raise BadSetting(unknown[0], given[unknown[0]])
    values = {known[name].name: _read(known[name].type, name, text) for name, text in given.items()}
    settings = Settings(**values)
    return Settings(**{**settings.__dict__, "state_dir": settings.state_dir.absolute()})


@cache
def settings() -> Settings:
    return load()
