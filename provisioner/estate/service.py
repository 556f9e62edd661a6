"""What may be done to a server depends on what lies on it."""

from collections.abc import Mapping
from typing import Any

from provisioner.errors import Conflict
from provisioner.estate import emptying
from provisioner.hosts import service as hosts
from provisioner.hosts.models import Host, HostState
from provisioner.instances.rooms import Taken, taken


def change(name: str, changes: Mapping[str, Any], reason: str) -> Host:
    """Change what a person said of a host, named as in hosts.service.NewHost, and its `state`."""
    emptying.held(name)
    host = hosts.held(name)
    said = {key: value for key, value in changes.items() if key != "state"}
    if said.get("address", host.address) != host.address and _lodging(host).ports:
        raise Conflict("Instances of %(name)s have its address in theirs, so it stays as it is.", name=name)
    hosts.change(name, said, reason)
    return turn(name, changes["state"], reason) if "state" in changes else host


def turn(name: str, state: HostState, reason: str) -> Host:
    """Bring a host into another state; Conflict if one that is to be retired has instances.

    One that is to be drained is emptied from now on (`emptying`); to say so again is to ask those anew that failed.
    """
    emptying.held(name)
    host = hosts.held(name)
    if state is HostState.RETIRED and (left := _lodging(host).instances):
        raise Conflict(
            "%(name)s still has instances: %(instances)s. Move or remove them first.", name=name, instances=left
        )
    turned = hosts.turn(name, state, reason)
    if state is HostState.DRAINING:
        emptying.begin(turned, reason)
    else:
        emptying.end(turned)
    return turned


def _lodging(host: Host) -> Taken:
    return taken()[host.id]
