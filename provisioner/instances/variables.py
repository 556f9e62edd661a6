"""What a run gets to know: the inventory's variables for its instance and the server below it."""

from dataclasses import dataclass
from typing import Any

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
    known_hosts: str = ""  # as in ssh's file: the keys by which the server proves that it is the right one


def order(claim: Claim) -> RunOrder:
    """Everything that the claimed job's run needs."""
    instance = db.session.get_one(Instance, claim.instance_id)
    release = catalogue.release_by_id(db.session.get_one(Job, claim.job_id).release_id)
    host = hosts.by_id(instance.host_id)
    opened = secrets.opened(instance.id)
    server = connection(host)
    return RunOrder(
        project=str(folders.project()),
        playbook=f"apps/{release.app.slug}/{claim.action}.yml",
        servers={host.name: server | {"runtime": _runtime(release)}},
        instances={instance.short_id: server | _instance(instance, release, claim, opened)},
        secrets=tuple(opened.values()),
        changed=folders.digest(folders.project(), release.app.slug) != claim.digest,
        known_hosts=host.facts.get("ssh", {}).get("known_hosts", ""),
    )


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


def _instance(instance: Instance, release: Release, claim: Claim, opened: dict[str, str]) -> Variables:
    applied = catalogue.release_by_id(instance.applied_release_id).version if instance.applied_release_id else ""
    administration = db.session.get_one(Administration, instance.administration_id)
    names = administrations.names_of([administration.id])[administration.id]
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
        "secrets": opened,
        "job": {
            "id": str(claim.job_id),
            "action": claim.action,
            "attempt": claim.attempt,
            "fence": claim.fence,
        },
    }
