"""What a browser may show of an attachment; the rest is saved, since pages and drawings can carry scripts."""

from typing import Any

SHOWN = {"application/pdf", "image/png", "image/jpeg", "text/plain"}


def harmless(_db: Any, _files: Any, node: str | None, values: dict[str, Any]) -> None:
    if (node is None or "type" in values) and values.get("type") not in SHOWN:
        values["type"] = "application/octet-stream"


def init(db: Any) -> None:
    for event in ("create", "set"):
        db.file.audit(event, harmless)
