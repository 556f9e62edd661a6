"""What a run gets to know: the inventory's variables for its instance and the server below it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from provisioner.administrations import queries as administrations
from provisioner.administrations.models import Administration
from provisioner.catalogue import folders, queries as catalogue
from provisioner.catalogue.models import Release
from provisioner.db import Json, db
from provisioner.hosts import queries as hosts
from provisioner.hosts.models import Connection, Host
from provisioner.instances import secrets
from provisioner.instances.models import Instance
from provisioner.jobs.attempts import Claim
from provisioner.jobs.claiming import Batch
from provisioner.jobs.models import Job

Variables = dict[str, Any]


@dataclass(frozen=True)
class RunOrder:
    """A run, ready to be started: the playbook of an app and its inventory (docs/playbook-variables.md)."""

    project: str
    playbook: str
    servers: dict[str, Variables]
    instances: dict[str, Variables]
    secrets: tuple[str, ...]  # values that must not be seen in what the run says
    changed: bool  # the playbooks are not those that the request was approved for
    forks: int = 1  # on so many instances it may act at once
    known_hosts: str = ""  # as in ssh's file: the keys by which the server proves that it is the right one


def order(batch: Batch) -> RunOrder:
    """Everything that the run of the claimed jobs needs: a fixed number of queries, however many they are."""
    first = batch.claims[0]
    there = _there([claim.instance_id for claim in batch.claims])
    release = catalogue.release_by_id(db.session.get_one(Job, first.job_id).release_id)
    host = hosts.by_id(there.instances[first.instance_id].host_id)
    server = connection(host)
    return RunOrder(
        project=str(folders.project()),
        playbook=f"apps/{release.app.slug}/{first.action}.yml",
        servers={host.name: server | {"runtime": _runtime(release)}},
        instances={
            there.instances[claim.instance_id].short_id: server | _instance(there, release, claim)
            for claim in batch.claims
        },
        secrets=tuple(value for opened in there.secrets.values() for value in opened.values()),
        changed=folders.digest(folders.project(), release.app.slug) != first.digest,
        forks=batch.forks,
        known_hosts=host.facts.get("ssh", {}).get("known_hosts", ""),
    )


@dataclass(frozen=True)
class _There:
    """What is known of the instances of a run, by their ids or those of their administrations."""

    instances: dict[UUID, Instance]
    secrets: dict[UUID, dict[str, str]]
    administrations: dict[UUID, Administration]
    names: dict[UUID, dict[str, str]]


def _there(instance_ids: Sequence[UUID]) -> _There:
    instances = {each.id: each for each in db.session.scalars(select(Instance).where(Instance.id.in_(instance_ids)))}
    whose = {each.administration_id for each in instances.values()}
    found = {each.id: each for each in db.session.scalars(select(Administration).where(Administration.id.in_(whose)))}
    return _There(instances, secrets.opened(instance_ids), found, administrations.names_of(whose))


def connection(host: Host) -> Variables:
    return {
        "ansible_connection": host.connection,
        "ansible_host": host.address,
        "ansible_python_interpreter": host.facts["python"],
        **(_ssh(host.facts["ssh"]) if host.connection is Connection.SSH else {}),
        "host": {"name": host.name, **{name: fact for name, fact in host.facts.items() if name != "ssh"}},
    }


def _ssh(facts: Json) -> Variables:
    return {
        "ansible_port": facts["port"],
        "ansible_user": facts["user"],
        "ansible_ssh_private_key_file": facts["private_key_file"],
    }


def _runtime(release: Release) -> Variables:
    return {"app": release.app.slug, "version": release.version, "lock": release.runtime}


def _instance(there: _There, release: Release, claim: Claim) -> Variables:
    instance = there.instances[claim.instance_id]
    applied = catalogue.release_by_id(instance.applied_release_id).version if instance.applied_release_id else ""
    administration = there.administrations[instance.administration_id]
    names = there.names[administration.id]
    return {
        "instance": {
            "id": str(instance.id),
            "short_id": instance.short_id,
            "app": release.app.slug,
            "environment": instance.environment,
            "url": instance.address.rstrip("/"),
            "port": instance.port,
            "bind": "127.0.0.1",
        },
        "administration": {
            "id": str(administration.id),
            "slug": administration.slug,
            **{f"name_{language}": names.get(language, "") for language in ("ar", "fr", "en")},
        },
        "release": {"version": release.version, "previous_version": applied},
        "parameters": instance.settings,
        "secrets": there.secrets[instance.id],
        "job": {
            "id": str(claim.job_id),
            "action": claim.action,
            "attempt": claim.attempt,
            "fence": claim.fence,
        },
    }
