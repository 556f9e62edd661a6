"""Asking an estate for the sleeper, and seeing what it did."""

from itertools import count
from typing import Any

from tests.chaos import traces
from tests.chaos.estate import Estate
from tests.chaos.traces import Attempt, Line
from tests.running import Answer

numbers = count(1)


def wish(estate: Estate, seconds: int = 1, **more: Any) -> Any:
    """What to ask for: the sleeper for an administration that has just been entered."""
    slug = f"commune-{next(numbers)}"
    names = {"fr": slug.title(), "ar": f"جماعة {slug}"}
    made = estate.post("/administrations", {"kind": "commune", "slug": slug, "names": names})
    return {"administration": made["id"], "app": "sleeper", "reason": "test", "settings": {"seconds": seconds}} | more


def ask(estate: Estate, seconds: int = 1, **more: Any) -> Any:
    """The accepted job of a new sleeper."""
    return estate.post("/requests", wish(estate, seconds, **more))


def asked_with(estate: Estate, key: str, wanted: Any) -> Answer:
    return estate.call("POST", "/requests", wanted, **{"Idempotency-Key": key})


def lines(estate: Estate, job: Any) -> list[Line]:
    """What was done on the job's instance, in order."""
    short_id = estate.get(f"/instances/{job['instance_id']}")["short_id"]
    return traces.read(estate.layout.host_root / f"traces-{short_id}")


def attempts(estate: Estate, job: Any) -> list[Attempt]:
    return list(traces.attempts(lines(estate, job)))


def acting(estate: Estate, job: Any) -> bool:
    return any(line.word == "act" for line in lines(estate, job))


def state(estate: Estate, job: Any) -> str:
    return str(estate.get(f"/jobs/{job['id']}")["state"])
