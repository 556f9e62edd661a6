"""Mail gets its number when it is entered, the next of its direction and year, and keeps it for ever."""

import json
from pathlib import Path
from typing import Any

from roundup.date import Date, Interval
from roundup.exceptions import Reject

OWN = ("year", "number", "reference", "entered")  # what the registry itself says
HOLD = "SELECT id FROM _direction WHERE id = %s FOR UPDATE"
TODAY = "SELECT (clock_timestamp() AT TIME ZONE 'Africa/Casablanca')::date"
NEXT = "SELECT coalesce(max(_number), 0) + 1 FROM _mail WHERE _direction = %s AND _year = %s"

NEEDED = {
    "direction": "المرجو تحديد وارد أو صادر / Veuillez indiquer arrivée ou départ",
    "subject": "المرجو كتابة الموضوع / Veuillez indiquer l’objet",
    "correspondent": "المرجو ذكر المرسل أو المرسل إليه / Veuillez indiquer l’expéditeur ou le destinataire",
}
FIXED = "الاتجاه والرقم وتاريخ التسجيل لا تتغير / Le sens, le numéro et la date d’enregistrement ne changent pas"
KEPT = "البريد المسجل لا يحذف، بل يلغى / Un courrier enregistré ne se supprime pas, il s’annule"
TOO_LATE = "تاريخ المراسلة لاحق لتاريخ التسجيل / La date du courrier est postérieure à son enregistrement"


def answer(db: Any, question: str, *values: Any) -> Any:
    db.sql(question, values)
    return db.sql_fetchone()[0]


def text(value: Any) -> str:
    return str(value or "").strip()


def complete(values: dict[str, Any], names: Any) -> None:
    """Reject if one of these is given without saying anything."""
    for name in names:
        if not text(values.get(name)):
            raise Reject(NEEDED[name])


def not_before_it_was_written(dated: Date | None, entered: Date) -> None:
    if dated and dated > entered:
        raise Reject(TOO_LATE)


def number(db: Any, direction: str) -> dict[str, Any]:
    """What the registry says of new mail; until its transaction ends, nobody else enters any of its direction."""
    answer(db, HOLD, direction)
    today = answer(db, TODAY)
    following = answer(db, NEXT, direction, today.year)
    reference = f"{db.direction.get(direction, 'letter')}-{today.year}-{following:05d}"
    return {"year": today.year, "number": following, "reference": reference, "entered": Date(today.isoformat())}


def enter(db: Any, _mails: Any, _new: None, values: dict[str, Any]) -> None:
    if any(values.get(name) is not None for name in OWN):
        raise Reject(FIXED)
    complete(values, NEEDED)
    values.update(number(db, values["direction"]))
    not_before_it_was_written(values.get("dated"), values["entered"])
    if not values.get("status"):
        values["status"] = db.status.lookup("registered")
    if not values.get("due") and db.direction.get(values["direction"], "name") == "incoming":
        parameters = json.loads(Path(db.config.HOME, "facts.json").read_text(encoding="utf-8"))["parameters"]
        values["due"] = values["entered"] + Interval(f"{parameters['answer_days']}d")


def keep(_db: Any, mails: Any, node: str, values: dict[str, Any]) -> None:
    for name in ("direction", *OWN):
        if name in values and values[name] != mails.get(node, name):
            raise Reject(FIXED)
    complete(values, [name for name in NEEDED if name in values])
    not_before_it_was_written(values.get("dated"), mails.get(node, "entered"))


def refuse(_db: Any, _mails: Any, _node: str, _values: None) -> None:
    raise Reject(KEPT)


def answered(db: Any, mails: Any, node: str, _before: None) -> None:
    """Outgoing mail that answers a letter marks it as answered."""
    letter = mails.get(node, "answers")
    if letter:
        mails.set(letter, status=db.status.lookup("answered"))


def init(db: Any) -> None:
    db.mail.audit("create", enter)
    db.mail.audit("set", keep)
    db.mail.audit("retire", refuse)
    db.mail.react("create", answered)
