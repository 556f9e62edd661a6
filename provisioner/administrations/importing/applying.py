"""Carrying out the plan of an import: all of its rows, or none."""

from collections.abc import Iterator

from provisioner.administrations import service, writing
from provisioner.administrations.importing.planning import ImportPlan, Outcome, Step
from provisioner.administrations.importing.rows import NAMES
from provisioner.administrations.kinds import NameType
from provisioner.administrations.writing import Coding, Naming
from provisioner.errors import Invalid

VERBS = {Outcome.CREATED: "register", Outcome.CHANGED: "import"}


class Rejected(Invalid):
    code = "import-rejected"
    message = "Some rows of the file cannot be imported. Nothing was changed."


def apply(plan: ImportPlan) -> None:
    """Do what the plan says, in the transaction it was made in; Rejected, with all faults, if there are any."""
    if plan.errors:
        raise Rejected(errors=plan.errors)
    created, changed = plan.of(Outcome.CREATED), plan.of(Outcome.CHANGED)
    since = service.moment()
    writing.enter([{"id": step.administration_id, **step.columns} for step in created], since)
    writing.alter([{"id": step.administration_id, **step.columns} for step in changed])
    writing.name([naming for step in (*created, *changed) for naming in _names(step)], since)
    writing.identify([coding for step in (*created, *changed) for coding in _codes(step)], since)
    for step in (*created, *changed):
        service.record(VERBS[step.outcome], step.administration_id, step.before, step.after)


def _names(step: Step) -> Iterator[Naming]:
    for column, language in NAMES.items():
        if column in step.after:
            yield Naming(step.administration_id, language, NameType.OFFICIAL, step.after[column])


def _codes(step: Step) -> Iterator[Coding]:
    for scheme in step.after.keys() - step.columns.keys() - NAMES.keys():
        yield Coding(step.administration_id, scheme, step.after[scheme])
