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


def remember(file: Path, facts: dict[str, Any]) -> None:
    """Write a small file of facts, whole or not at all."""
    aside = file.with_name(f".{file.name}.new")
    aside.write_text(json.dumps(facts), encoding="utf-8")
    settle(aside)
    aside.replace(file)
    settle(file.parent)


def recalled(file: str | None) -> dict[str, Any]:
    """What `remember` wrote there; nothing where there is none."""
    if file is None or not Path(file).exists():
        return {}
    facts: dict[str, Any] = json.loads(Path(file).read_text(encoding="utf-8"))
    return facts
