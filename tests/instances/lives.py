"""What tests of the life of an instance do and see."""

from typing import Any

from provisioner.db import db
from provisioner.instances.lifecycle import NOTICE
from provisioner.instances.models import Instance
from tests.factories import Api

NOTICED = {"health": "healthy", "active_version": NOTICE}


def now(instance: Instance) -> Instance:
    db.session.rollback()
    return db.session.get_one(Instance, instance.id, populate_existing=True)


def asks(api: Api, instance: Instance, action: str, **body: Any) -> Any:
    return api.post(f"/instances/{instance.id}/{action}", json={"reason": "test", **body})
