"""Making a server fit for instances: a person asks, a worker of its site carries it out. No function here commits."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from sqlalchemy import ColumnElement, func, select

from provisioner.audit import service as audit
from provisioner.db import Json, db
from provisioner.errors import Conflict
from provisioner.hosts.models import Connection, Host, Preparation
from provisioner.hosts.service import held
from provisioner.workers.service import wake

LONGEST = timedelta(minutes=30)  # then somebody else may begin: who did is dead
FEW = 4000  # characters of last words that are kept
SUPERVISING = files("provisioner.embedded.processes") / "supervising.py"  # for servers without systemd
PYTHON = ".".join(map(str, sys.version_info[:2]))  # for which wheels are made


class PreparesItself(Conflict):
    code = "prepares-itself"
    message = "This machine prepares itself whenever the service starts."


class NotYet(Conflict):
    code = "preparation-pending"
    message = "Nobody has prepared the server %(name)s yet. Is a worker of its site there, and not drained?"


class Failed(Conflict):
    code = "preparation-failed"
    message = "The server %(name)s could not be prepared: %(said)s"


@dataclass(frozen=True)
class Wish:
    """`root`: the folder of the instances. `install`: packages that are missing are installed, from where the server
    gets its own. The rest are paths on the server: `certificate` and `key`, with which its instances are reached by
    HTTPS; `certificates`, the folder of those that are for one name; `acme`, the webroot of a client of an authority.
    """

    root: str = "/srv/provisioner"
    install: bool = False
    certificate: str | None = None
    key: str | None = None
    certificates: str | None = None
    acme: str | None = None


USUAL = Wish().__dict__


def ask(name: str, reason: str, **wish: Any) -> datetime:
    """Let a worker of its site prepare the host, as `Wish` says, again if it has been before: then what is left out
    stays, but for `install`. Returns since when that is wished for.
    """
    host = held(name)
    if host.connection is Connection.LOCAL:
        raise PreparesItself
    asked = db.session.get(Preparation, host.id) or Preparation(host_id=host.id)
    asked.wish = {**USUAL, **(asked.wish or {}), "install": False, **wish}
    asked.asked_at = asked.due_at = now = _now()
    if asked.ended_at:
        asked.began_at = None  # else somebody may still be at it, with the wish of before
    asked.ended_at = asked.failure = None
    db.session.add(asked)
    db.session.flush()
    audit.record("host.prepare", "host", host.id, reason=reason, after={"name": name, **asked.wish})
    wake()
    return now


@dataclass(frozen=True)
class Attempt:
    """A preparation that has begun."""

    host: Host
    wish: Json
    began: datetime


def begin(sites: Sequence[str]) -> Attempt | None:
    """Take a host of these sites that is to be prepared now, and how; nobody else gets it meanwhile."""
    query = select(Preparation).join(Host, Host.id == Preparation.host_id)
    due = query.where(Host.site.in_(sites), Host.parked_at.is_(None), _due())
    asked = db.session.scalar(
        due.order_by(Preparation.due_at).limit(1).with_for_update(of=Preparation, skip_locked=True, key_share=True)
    )
    if asked is None:
        return None
    asked.began_at = now = _now()
    asked.due_at = now + LONGEST
    return Attempt(db.session.get_one(Host, asked.host_id), asked.wish, now)


def _due() -> ColumnElement[bool]:
    """Whether somebody may begin now: nobody is at it, or who was has not come to an end for too long."""
    now = func.clock_timestamp()
    return (Preparation.due_at <= now) & (Preparation.began_at.is_(None) | (Preparation.began_at <= now - LONGEST))


def told(wish: Json) -> dict[str, Any]:
    """What the playbook needs to know."""
    return {"prepare": {**USUAL, **wish, "python": PYTHON, "supervising": SUPERVISING.read_text(encoding="utf-8")}}


def end(attempt: Attempt, report: Json, said: str, *, succeeded: bool) -> None:
    """Keep what came of it, unless somebody else began anew meanwhile. A capacity that a person has set stays.

    What was wished for meanwhile is still to be done.
    """
    prepared = held(attempt.host.name)
    asked = db.session.get_one(Preparation, prepared.id, populate_existing=True)
    if asked.began_at != attempt.began:
        return
    if asked.asked_at > attempt.began:
        asked.began_at = None
    else:
        asked.ended_at, asked.due_at = _now(), None
        asked.failure = None if succeeded else said[-FEW:]
    if succeeded:
        _describe(prepared, report)


def _describe(prepared: Host, report: Json) -> None:
    before, facts = prepared.facts, {**prepared.facts, **report["facts"]}
    for name in ("memory_mb", "disk_mb"):
        if getattr(prepared, name) is None:
            setattr(prepared, name, report["capacity"][name])
    if facts != before:
        prepared.facts = facts
        audit.record("host.describe", "host", prepared.id, before=before, after=facts)


def state(name: str) -> Preparation | None:
    """Of the newest preparation of a host, if there was one."""
    query = select(Preparation).join(Host, Host.id == Preparation.host_id).where(Host.name == name)
    return db.session.scalar(query.execution_options(populate_existing=True))


def sites_due() -> Sequence[str]:
    """The sites at which hosts wait to be prepared."""
    due = select(Host.site).join(Preparation, Preparation.host_id == Host.id)
    return db.session.scalars(due.where(_due()).distinct()).all()


def _now() -> datetime:
    now: datetime = db.session.scalars(select(func.clock_timestamp())).one()
    return now
