"""A run as a script of messages, for the tests of those who listen to it."""

import time
from collections.abc import Iterator
from typing import Any

from provisioner.db import transaction
from provisioner.instances import service as instances
from provisioner.instances.variables import RunOrder
from provisioner.jobs.attempts import Claim, Outcome
from provisioner.jobs.claiming import Batch
from worker.follow import Follower
from worker.run import Stopped

INSTANCE = "abc"
SECRET = "sup3rsecretvalue"
SUCCESS = {"end": "successful", "looked": True, "failed": [], "unreachable": []}


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
        self.admitted: list[str] = []
        self.refused: list[str] = []

    def messages(self, _timeout: float) -> Iterator[dict[str, Any]] | None:
        return iter(self._chunks.pop(0)) if self._chunks else None

    def prove(self, asked: float) -> None:
        assert not self._killed
        self.proofs.append(asked)

    def admit(self, names: list[str]) -> None:
        self.admitted += names

    def refuse(self, names: list[str]) -> None:
        self.refused += names

    def stop_some(self, names: list[str]) -> None:
        """The killed are told of as soon as it is listened to."""
        what = {"processes": [], "left": 0, "seconds": 0.1}
        self._chunks.insert(0, [{"stopped": name, "what": what} for name in names])

    def kill(self) -> None:
        self._killed = True

    def stop(self) -> Stopped:
        self.kill()
        return self.stopped


def said(host: str = INSTANCE, **result: Any) -> dict[str, Any]:
    texts = dict.fromkeys(("stdout", "play", "role", "task"), "")
    return {"kind": "runner_on_ok", "host": host, "changed": False, "result": result, **texts}


def began(task: str, **more: Any) -> dict[str, Any]:
    return said() | {"kind": "runner_on_start", "task": task} | more


def begin(name: str = INSTANCE) -> dict[str, Any]:
    """A task wants to act on the instance."""
    return {"begin": name}


def followed(claim: Claim, *chunks: list[dict[str, Any]]) -> Outcome:
    return only(follower(claim, Script(*chunks)))


def only(following: Follower) -> Outcome:
    """What came of the one job of a run."""
    [outcomes] = following.follow()
    [outcome] = outcomes.values()
    return outcome


def follower(claim: Claim, script: Script, patience: float = 40) -> Follower:
    return Follower(Batch((claim,), forks=1), script, ORDER, patience, time.monotonic())


def cancelled(claim: Claim, *chunks: list[dict[str, Any]], stopped: Stopped) -> Outcome:
    with transaction():
        instances.cancel(claim.job_id, "test")
    script = Script(*chunks)
    script.stopped = stopped
    return only(follower(claim, script))
