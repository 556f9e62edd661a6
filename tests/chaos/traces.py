"""What the playbooks wrote on the host while they acted (files/traces.py of the sleeper)."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path


@dataclass(frozen=True)
class Line:
    fence: int
    job: str
    action: str
    attempt: int
    word: str  # start, act, end; overlap: somebody else was acting on the instance
    at: float  # seconds of the machine's monotonic clock


@dataclass(frozen=True)
class Attempt:
    """What one attempt wrote, without a gap."""

    fence: int
    job: str
    action: str
    number: int
    words: tuple[str, ...]

    @property
    def whole(self) -> bool:
        return self.words[0] == "start" and self.words[-1] == "end"


def read(file: Path) -> list[Line]:
    text = file.read_text() if file.exists() else ""
    return [parsed(line) for line in text.splitlines()]


def parsed(text: str) -> Line:
    fence, job, action, attempt, word, at = text.split()
    return Line(int(fence), job, action, int(attempt), word, float(at))


def of_estate(host_root: Path) -> dict[str, list[Line]]:
    """By the instance's short id."""
    return {file.name.removeprefix("traces-"): read(file) for file in host_root.glob("traces-*")}


def attempts(lines: list[Line]) -> Iterator[Attempt]:
    """In the order in which they wrote; one that wrote, was interrupted by another and wrote again appears twice."""
    for key, group in groupby(lines, key=lambda line: (line.fence, line.job, line.action, line.attempt)):
        fence, job, action, number = key
        yield Attempt(fence, job, action, number, tuple(line.word for line in group))
