"""What the service and the model answer and keep, in words that can be compared."""

from collections.abc import Callable
from typing import Any

from tests.protocol.model import Protocol
from tests.protocol.real import PLAIN
from tests.protocol.rows import Busy, Fenced, Job, NotAllowed


def answer_of(act: Callable[[], Any]) -> Any:
    try:
        return act()
    except (Busy, Fenced, NotAllowed) as refused:
        return refused


def comparable(answer: Any) -> Any:
    """What both can say in the same words."""
    if isinstance(answer, Exception):
        return type(answer), answer.args
    if isinstance(answer, Job):
        return answer.id
    if hasattr(answer, "forks"):
        return answer.forks, [(each.attempt, each.fence, each.action) for each in answer.claims]
    return answer


def seen(model: Protocol) -> dict[str, Any]:
    """The rows of the model, as Real.seen tells those of the service."""
    tables = model.tables
    columns = (
        *PLAIN,
        "lease_until",
        "not_before",
        "deadline",
        "finished_at",
        "instance",
        "host",
        "target",
        "cancel_requested",
    )
    return {
        "jobs": {job.id: {name: getattr(job, name) for name in columns} for job in tables.jobs.values()},
        "fences": tables.fences,
        "slots": {
            (scope, owner, number): sorted(job.id for job in tables.jobs.values() if job.run == run)
            for (scope, owner), slots in tables.slots.items()
            for number, run in enumerate(slots, start=1)
            if run is not None
        },
        "parked": {name: host.probe_at for name, host in tables.hosts.items()},
        "instances": {name: (row.state, row.applied, row.host) for name, row in tables.instances.items()},
        "drains": tables.drains,
    }
