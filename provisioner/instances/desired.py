"""What an instance shall be: what its runs are told of it, secrets and the job at hand aside.

Runs (variables) and digests are both made from this, so that neither knows of anything that the other forgets.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from provisioner.administrations.models import Administration
from provisioner.administrations.queries import names
from provisioner.catalogue.models import App, Release
from provisioner.db import db, one_of
from provisioner.hosts.models import Host
from provisioner.instances.lifecycle import State
from provisioner.instances.models import Instance

Variables = dict[str, Any]


def rows(ids: Collection[UUID], release_id: UUID | None, *more: Any) -> Sequence[Any]:
    """What the functions here need to know of each of these instances, on this release or on the one that it has."""
    release = release_id or func.coalesce(Instance.applied_release_id, Instance.desired_release_id)
    query = select(
        Instance.id, Instance.short_id, Instance.environment, Instance.state, Instance.address, Instance.port,
        Instance.settings, Instance.host_id, Instance.administration_id, Administration.slug.label("administration"),
        names().label("administration_names"), App.slug.label("app"), App.digest.label("app_digest"),
        App.manifest["resources"]["memory_mb"].as_integer().label("memory_mb"), Release.version, Release.runtime, *more,
    )  # fmt: skip
    query = query.join(Administration, Administration.id == Instance.administration_id)
    query = query.join(Release, Release.id == release).join(App, App.id == Release.app_id)
    return db.session.execute(query.where(one_of(Instance.id, ids))).all()


def instance(row: Any) -> Variables:
    return {
        "instance": {
            "id": str(row.id),
            "short_id": row.short_id,
            "app": row.app,
            "environment": row.environment,
            "suspended": row.state == State.SUSPENDED,
            "url": row.address.rstrip("/"),
            "port": row.port,
            "bind": "127.0.0.1",
            "memory_mb": row.memory_mb,
        },
        "administration": {
            "id": str(row.administration_id),
            "slug": row.administration,
            **{f"name_{language}": row.administration_names.get(language, "") for language in ("ar", "fr", "en")},
        },
        "release": {"version": row.version},
        "parameters": row.settings,
    }


def runtime(row: Any) -> Variables:
    return {"app": row.app, "version": row.version, "lock": row.runtime}


def host(of: Host) -> Variables:
    """Without how it is reached, which changes nothing on it."""
    return {"name": of.name, **{name: fact for name, fact in of.facts.items() if name != "ssh"}}
