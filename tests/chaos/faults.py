"""The faults of the torture: each breaks something for a while, and mends it again."""

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import redis

from tests.chaos.estate import IMPATIENT, Estate
from tests.chaos.proxy import Mode, Proxy

Break = Callable[[Estate, random.Random], Iterator[None]]
Breaking = Callable[[Estate, random.Random], AbstractContextManager[None]]
LEASE = float(IMPATIENT["lease"])
GONE = (ProcessLookupError, FileNotFoundError, IndexError)  # what was to be hurt has just ended by itself


@dataclass(frozen=True)
class Fault:
    """`target`: what it hurts; two faults never hurt the same thing at once. It is mended after `seconds`."""

    name: str
    target: str
    seconds: tuple[float, float]
    weight: int
    breaking: Breaking
    needs_root: bool = False


FAULTS: list[Fault] = []


def fault(
    name: str, target: str, seconds: tuple[float, float] = (0, 0), weight: int = 2, *, needs_root: bool = False
) -> Callable[[Break], Break]:
    def register(breaking: Break) -> Break:
        FAULTS.append(Fault(name, target, seconds, weight, contextmanager(breaking), needs_root))
        return breaking

    return register


def _someone(estate: Estate, chance: random.Random) -> str:
    return chance.choice([member.name for member in estate.crew])


def _one(pids: "list[int] | set[int]", chance: random.Random) -> int:
    return sorted(pids)[chance.randrange(len(pids))] if pids else _nobody()


def _nobody() -> int:
    raise ProcessLookupError


def kill(pids: "list[int] | set[int]", chance: random.Random) -> None:
    os.kill(_one(pids, chance), signal.SIGKILL)


@fault("kill -9 of a worker", "worker", weight=3)
def _worker(estate: Estate, chance: random.Random) -> Iterator[None]:
    estate.kill(_someone(estate, chance))
    yield


@fault("kill -9 of a worker and all its processes", "worker", weight=3)
def _whole_worker(estate: Estate, chance: random.Random) -> Iterator[None]:
    estate.signal_all(_someone(estate, chance), signal.SIGKILL)
    yield


@fault("kill -9 of a process of a worker's pool", "pool", weight=3)
def _pool(estate: Estate, chance: random.Random) -> Iterator[None]:
    kill(estate.pool(_someone(estate, chance)), chance)
    yield


@fault("kill -9 of a run", "run", weight=4)
def _run(estate: Estate, chance: random.Random) -> Iterator[None]:
    kill(estate.runs(), chance)
    yield


@fault("kill -9 of the dispatcher", "dispatcher")
def _dispatcher(estate: Estate, chance: random.Random) -> Iterator[None]:
    estate.kill("dispatcher-1")
    yield


@fault("kill -9 of a web process", "web")
def _web(estate: Estate, chance: random.Random) -> Iterator[None]:
    kill(estate.pool("web"), chance)
    yield


@fault("kill -9 of the web server", "web")
def _web_master(estate: Estate, chance: random.Random) -> Iterator[None]:
    estate.kill("web")
    yield


@fault("a worker asleep beyond its lease", "worker", (LEASE + 1, LEASE + 6))
def _asleep(estate: Estate, chance: random.Random) -> Iterator[None]:
    asleep = estate.group(_someone(estate, chance))
    try:
        for pid in asleep:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in asleep:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@fault("a worker restarted with SIGTERM", "worker", weight=3)
def _restart(estate: Estate, chance: random.Random) -> Iterator[None]:
    estate.kill(_someone(estate, chance), number=signal.SIGTERM)
    yield


@fault("immediate restart of PostgreSQL", "database", (0, 3))
def _postgres(estate: Estate, chance: random.Random) -> Iterator[None]:
    with estate.without("postgres"):
        estate.kill("postgres", number=signal.SIGQUIT)
        yield


@fault("Valkey forgets everything", "valkey")
def _forget(estate: Estate, chance: random.Random) -> Iterator[None]:
    with redis.Redis.from_url(estate.layout.redis_url()) as valkey:
        valkey.flushall()
    yield


@fault("Valkey killed, and away", "valkey", (0, 6))
def _valkey(estate: Estate, chance: random.Random) -> Iterator[None]:
    with estate.without("valkey"):
        estate.kill("valkey")
        yield


@fault("Valkey hung", "valkey", (4, 15))
def _hung(estate: Estate, chance: random.Random) -> Iterator[None]:
    estate.kill("valkey", number=signal.SIGSTOP)
    try:
        yield
    finally:
        estate.kill("valkey", number=signal.SIGCONT)


@fault("the disk of a worker's runs full", "disk", (2, 6), needs_root=True)
def _disk(estate: Estate, chance: random.Random) -> Iterator[None]:
    with full(Path(f"/proc/{estate.pid(_someone(estate, chance))}/root/dev/shm")):
        yield


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """The file system of the folder has no room while the block lasts."""
    filler = folder / "filler"
    try:
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 12))
        yield
    finally:
        with suppress(FileNotFoundError):  # its worker, and the file system with it, may be gone
            filler.unlink()


def _network(name: str, proxy: Callable[[Estate], Proxy], mode: Mode, seconds: tuple[float, float]) -> None:
    def breaking(estate: Estate, chance: random.Random) -> Iterator[None]:
        proxy(estate).behave(mode)
        try:
            yield
        finally:
            proxy(estate).behave(Mode.PASS)

    fault(f"{name}: {mode}", name, seconds)(breaking)


for _mode, _seconds in {Mode.REFUSE: (1, 6), Mode.BLACKHOLE: (2, LEASE + 4), Mode.RESET: (0.3, 2)}.items():
    _network("way to PostgreSQL", lambda estate: estate.database, _mode, _seconds)
    _network("the web's way to PostgreSQL", lambda estate: estate.web_database, _mode, _seconds)
    _network("way to Valkey", lambda estate: estate.valkey, _mode, _seconds)
_network("way to PostgreSQL", lambda estate: estate.database, Mode.CUT_COMMIT, (0.5, 2))
_network("the web's way to PostgreSQL", lambda estate: estate.web_database, Mode.CUT_COMMIT, (0.5, 2))
