"""Having things on the disk before anything is done that relies on them: the power may fail."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def settle(*places: Path) -> None:
    """What has been written to these files and folders survives from now on."""
    for place in places:
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def put(file: Path, text: str, mode: int = 0o600) -> None:
    """The file whole, or as it was, also after a loss of power."""
    aside = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
        os.fchmod(stream.fileno(), mode)
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(file)
    settle(file.parent)


def remember(file: Path, facts: dict[str, Any]) -> None:
    """Write a file of facts."""
    put(file, json.dumps(facts))


def recalled(file: str | None) -> dict[str, Any]:
    """What `remember` wrote there; nothing where there is none."""
    if file is None or not Path(file).exists():
        return {}
    facts: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
    return facts
