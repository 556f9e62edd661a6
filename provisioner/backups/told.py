"""What the report of a run says of the store. It comes from a server, so each part of it is looked at. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from provisioner.db import Json

LONGEST = 2000  # characters of a URL
MOST_BYTES = 2**63 - 1
YEARS = range(2000, 3000)  # beyond some of these the database gives back what Python cannot hold
SHA256 = re.compile(r"[0-9a-f]{64}")


class Odd(ValueError):
    """No run reports this of a backup that it has kept."""


@dataclass(frozen=True)
class Kept:
    """A backup that a run has put into the store and read back from it."""

    name: str
    store: str
    bytes: int
    sha256: str
    taken_at: datetime


@dataclass(frozen=True)
class Told:
    kept: Kept | None = None
    expired: Sequence[str] = ()  # names of what has left the store


def told(report: Json, name: str) -> Told:
    """What a job has kept that gives its backup this name, and what it has removed; Odd if it says anything else."""
    backup, expired = report.get("backup", {}), report.get("expired", [])
    if not isinstance(backup, dict) or not isinstance(expired, list) or not all(isinstance(x, str) for x in expired):
        raise Odd
    return Told(_kept(backup, name) if "name" in backup else None, expired)  # without one it is on the server alone


def _kept(backup: Json, name: str) -> Kept:
    store, size, total = (backup.get(part) for part in ("store", "bytes", "sha256"))
    if not (backup["name"] == name and isinstance(store, str) and len(store) <= LONGEST):
        raise Odd
    if not (type(size) is int and 0 <= size <= MOST_BYTES and isinstance(total, str) and SHA256.fullmatch(total)):
        raise Odd
    if (taken_at := moment(backup.get("taken_at"))) is None:
        raise Odd
    return Kept(name, store, size, total, taken_at)


def moment(said: object) -> datetime | None:
    """None for what is no moment with a zone, or none that a server of ours has seen."""
    try:
        found = datetime.fromisoformat(str(said))
    except ValueError:
        return None
    return found if found.tzinfo and found.year in YEARS else None
