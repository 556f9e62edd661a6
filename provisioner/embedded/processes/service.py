"""What it takes to run one process: a plain description, which the keeper carries out."""

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.errors import DomainError

PLAIN = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE")


class CannotStart(DomainError):
    code = "cannot-start"
    status = 503


def plain_environment() -> dict[str, str]:
    """What any program needs and no secret: for processes that are not ours, and what they start in turn."""
    return {name: value for name, value in os.environ.items() if name in PLAIN}


@dataclass(frozen=True)
class Service:
    """One process of `provisioner up`. Durations are in seconds."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=plain_environment)
    log: Path | None = None  # its output goes there; None: it is shown, prefixed
    terminal: bool = False  # its output is shown as it is
    prepare: Callable[[], None] = lambda: None  # before each start
    ready: Callable[[], bool] = lambda: True
    patience: float = 60  # how long it may take to become ready
    once: bool = False  # a step that has to succeed before the next process starts
    vital: bool = False  # when it cannot be started again, everything stops
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10  # how long it may take to stop
    finishes: bool = False  # it brings to an end what it does, and needs the others for that
    pass_fds: Sequence[int] = ()
