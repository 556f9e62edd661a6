"""What parts of the machine's work compute, told apart by control groups: the right to make them is needed (root)."""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))

from tests.running import wait_for


class Meter:
    """What the processes of one part compute, those that nobody waited for as well: the kernel counts by group."""

    def __init__(self, name: str) -> None:
        self._folder = _groups() / f"benchmark-{os.getpid()}-{name}"
        self._folder.mkdir()

    def add(self, *pids: int) -> None:
        """What they start from here on counts, too."""
        for pid in pids:
            with suppress(OSError):  # it has ended
                (self._folder / "cgroup.procs").write_text(str(pid))

    def enter(self) -> None:
        """This process and what it starts from here on; for what runs between fork and exec."""
        self.add(os.getpid())

    @property
    def seconds(self) -> float:
        words = (self._folder / "cpu.stat").read_text().split()
        return int(words[words.index("usage_usec") + 1]) / 1e6

    def remove(self) -> None:
        wait_for("an empty group", lambda: not (self._folder / "cgroup.procs").read_text())
        self._folder.rmdir()


def _groups() -> Path:
    mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    found = next((Path(words[1]) for words in mounts if words[2] == "cgroup2"), None)
    if found is None or not os.access(found, os.W_OK):
        raise SystemExit("This takes the right to make control groups (cgroup2): run it as root.")
    return found


@contextmanager
def metered(name: str) -> Iterator[Meter]:
    """A meter for as long as this lasts; what it counts has ended by then."""
    meter = Meter(name)
    try:
        yield meter
    finally:
        meter.remove()


def computed(command: Sequence[str], **given: Any) -> float:
    """Seconds that a command takes of the processors, which must succeed."""
    with metered("command") as meter:
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True, preexec_fn=meter.enter, **given)
        return meter.seconds
