"""Moving instances to other hosts: where each goes, and what is different once it is there."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from provisioner.audit import service as audit
from provisioner.config import settings
from provisioner.db import db
from provisioner.errors import Conflict, DomainError
from provisioner.hosts.models import Host
from provisioner.instances.models import Instance
from provisioner.instances.placement import Place, Vacancies
from provisioner.jobs.models import Job

if TYPE_CHECKING:
    from provisioner.instances.beginning import Verdict, Wish


class NoCommonStore(Conflict):
    code = "no-common-store"
    message = "Instances move by way of a store of backups that all servers reach: set PROVISIONER_BACKUP_STORE."


def with_targets(verdicts: Sequence["Verdict"], wish: "Wish", accepted: str) -> list["Verdict"]:
    """The verdicts, those of instances that may move with the place that they go to, or with why there is none."""
    if not any(verdict.outcome == accepted for verdict in verdicts):
        return list(verdicts)
    vacancies = Vacancies()
    return [_with_target(each, wish, vacancies) if each.outcome == accepted else each for each in verdicts]


def _with_target(verdict: "Verdict", wish: "Wish", vacancies: Vacancies) -> "Verdict":
    try:
        if not settings().backup_store:
            raise NoCommonStore
        place = vacancies.place(wish.app, leaving=verdict.instance.host_id, only=wish.target)
    except DomainError as refusal:
        return replace(verdict, refusal=refusal)
    return replace(verdict, target=place)


def place_of(job: Job) -> Place:
    """Where the job brings its instance."""
    return Place(db.session.get_one(Host, job.target_host_id), job.target_port)


def arrive(instance: Instance, job: Job) -> None:
    """The instance is where the job has brought it."""
    before = {"host": db.session.get_one(Host, instance.host_id).name, "address": instance.address}
    place = place_of(job)
    instance.host_id, instance.port = place.host.id, place.port
    instance.address = place.address(instance.hostname)
    db.session.flush()
    audit.record(
        "instance.move",
        "instance",
        instance.id,
        administration_id=instance.administration_id,
        before=before,
        after={"host": place.host.name, "address": instance.address},
    )
