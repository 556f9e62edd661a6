"""One `provisioner up` for one state folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.embedded.processes.service import CannotStart


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock; the kernel lets go of it when this process dies, however it dies."""
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                "The servers in %(state_dir)s are already running (process %(pid)s).",
                state_dir=str(path.parent),
                pid=path.read_text().strip(),
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def refuse_if_held(path: Path) -> None:
    """The same refusal, before anything is created."""
    if path.exists():
        with held(path):
            pass
