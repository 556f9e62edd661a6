"""What a run gets to know: the inventory's variables for its instance and the server below it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from provisioner.catalogue import folders, queries as catalogue
from provisioner.db import Json, db
from provisioner.hosts import queries as hosts
from provisioner.hosts.models import Connection, Host
from provisioner.instances import desired, digests, secrets
from provisioner.instances.models import Instance
from provisioner.jobs.attempts import Claim
from provisioner.jobs.claiming import Batch
from provisioner.jobs.models import Job

Variables = desired.Variables


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
    known_hosts: str = ""  # as in ssh's file: the keys by which the server proves that it is the right one


def order(batch: Batch) -> RunOrder:
    """Everything that the run of the claimed jobs needs: a fixed number of queries, however many they are."""
    first = batch.claims[0]
    release = catalogue.release_by_id(db.session.get_one(Job, first.job_id).release_id)
    ids = [claim.instance_id for claim in batch.claims]
    unchanged = _unchanged(batch, digests.freeze([claim.job_id for claim in batch.claims], ids, release.id))
    rows = {row.id: row for row in desired.rows(ids, release.id, Instance.applied_release_id)}
    host = hosts.by_id(rows[first.instance_id].host_id)
    opened, server = secrets.opened(ids), connection(host)
    return RunOrder(
        project=str(folders.project()),
        playbook=f"apps/{release.app.slug}/{first.action}.yml",
        servers={host.name: server | {"runtime": desired.runtime(rows[first.instance_id])}},
        instances={
            rows[claim.instance_id].short_id: server | _told(rows[claim.instance_id], claim, opened[claim.instance_id])
            for claim in batch.claims
            if claim not in unchanged
        },
        secrets=tuple(value for each in opened.values() for value in each.values()),
        changed=folders.digest(folders.project(), release.app.slug) != first.digest,
        unchanged=unchanged,
        forks=batch.forks,
        known_hosts=host.facts.get("ssh", {}).get("known_hosts", ""),
    )


def _unchanged(batch: Batch, current: set[UUID]) -> tuple[Claim, ...]:
    return tuple(claim for claim in batch.claims if claim.instance_id in current)


def connection(host: Host) -> Variables:
    return {
        "ansible_connection": host.connection,
        "ansible_host": host.address,
        "ansible_python_interpreter": host.facts["python"],
        **(_ssh(host.facts["ssh"]) if host.connection is Connection.SSH else {}),
        "host": desired.host(host),
    }


def _ssh(facts: Json) -> Variables:
    return {
        "ansible_port": facts["port"],
        "ansible_user": facts["user"],
        "ansible_ssh_private_key_file": facts["private_key_file"],
    }


def _told(row: Any, claim: Claim, opened: dict[str, str]) -> Variables:
    """What the instance shall be, and what only this run is told."""
    told = desired.instance(row)
    applied = catalogue.release_by_id(row.applied_release_id).version if row.applied_release_id else ""
    return {
        **told,
        "release": {**told["release"], "previous_version": applied},
        "secrets": opened,
        "job": {
            "id": str(claim.job_id),
            "action": claim.action,
            "attempt": claim.attempt,
            "fence": claim.fence,
        },
    }
