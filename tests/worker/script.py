"""A run as a script of messages, for the tests of those who listen to it."""

import time
from collections.abc import Iterator
from typing import Any

from provisioner.db import transaction
from provisioner.instances import service as instances
from provisioner.instances.variables import RunOrder
from provisioner.jobs.attempts import Claim, Outcome
from worker.follow import Follower
from worker.run import Stopped

INSTANCE = "abc"
SECRET = "sup3rsecretvalue"
SUCCESS = {"end": "successful", "unreachable": False}


ORDER = RunOrder("", "", servers={}, instances={INSTANCE: {}}, secrets=(SECRET,), changed=False)


class Script:
    """Says what it is told to, one chunk at a time. Once it is killed nobody may prove anything to it."""

    def __init__(self, *chunks: list[dict[str, Any]], gave_up: bool = False, out_of_memory: bool = False) -> None:
        self.gave_up = gave_up
        self.out_of_memory = out_of_memory
        self.stopped = Stopped([], left=0, seconds=0.1)
        self._chunks = list(chunks)
        self._killed = False
        self.proofs: list[float] = []

    def messages(self, _timeout: float) -> Iterator[dict[str, Any]] | None:
        return iter(self._chunks.pop(0)) if self._chunks else None

    def prove(self, asked: float) -> None:
        assert not self._killed
        self.proofs.append(asked)

    def kill(self) -> None:
        self._killed = True

    def stop(self) -> Stopped:
        self.kill()
        return self.stopped


def said(counter: int, host: str = INSTANCE, **result: Any) -> dict[str, Any]:
    texts = dict.fromkeys(("stdout", "play", "role", "task"), "")
    return {"counter": counter, "kind": "runner_on_ok", "host": host, "changed": False, "result": result, **texts}


def followed(claim: Claim, *chunks: list[dict[str, Any]]) -> Outcome:
    return follower(claim, Script(*chunks)).follow()


def follower(claim: Claim, script: Script) -> Follower:
    return Follower(claim, script, ORDER, 40, time.monotonic())


def began(counter: int, task: str, **more: Any) -> dict[str, Any]:
    return said(counter) | {"kind": "runner_on_start", "task": task} | more


def cancelled(claim: Claim, *chunks: list[dict[str, Any]], stopped: Stopped) -> Outcome:
    with transaction():
        instances.cancel(claim.job_id, "test")
    script = Script(*chunks)
    script.stopped = stopped
    return follower(claim, script).follow()
