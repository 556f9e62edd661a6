"""What runs tell of an instance beside how they ended: its health, when somebody last asked for it, and backups."""

from dataclasses import replace
from datetime import datetime

from provisioner.backups.service import name_of
from provisioner.backups.told import Odd, Told, moment, told
from provisioner.db import Json
from provisioner.instances.lifecycle import STEPS, Action, Health
from provisioner.instances.models import Instance
from provisioner.jobs.attempts import Outcome
from provisioner.jobs.lifecycle import End
from provisioner.jobs.models import Job

ODD = "What the server tells of the backup cannot be right, so it is not in the register."


def heard(instance: Instance, job: Job, outcome: Outcome) -> tuple[Outcome, Told]:
    """The outcome, and what it says of the store, where the action keeps a backup there. What cannot be right is not
    kept, and no success.
    """
    if not STEPS[Action(job.action)].keeps_backup:
        return outcome, Told()
    try:
        return outcome, told(outcome.report, name_of(instance.short_id, job.id))
    except Odd:
        report = {name: each for name, each in outcome.report.items() if name not in {"backup", "expired"}}
        end = End.FAILED if outcome.end is End.SUCCEEDED else outcome.end
        return replace(outcome, end=end, report=report | {"reason": ODD}), Told()


def learn(instance: Instance, report: Json, now: datetime) -> None:
    """Keep what the report of a run says; the caller holds the instance's row."""
    if "health" in report:
        healthy = report["health"] == Health.HEALTHY
        instance.health = Health.HEALTHY if healthy else Health.UNHEALTHY
        instance.health_at = now
    used = moment(report.get("last_used"))
    # A server that it has come to knows of no use elsewhere.
    if used and (instance.last_used_at is None or instance.last_used_at < used):
        instance.last_used_at = used
