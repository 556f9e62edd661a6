"""What is asked of instances, one or thousands: may it begin on each, is there anything to do, and its beginning."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from provisioner.catalogue.models import App, Release
from provisioner.db import db, one_of
from provisioner.errors import Conflict, DomainError, NotFound, OperationInProgress
from provisioner.hosts.models import Host
from provisioner.instances import digests
from provisioner.instances.lifecycle import STEPS, Action, State, may
from provisioner.instances.models import Instance
from provisioner.jobs import service as jobs


class NotOffered(Conflict):
    code = "not-offered"
    message = "%(app)s does not offer the action %(action)s."


class WrongState(Conflict):
    code = "wrong-state"
    message = "An instance that is %(state)s cannot be asked to %(action)s."


class NotNewer(Conflict):
    code = "not-newer"
    message = "%(version)s is not newer than %(applied)s."


@dataclass(frozen=True)
class Wish:
    """An action on instances of an app. `release`: what an update goes to; None: each stays on the one that it has.

    A background job waits behind those of people and gives way to them: only what changes nothing can be one.
    """

    app: App
    action: Action
    release: Release | None = None
    background: bool = False

    def __post_init__(self) -> None:
        if self.action not in self.app.manifest["actions"]:
            raise NotOffered(app=self.app.slug, action=self.action)
        if self.background and not STEPS[self.action].read_only:
            raise Conflict(
                "%(action)s changes the instance, so it cannot be done in the background.", action=self.action
            )


class Outcome(StrEnum):
    """What came of a wish for one instance."""

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"  # everything is already as the action would leave it
    REFUSED = "refused"


@dataclass(frozen=True)
class Verdict:
    """`instance`: the columns of `_rows`; `digest`: of what it shall be; `holder`: the open job that has it."""

    instance: Any
    release: Release
    digest: str | None
    holder: Any | None
    refusal: DomainError | None

    @property
    def outcome(self) -> Outcome:
        if self.refusal:
            return Outcome.REFUSED
        same = self.digest is not None and self.digest == self.instance.applied_digest
        return Outcome.UNCHANGED if same else Outcome.ACCEPTED


def judged(ids: Collection[UUID], wish: Wish) -> list[Verdict]:
    """What would come of the wish for each of these instances, whose rows are held from here on: acts take turns.

    Those that are busy are refused as they are and not held, or work under way could not end before thousands of
    others have been accepted. NotFound for an id that is no instance of the app.
    """
    busy = {key: job for key, job in jobs.holders(ids, held=False).items() if not _gives_way(job, wish)}
    free = set(ids) - busy.keys()
    rows = _rows(ids, free, wish.app)
    holders = jobs.holders(free, held=True) | busy
    releases = {release.id: release for release in wish.app.releases}
    target = wish.release.id if wish.release else None
    wanted = digests.of(ids, target) if STEPS[wish.action].converges else {}
    return [_verdict(row, wish, releases, wanted.get(row.id), holders.get(row.id)) for row in rows]


def _gives_way(job: Any, wish: Wish) -> bool:
    return job.background and not wish.background


def _rows(ids: Collection[UUID], free: Collection[UUID], app: App) -> Sequence[Any]:
    """The free ones are held, in the order of their ids, so that no two who hold many wait for each other."""
    held = select(Instance.id).where(one_of(Instance.id, free)).order_by(Instance.id).with_for_update(key_share=True)
    db.session.execute(held)
    query = select(
        Instance.id, Instance.administration_id, Instance.environment, Instance.state, Instance.host_id, Host.site,
        Instance.desired_release_id, Instance.applied_release_id, Instance.settings, Instance.applied_digest,
    ).join(Host, Host.id == Instance.host_id)  # fmt: skip
    found = db.session.execute(
        query.where(one_of(Instance.id, ids), Instance.app_id == app.id).order_by(Instance.id)
    ).all()
    if len(found) < len(ids):
        raise NotFound(kind="instance", key=min(set(ids) - {row.id for row in found}))
    return found


def _verdict(row: Any, wish: Wish, releases: dict[UUID, Release], digest: str | None, holder: Any | None) -> Verdict:
    applied = releases.get(row.applied_release_id)
    release = wish.release or applied or releases[row.desired_release_id]
    verdict = Verdict(row, release, digest, holder, _refusal(row, wish, holder))
    if verdict.outcome is Outcome.ACCEPTED and wish.release and applied and release.position <= applied.position:
        return replace(verdict, refusal=NotNewer(version=release.version, applied=applied.version))
    return verdict


def _refusal(row: Any, wish: Wish, holder: Any | None) -> DomainError | None:
    if holder and not _gives_way(holder, wish):
        return OperationInProgress(action=holder.action, job_id=str(holder.id))
    if not may(wish.action, State(row.state)):
        return WrongState(state=row.state, action=wish.action)
    return None


def begin(wish: Wish, accepted: Sequence[Verdict], request_id: UUID) -> list[UUID]:
    """Queue the action on these instances, whose rows the caller holds; returns the ids of the jobs in this order."""
    jobs.give_way([each.holder for each in accepted if each.holder])
    if wish.release:
        _desire(wish.release, [each.instance.id for each in accepted])
    return jobs.submit([_order(wish, each, request_id) for each in accepted])


def _desire(release: Release, ids: Sequence[UUID]) -> None:
    changing = update(Instance).where(one_of(Instance.id, ids), Instance.desired_release_id != release.id)
    db.session.execute(
        changing.values(desired_release_id=release.id, version=Instance.version + 1),
        execution_options={"synchronize_session": "fetch"},
    )


def _order(wish: Wish, verdict: Verdict, request_id: UUID) -> jobs.Order:
    manifest, instance = wish.app.manifest, verdict.instance
    return jobs.Order(
        instance_id=instance.id,
        administration_id=instance.administration_id,
        request_id=request_id,
        action=wish.action,
        app_id=wish.app.id,
        release_id=verdict.release.id,
        digest=wish.app.digest,
        desired_digest=verdict.digest,
        host_id=instance.host_id,
        site=instance.site,
        retry_safe=wish.action in manifest["retry_safe"],
        timeout=manifest["timeouts"][wish.action],
        background=wish.background,
    )
