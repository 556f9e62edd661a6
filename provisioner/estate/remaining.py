"""How far the emptying of a server has come, and why what is still there stays. Nothing here writes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, literal, or_, select

from provisioner.accounts.models import Identity
from provisioner.catalogue.models import App
from provisioner.config import settings
from provisioner.db import db
from provisioner.errors import DomainError
from provisioner.hosts.models import Emptying, Host
from provisioner.instances import rooms
from provisioner.instances.beginning import NotOffered
from provisioner.instances.lifecycle import LIVE, Action, State
from provisioner.instances.models import Instance
from provisioner.instances.moving import NoCommonStore
from provisioner.instances.placement import NoRoom
from provisioner.jobs.lifecycle import OPEN, JobState
from provisioner.jobs.models import Job

FEW = 20  # instances that failed to move, as they are shown
UNDONE = (JobState.FAILED, JobState.CANCELLED, JobState.TIMED_OUT)


class Stay(StrEnum):
    """Why an instance is still there."""

    MOVING = "moving"
    WAITING = "waiting"  # it is asked at the next look
    FAILED = "failed"  # its move did not succeed, or was cancelled: people decide
    BUSY = "busy"  # another job has it
    NO_ROOM = "no_room"  # no other server suits it
    FIXED = "fixed"  # it cannot be moved: it does not live, or its app does not move, or there is no common store


@dataclass(frozen=True)
class Progress:
    """`asked` and `moved`: instances since then. `left`: those that are there still. `obstacles`: what keeps all of an
    app. `failed`: the first few that failed, with their jobs.
    """

    reason: str
    since: datetime
    by: str | None  # missing where the person has been erased
    asked: int
    moved: int
    left: Counter[Stay]
    obstacles: Sequence[DomainError]
    failed: Sequence[Any]


def stay(wish: Emptying) -> ColumnElement[str]:
    """Why an instance that is on the host stays, as far as the instance itself can say."""
    has = exists().where(Job.instance_id == Instance.id)
    moves = Job.target_host_id.is_not(None)
    opened = has.where(Job.state.in_(OPEN), Job.background.is_(False))
    return case(
        (opened.where(moves, Job.state != JobState.NEEDS_ATTENTION), literal(Stay.MOVING.value)),
        (has.where(_did_not_move(wish)), literal(Stay.FAILED.value)),
        (opened, literal(Stay.BUSY.value)),
        (Instance.state.not_in(LIVE), literal(Stay.FIXED.value)),
        else_=literal(Stay.WAITING.value),
    )


def _did_not_move(wish: Emptying) -> ColumnElement[bool]:
    """Of a job: it should have moved an instance away since then, and did not."""
    ended = and_(Job.state.in_(UNDONE), Job.finished_at >= wish.since)
    from_there = and_(Job.host_id == wish.host_id, Job.target_host_id.is_not(None))
    return and_(from_there, or_(ended, Job.state == JobState.NEEDS_ATTENTION))


def obstacle(app: App) -> DomainError | None:
    """Why no instance of the app can move at all, if so."""
    if Action.MOVE not in app.manifest["actions"]:
        return NotOffered(app=app.slug, action=Action.MOVE)
    return None if settings().backup_store else NoCommonStore()


def room_for(app: App, count: int, site: str) -> int:
    """How many of so many instances of this site would find a place elsewhere; the host that is emptied takes none."""
    return sum(rooms.foresee(rooms.need_of(app, site), count).placed.values())


def progress(host: Host) -> Progress | None:
    """None where nobody wants the host empty."""
    wish = db.session.get(Emptying, host.id, populate_existing=True)
    if wish is None:
        return None
    left, obstacles = _left(wish, host)
    asked, moved = _moves(wish)
    return Progress(wish.reason, wish.since, _who(wish), asked, moved, left, obstacles, _failed(wish))


def _left(wish: Emptying, host: Host) -> tuple[Counter[Stay], list[DomainError]]:
    why = stay(wish).label("why")
    there = select(Instance.app_id, why).where(Instance.host_id == wish.host_id, Instance.state != State.REMOVED)
    each = there.subquery()
    counted = select(each.c.app_id, each.c.why, func.count()).group_by(each.c.app_id, each.c.why)
    left: Counter[Stay] = Counter()
    obstacles: list[DomainError] = []
    for app_id, reason, many in db.session.execute(counted.order_by(each.c.app_id)):
        if reason == Stay.WAITING:
            left += _waiting(db.session.get_one(App, app_id), many, host, obstacles)
        else:
            left[Stay(reason)] += many
    return left, obstacles


def _waiting(app: App, many: int, host: Host, obstacles: list[DomainError]) -> Counter[Stay]:
    """What of those that nothing of their own keeps can move as things stand."""
    refusal = obstacle(app)
    if refusal:
        obstacles.append(refusal)
        return Counter({Stay.FIXED: many})
    need = rooms.need_of(app, host.site)
    foreseen = rooms.foresee(need, many)
    fit = sum(foreseen.placed.values())
    if fit < many:
        obstacles.append(NoRoom(app, need, [room for room in foreseen.rooms if room.name != host.name]))
    return Counter({Stay.WAITING: fit, Stay.NO_ROOM: many - fit})


def _moves(wish: Emptying) -> tuple[int, int]:
    """How many instances were asked to leave since, and how many of them did."""
    since = or_(Job.finished_at >= wish.since, Job.finished_at.is_(None))
    instances = func.count(Job.instance_id.distinct())
    moves = select(instances, instances.filter(Job.state == JobState.SUCCEEDED))
    row = db.session.execute(moves.where(Job.host_id == wish.host_id, Job.target_host_id.is_not(None), since)).one()
    return row[0], row[1]


def _failed(wish: Emptying) -> Sequence[Any]:
    moves = select(Job.id).where(Job.instance_id == Instance.id, _did_not_move(wish))
    newest = moves.order_by(Job.queued_at.desc()).limit(1).scalar_subquery().label("job_id")
    there = select(Instance.id, Instance.hostname, newest).where(
        Instance.host_id == wish.host_id, Instance.state != State.REMOVED, stay(wish) == Stay.FAILED
    )
    return db.session.execute(there.order_by(Instance.hostname).limit(FEW)).all()


def _who(wish: Emptying) -> str | None:
    named = select(Identity.username).where(Identity.account_id == wish.account_id)
    return db.session.scalar(named) if wish.account_id else wish.on_behalf_of
