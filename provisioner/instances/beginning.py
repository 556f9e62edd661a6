"""What is asked of instances, one or thousands: may it begin on each, is there anything to do, and its beginning."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from provisioner.backups import queries as stored
from provisioner.backups.models import Backup
from provisioner.catalogue.models import App, Release
from provisioner.db import db, one_of
from provisioner.errors import Conflict, DomainError, Invalid, NotFound, OperationInProgress
from provisioner.hosts.models import Host
from provisioner.instances import digests, ending, moving, secrets
from provisioner.instances.lifecycle import STEPS, Action, State, may
from provisioner.instances.models import Instance
from provisioner.instances.placement import Place
from provisioner.jobs import service as jobs
from provisioner.jobs.models import Job


class NotOffered(Conflict):
    code = "not-offered"
    message = "%(app)s does not offer the action %(action)s."


class WrongState(Conflict):
    code = "wrong-state"
    message = "An instance that is %(state)s cannot be asked to %(action)s."


class KnownBad(Conflict):
    code = "known-bad-release"
    message = "The update from %(applied)s to %(version)s has failed on this instance. Say first that it is mended."


class NoBackup(Conflict):
    code = "no-backup"
    message = "The store holds no backup of this instance."


class NotNewer(Conflict):
    code = "not-newer"
    message = "%(version)s is not newer than %(applied)s."


class NoSuchSecret(Invalid):
    code = "no-such-secret"
    message = "%(app)s has no secret that is called %(name)s."


@dataclass(frozen=True)
class Wish:
    """An action on instances of an app.

    `release`: what an update or a restore goes to; None: each stays on the one that it has. `backup`: what is restored
    or proven; None: of each the newest.
    `names`: the secrets that a rotation renews; none: all that the app has. `target`: the name of the host to which
    instances move; None: each to the one that suits it best.

    A background job waits behind those of people and gives way to them: only what changes nothing can be one.
    """

    app: App
    action: Action
    release: Release | None = None
    backup: Backup | None = None
    background: bool = False
    names: tuple[str, ...] = ()
    target: str | None = None

    def __post_init__(self) -> None:
        if self.action not in self.app.manifest["actions"]:
            raise NotOffered(app=self.app.slug, action=self.action)
        if unknown := sorted(set(self.names) - set(self.app.manifest["secrets"])):
            raise NoSuchSecret(app=self.app.slug, name=unknown[0])
        if self.background and not STEPS[self.action].read_only:
            raise Conflict(
                "%(action)s changes the instance, so it cannot be done in the background.", action=self.action
            )

    @property
    def renewed(self) -> list[str]:
        """The secrets that it renews."""
        return sorted(self.names or self.app.manifest["secrets"]) if STEPS[self.action].renews else []


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
    backup: Any | None = None
    target: Place | None = None

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
    step = STEPS[wish.action]
    # A restore is never done before it began, for data is not in the digest; nor is a rotation.
    compared = step.converges and not (step.opens_backup or step.renews)
    wanted = digests.of(ids, target) if compared else {}
    backups = _backups(wish, ids)
    verdicts = [
        _verdict(row, wish, releases, wanted.get(row.id), holders.get(row.id), backups.get(row.id)) for row in rows
    ]
    return moving.with_targets(verdicts, wish, Outcome.ACCEPTED) if step.moves else verdicts


def _backups(wish: Wish, ids: Collection[UUID]) -> dict[UUID, Backup]:
    if not STEPS[wish.action].opens_backup:
        return {}
    return {wish.backup.instance_id: wish.backup} if wish.backup else stored.newest(ids)


def _gives_way(job: Any, wish: Wish) -> bool:
    return job.background and not wish.background


def _rows(ids: Collection[UUID], free: Collection[UUID], app: App) -> Sequence[Any]:
    """The free ones are held, in the order of their ids, so that no two who hold many wait for each other."""
    held = select(Instance.id).where(one_of(Instance.id, free)).order_by(Instance.id).with_for_update(key_share=True)
    db.session.execute(held)
    query = select(
        Instance.id, Instance.administration_id, Instance.environment, Instance.state, Instance.host_id, Host.site,
        Instance.desired_release_id, Instance.applied_release_id, Instance.settings, Instance.applied_digest,
        Instance.failed_release_id, Instance.removal_due_at, Instance.legal_hold, func.clock_timestamp().label("now"),
    ).join(Host, Host.id == Instance.host_id)  # fmt: skip
    found = db.session.execute(
        query.where(one_of(Instance.id, ids), Instance.app_id == app.id).order_by(Instance.id)
    ).all()
    if len(found) < len(ids):
        raise NotFound(kind="instance", key=min(set(ids) - {row.id for row in found}))
    return found


def _verdict(
    row: Any, wish: Wish, releases: dict[UUID, Release], digest: str | None, holder: Any | None, backup: Backup | None
) -> Verdict:
    applied = releases.get(row.applied_release_id)
    release = wish.release or applied or releases[row.desired_release_id]
    if backup:
        release = releases[backup.release_id]
    verdict = Verdict(row, release, digest, holder, _refusal(row, wish, holder), backup)
    if verdict.outcome is Outcome.ACCEPTED:
        return replace(verdict, refusal=_unfit(verdict, wish, applied))
    return verdict


def _refusal(row: Any, wish: Wish, holder: Any | None) -> DomainError | None:
    if holder and not _gives_way(holder, wish):
        return OperationInProgress(action=holder.action, job_id=str(holder.id))
    if not may(wish.action, State(row.state)):
        return WrongState(state=row.state, action=wish.action)
    if wish.action is Action.REMOVE:
        return ending.refusal(row.state, row.removal_due_at, row.legal_hold, row.now)
    return None


def _unfit(verdict: Verdict, wish: Wish, applied: Release | None) -> DomainError | None:
    """Why what the action would bring cannot be brought."""
    if STEPS[wish.action].opens_backup and verdict.backup is None:
        return NoBackup()
    if wish.action is not Action.UPDATE or applied is None:
        return None
    if verdict.release.position <= applied.position:
        return NotNewer(version=verdict.release.version, applied=applied.version)
    if verdict.release.id == verdict.instance.failed_release_id:
        return KnownBad(version=verdict.release.version, applied=applied.version)
    return None


def begin(wish: Wish, accepted: Sequence[Verdict], request_id: UUID) -> list[UUID]:
    """Queue the action on these instances, whose rows the caller holds; returns the ids of the jobs in this order."""
    jobs.give_way([each.holder for each in accepted if each.holder])
    if wish.release:
        _desire(wish.release, [each.instance.id for each in accepted])
    submitted = jobs.submit([_order(wish, each, request_id) for each in accepted])
    if wish.renewed:
        _renew(wish, {each.instance.id: job_id for each, job_id in zip(accepted, submitted, strict=True)})
    return submitted


def _renew(wish: Wish, rotations: dict[UUID, UUID]) -> None:
    """Make what these jobs, by instance, are to put in place; it is a part of what their instances shall be."""
    secrets.renew(rotations, wish.renewed)
    wanted = digests.of(rotations)
    db.session.execute(update(Job), [{"id": job, "desired_digest": wanted[key]} for key, job in rotations.items()])


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
        backup_id=verdict.backup.id if verdict.backup else None,
        target_host_id=verdict.target.host.id if verdict.target else None,
        target_port=verdict.target.port if verdict.target else None,
        background=wish.background,
        read_only=STEPS[wish.action].read_only,
    )
