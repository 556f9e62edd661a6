"""Makes the services those of the settings, and has the database itself refuse a number that is given twice."""

import json
from pathlib import Path
from typing import Any

MISSING = "SELECT to_regclass('mail_number') IS NULL"
UNIQUE = "CREATE UNIQUE INDEX mail_number ON _mail (_direction, _year, _number)"

Service = dict[str, str | int]


def wanted(db: Any) -> dict[str, Service]:
    """The services by name, which is the French one."""
    text = json.loads(Path(db.config.HOME, "facts.json").read_text(encoding="utf-8"))["parameters"]["services"]
    lines = [line.partition("|") for line in text.split("\n") if line.strip()]
    return {
        fr.strip(): {"label_ar": ar.strip(), "label_fr": fr.strip(), "order": order}
        for order, (ar, _, fr) in enumerate(lines, start=1)
    }


def set_right(services: Any, node: str, labels: Service) -> bool:
    """Bring one that exists, even if it had left, to what is wanted; whether it was not."""
    before = {name: services.get(node, name) for name in labels}
    retired = services.is_retired(node)
    if retired:
        services.restore(node)
    if before != labels:
        services.set(node, **labels)
    return retired or before != labels


def settle_services(services: Any, named: dict[str, Service]) -> bool:
    """Whether anything changed. One that is no longer wanted can be chosen no more, and stays with its mail."""
    known = {services.get(node, "name"): node for node in services.getnodeids()}
    leaving = [node for name, node in known.items() if name not in named and not services.is_retired(node)]
    for node in leaving:
        services.retire(node)
    coming = [name for name in named if name not in known]
    for name in coming:
        services.create(name=name, **named[name])
    righted = [set_right(services, known[name], labels) for name, labels in named.items() if name in known]
    return bool(leaving or coming or any(righted))


def settle_numbers(db: Any) -> bool:
    db.sql(MISSING)
    missing = bool(db.sql_fetchone()[0])
    if missing:
        db.sql(UNIQUE)
    return missing


def settle(db: Any) -> bool:
    return any([settle_numbers(db), settle_services(db.service, wanted(db))])
