"""The processes of a run, as the kernel tells them. Nothing here knows what a run is."""

import ctypes
import os
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
DEAD = {"Z", "X"}  # a zombie acts no more; it only waits to be buried
LONGEST = 4096  # bytes of a command line that are read
ROUNDS = 100
LONGEST_DEATH = 5.0  # seconds that the killed get to be gone
SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36  # prctl
ARGUMENTS = slice(45, 47)  # in what stat tells after the name: where the command line lies in memory


@dataclass(frozen=True)
class Process:
    pid: int
    started: int  # by the machine's clock: with the pid it means one process for good
    parent: int
    name: str
    resident: int  # bytes, those that it shares with others too


def adopt_orphans() -> None:
    """What daemonises below this process becomes its child and not init's: it can still be found."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent() -> None:
    """Whoever forked this process takes it with him, however he ends."""
    ctypes.CDLL(None).prctl(SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def call_itself(command: str) -> None:
    """Let people who look at the processes see this command line, as far as it fits over the one of the start."""
    facts = (PROC / "self/stat").read_text(errors="replace").rpartition(")")[2].split()
    begin, end = map(int, facts[ARGUMENTS])
    text = command.encode(errors="replace")[: end - begin - 1]
    ctypes.memmove(begin, text.ljust(end - begin, b"\0"), end - begin)


def look(pid: int) -> Process | None:
    """The process, if it is there and lives."""
    try:
        told = (PROC / str(pid) / "stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    name, _, rest = told.partition("(")[2].rpartition(")")  # a name may hold anything
    facts = rest.split()
    if facts[0] in DEAD:
        return None
    return Process(pid, int(facts[19]), int(facts[1]), name, int(facts[21]) * os.sysconf("SC_PAGE_SIZE"))


def below(top: int) -> list[Process]:
    """All that came of this process and lives; parents stand before their children."""
    children: dict[int, list[Process]] = {}
    for folder in PROC.glob("[0-9]*"):
        if found := look(int(folder.name)):
            children.setdefault(found.parent, []).append(found)
    tree, parents = [], [top]
    while parents:
        born = children.pop(parents.pop(), [])
        tree += born
        parents += [each.pid for each in born]
    return tree


def lives(process: Process) -> bool:
    """Whether it is still there; another one may have got its number."""
    now = look(process.pid)
    return now is not None and now.started == process.started


def command(process: Process) -> str:
    """Its command line, or its name where it has none."""
    try:
        with (PROC / str(process.pid) / "cmdline").open("rb") as file:
            words = file.read(LONGEST).replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        words = ""
    return words or process.name


def memory(processes: Iterable[Process], limit: int) -> int:
    """Bytes that they use; what they share counts once. The exact look is dear and only taken where it may matter."""
    there = list(processes)
    rough = sum(each.resident for each in there)
    return rough if rough <= limit else sum(map(_share, there))


def _share(process: Process) -> int:
    try:
        lines = (PROC / str(process.pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


@dataclass(frozen=True)
class Stopped:
    """What was killed with a run or a part of it: its processes by name and command line, but for our own."""

    processes: list[tuple[str, str]]
    left: int  # so many are still there
    seconds: float


def kill(those: Iterable[Process]) -> None:
    for each in those:
        with suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGKILL)


def survivors(those: Sequence[Process], give_up: float) -> list[Process]:
    """Which of the killed are still there at that moment; sooner than that where all are gone."""
    while (left := [each for each in those if lives(each)]) and time.monotonic() < give_up:
        time.sleep(0.02)
    return left


def kill_below(top: int) -> None:
    """Kill all that came of this process. What is forked during one round is found by the next."""
    for _ in range(ROUNDS):
        tree = below(top)
        kill(tree)
        if not tree:
            break
        time.sleep(0.01)
