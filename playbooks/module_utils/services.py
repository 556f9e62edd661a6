"""What the module instance_service asks of whoever keeps services running."""

from __future__ import annotations

import hashlib
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PAUSE = 0.2
RUNNING, STARTING, FATAL, ABSENT = "RUNNING", "STARTING", "FATAL", "ABSENT"
UP = (RUNNING, STARTING)
TRYING = (*UP, "BACKOFF")  # it would be started again by itself


class ServiceError(Exception):
    """Whoever keeps the services refused; the message is its own."""


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def put(file: Path, text: str) -> None:
    aside = file.with_suffix(f"{file.suffix}.new")
    aside.write_text(text, encoding="utf-8")
    aside.replace(file)


def sum_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Wanted:
    """What the service is started with."""

    configuration: str
    digest: str  # of its files

    def __str__(self) -> str:
        return f"{self.digest}\n{sum_of(self.configuration)}"


class Service:
    """One service: the file that tells of it, and the record of what it was started with."""

    def __init__(self, name: str, file: Path, record: Path) -> None:
        self.name = name
        self.file = file
        self.record = record

    def configuration(self, params: dict[str, Any]) -> str:
        """The text of its file, from the options of the module."""
        raise NotImplementedError

    def state(self) -> str:
        raise NotImplementedError

    def pending(self) -> bool:
        """Whether its file has not been taken up as it is."""
        raise NotImplementedError

    def configure(self, text: str) -> bool:
        """Write the file and have it taken up; whether that started the service anew."""
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def halt(self) -> None:
        """Stop it so that it does not begin by itself either, whatever restarts, until somebody starts it."""
        raise NotImplementedError

    def forget(self) -> None:
        """Stop it, and have nobody know of it."""
        raise NotImplementedError

    def last_words(self) -> str:
        raise NotImplementedError

    def started(self) -> tuple[str, str]:
        """With which files and with which configuration it was started, as far as we know: their digests."""
        files, _, configuration = text_of(self.record).partition("\n")
        return files, configuration

    def is_configured(self, text: str) -> bool:
        return text_of(self.file) == text and (self.started()[1] == sum_of(text) or not self.pending())

    def is_there(self) -> bool:
        return self.state() != ABSENT or self.file.exists() or self.record.exists()

    def files(self) -> list[Path]:
        """Those that are there of its own."""
        return [file for file in (self.file, self.record) if file.exists()]

    def remove(self) -> None:
        self.forget()
        for file in self.files():
            file.unlink()

    def move_to(self, folder: Path) -> None:
        """As `remove`, and its files lie in this folder from then on."""
        for file in self.files():
            shutil.copy2(file, folder)
        self.remove()

    def wait(self, timeout: float) -> str:
        deadline = time.monotonic() + timeout
        state = self.state()
        while state not in (RUNNING, FATAL) and time.monotonic() < deadline:
            time.sleep(PAUSE)
            state = self.state()
        return state
