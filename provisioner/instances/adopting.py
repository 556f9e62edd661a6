"""What follows for instances from a look at their host: one is in doubt, or a person wants it to be right as it is."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select, update

from provisioner.audit import service as audit
from provisioner.catalogue.models import App, Release
from provisioner.db import db, one_of
from provisioner.errors import Conflict, OperationInProgress
from provisioner.instances.lifecycle import State
from provisioner.instances.models import Instance
from provisioner.instances.service import held
from provisioner.jobs.lifecycle import OPEN
from provisioner.jobs.models import Job


class UnknownRelease(Conflict):
    code = "finding-not-decidable"
    message = "What the server has cannot become what the register says: %(found)s is no release of the app."


def doubt(instance_ids: Collection[UUID]) -> None:
    """It is not certain any more what is in place: whatever is asked for is to be done and not found unchanged."""
    known = one_of(Instance.id, sorted(instance_ids)) & Instance.applied_digest.is_not(None)
    held = select(Instance.id).where(known).order_by(Instance.id).with_for_update(key_share=True).cte()
    doubtful = update(Instance).where(Instance.id.in_(select(held))).values(applied_digest=None)
    db.session.execute(doubtful, execution_options={"synchronize_session": False})


def adopt(instance_id: UUID, runtime: str, reason: str) -> Instance:
    """Let the register say that an instance runs the release of this runtime (`<app>-<version>`)."""
    instance = held(instance_id)
    _refuse_busy(instance)
    release = _release(instance, runtime)
    if release is None or instance.state is not State.ACTIVE:
        raise UnknownRelease(found=runtime or "?")
    before = db.session.get_one(Release, instance.applied_release_id) if instance.applied_release_id else None
    instance.applied_release_id = instance.desired_release_id = release.id
    instance.applied_digest = None
    db.session.flush()
    audit.record(
        "instance.adopt_release",
        "instance",
        instance.id,
        administration_id=instance.administration_id,
        reason=reason,
        before={"release": before.version if before else ""},
        after={"release": release.version},
    )
    return instance


def _refuse_busy(instance: Instance) -> None:
    busy = select(Job.action, Job.id).where(Job.instance_id == instance.id, Job.state.in_(OPEN))
    if job := db.session.execute(busy).one_or_none():
        raise OperationInProgress(action=job.action, job_id=str(job.id))


def _release(instance: Instance, runtime: str) -> Release | None:
    query = select(Release).join(App, App.id == Release.app_id)
    return db.session.scalar(query.where(App.id == instance.app_id, App.slug + "-" + Release.version == runtime))
