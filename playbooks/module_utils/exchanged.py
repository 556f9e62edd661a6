"""What stood in files before they were exchanged, kept in one file so that it can be put back."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING, Any

from ansible.module_utils.durable import remember

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path, PurePosixPath

    from ansible.module_utils.tenant import Tenant


def keep(undo: Path, root: Path, paths: Iterable[PurePosixPath], tenant: Tenant) -> None:
    """Write what is at these paths below the root. The records of earlier jobs beside it have served their time."""
    undo.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tenant.acting():
        kept = {str(path): _content(root / path) for path in paths}
    earlier = list(undo.parent.glob(f"{undo.name.partition('-')[0]}-*{undo.suffix}"))
    remember(undo, kept)
    for old in earlier:
        if old != undo:
            old.unlink()


def _content(path: Path) -> dict[str, str | int] | None:
    """None: there was no such file."""
    if path.is_symlink() or not path.is_file():
        return None
    return {"mode": path.stat().st_mode & 0o7777, "bytes": base64.b64encode(path.read_bytes()).decode("ascii")}


def put_back(undo: Path, root: Path, tenant: Tenant) -> bool:
    """Make the files below the root as they were; whether anything had been kept."""
    if not undo.exists():
        return False
    kept = json.loads(undo.read_text(encoding="utf-8"))
    with tenant.acting():
        for name, content in kept.items():
            _put(root / name, content)
    undo.unlink()
    return True


def _put(path: Path, content: dict[str, Any] | None) -> None:
    if path.is_dir() and not path.is_symlink():
        return  # it was in the way, and no file could take its place
    path.unlink(missing_ok=True)
    if content is not None:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, content["mode"]), "wb") as stream:
            os.fchmod(stream.fileno(), content["mode"])
            stream.write(base64.b64decode(content["bytes"]))
