"""What a run gets to know: the inventory's variables for its instance and the server below it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select

from provisioner.backups import queries as stored, service as backups
from provisioner.catalogue import folders, queries as catalogue
from provisioner.config import settings
from provisioner.db import Json, db, one_of
from provisioner.hosts import queries as hosts
from provisioner.hosts.models import Connection, Host
from provisioner.instances import desired, digests, moving, secrets
from provisioner.instances.lifecycle import STEPS, Action
from provisioner.instances.models import Instance
from provisioner.instances.placement import Place
from provisioner.jobs.attempts import Claim
from provisioner.jobs.claiming import Batch
from provisioner.jobs.models import Job

Variables = desired.Variables
ROOT = "root"  # whoever else signs in on a server becomes root there, by sudo


@dataclass(frozen=True)
class RunOrder:
    """A run, ready to be started: the playbook of an app and its inventory (docs/playbook-variables.md).

    `unchanged`: those of the claims for which there is nothing to do any more; their instances are not in it.
    """

    project: str
    playbook: str
    servers: dict[str, Variables]
    instances: dict[str, Variables]
    secrets: tuple[str, ...]  # values that must not be seen in what the run says
    changed: bool  # the playbooks are not those that the request was approved for
    unchanged: tuple[Claim, ...] = ()
    forks: int = 1  # on so many instances it may act at once
    arrivals: dict[str, Variables] = field(default_factory=dict)  # those that move, on the servers that they come to
    known_hosts: str = ""  # as in ssh's file: the keys by which the server proves that it is the right one


def order(batch: Batch) -> RunOrder:
    """Everything that the run of the claimed jobs needs: a fixed number of queries, however many they are."""
    first = batch.claims[0]
    release = catalogue.release_by_id(db.session.get_one(Job, first.job_id).release_id)
    ids = [claim.instance_id for claim in batch.claims]
    unchanged = _unchanged(batch, digests.freeze([claim.job_id for claim in batch.claims], ids, release.id))
    rows = {row.id: row for row in desired.rows(ids, release.id, Instance.applied_release_id)}
    host = hosts.by_id(rows[first.instance_id].host_id)
    opened = secrets.opened(ids, renewing=STEPS[Action(first.action)].renews)
    server, keeping = connection(host), _backups(batch, host)
    told = {
        claim: server
        | keeping.get(claim.instance_id, {})
        | _told(rows[claim.instance_id], claim, opened[claim.instance_id])
        for claim in batch.claims
        if claim not in unchanged
    }
    arriving = _arriving(told)
    reached = [host, *{place.host.id: place.host for place in arriving.values()}.values()]
    return RunOrder(
        project=str(folders.project()),
        playbook=f"apps/{release.app.slug}/{first.action}.yml",
        servers={
            each.name: connection(each) | {"runtime": desired.runtime(rows[first.instance_id])} for each in reached
        },
        instances={rows[claim.instance_id].short_id: given for claim, given in told.items()},
        arrivals={
            rows[claim.instance_id].short_id: told[claim] | _there(told[claim], place)
            for claim, place in arriving.items()
        },
        secrets=(
            *(value for each in opened.values() for value in each.values()),
            *(backups.secrets() if keeping else ()),
        ),
        changed=folders.digest(folders.project(), release.app.slug) != first.digest,
        unchanged=unchanged,
        forks=batch.forks,
        known_hosts="".join(each.facts.get("ssh", {}).get("known_hosts", "") for each in reached),
    )


def _arriving(told: Iterable[Claim]) -> dict[Claim, Place]:
    """Where the claims that move their instances bring them."""
    moves = {claim.job_id: claim for claim in told if STEPS[Action(claim.action)].moves}
    jobs = db.session.scalars(select(Job).where(one_of(Job.id, moves))) if moves else ()
    return {moves[job.id]: moving.place_of(job) for job in jobs}


def _there(told: Variables, place: Place) -> Variables:
    """What is different for an instance on the server that it comes to."""
    return connection(place.host) | {"instance": told["instance"] | {"port": place.port}}


def _backups(batch: Batch, host: Host) -> dict[UUID, Variables]:
    """What each instance is told of backups, where its action keeps one or opens one."""
    step, ids = STEPS[Action(batch.claims[0].action)], [claim.instance_id for claim in batch.claims]
    if not (step.keeps_backup or step.opens_backup):
        return {}
    access = backups.access(host, opening=step.opens_backup or step.moves)
    outlived = stored.outlived(ids) if step.keeps_backup else {}
    restored = stored.of_jobs([claim.job_id for claim in batch.claims]) if step.opens_backup else {}
    return {
        claim.instance_id: {
            "backups": {**access, "expired": outlived.get(claim.instance_id, [])},
            "backup": restored.get(claim.job_id, {}),
        }
        for claim in batch.claims
    }


def _unchanged(batch: Batch, current: set[UUID]) -> tuple[Claim, ...]:
    return tuple(claim for claim in batch.claims if claim.instance_id in current)


def connection(host: Host) -> Variables:
    return {
        "ansible_connection": host.connection,
        "ansible_host": host.address,
        "ansible_python_interpreter": host.facts.get("python", "/usr/bin/python3"),
        "ansible_become": host.connection is Connection.SSH and host.facts["ssh"]["user"] != ROOT,
        **(_ssh(host.facts["ssh"]) if host.connection is Connection.SSH else {}),
        "host": desired.host(host),
        "controller": {"wheels": str(settings().state_dir / "wheels")},
    }


def _ssh(facts: Json) -> Variables:
    return {
        "ansible_port": facts["port"],
        "ansible_user": facts["user"],
        "ansible_ssh_private_key_file": facts["private_key_file"],
    }


def _told(row: Any, claim: Claim, opened: secrets.Opened) -> Variables:
    """What the instance shall be, and what only this run is told."""
    told = desired.instance(row)
    applied = catalogue.release_by_id(row.applied_release_id).version if row.applied_release_id else ""
    return {
        **told,
        "release": {**told["release"], "previous_version": applied},
        "secrets": opened.secrets,
        **({"previous_secrets": opened.previous} if opened.previous else {}),
        "job": {
            "id": str(claim.job_id),
            "action": claim.action,
            "attempt": claim.attempt,
            "fence": claim.fence,
        },
    }
