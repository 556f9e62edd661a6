"""A new complaint starts as new, is due within the announced days, and has a title."""

import json
from pathlib import Path
from typing import Any

from roundup.date import Date, Interval
from roundup.exceptions import Reject


def complete(db: Any, _issues: Any, _new: None, newvalues: dict[str, Any]) -> None:
    if not (newvalues.get("title") or "").strip():
        raise Reject("المرجو كتابة موضوع الشكاية / Veuillez indiquer l’objet de la réclamation")
    parameters = json.loads(Path(db.config.HOME, "facts.json").read_text(encoding="utf-8"))["parameters"]
    newvalues.setdefault("status", db.status.lookup("new"))
    if not newvalues.get("due"):
        newvalues["due"] = Date(".") + Interval(f"{parameters['response_days']}d")


def init(db: Any) -> None:
    db.issue.audit("create", complete)
