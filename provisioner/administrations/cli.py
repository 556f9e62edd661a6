"""The command `provisioner administrations`: look at the register, and import into it."""

from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from provisioner.administrations import queries, search
from provisioner.administrations.importing import applying, planning
from provisioner.administrations.importing.planning import ImportPlan, Outcome, Step
from provisioner.administrations.kinds import Kind, Language
from provisioner.administrations.schemas import AdministrationDetailView, AdministrationView
from provisioner.db import Json, transaction
from provisioner.output import as_of_option, output_option, show, show_one
from provisioner.paging import every

LISTED = {"slug": "Label", "kind": "Kind", "name": "Name", "codes": "Codes"}
TOLD = {"line": "Line", "outcome": "Outcome", "slug": "Label", "changes": "Changes"}


@click.group()
def administrations() -> None:
    """The register of administrations."""


@administrations.command("list")
@click.option("--text", help="Words of a name in any language, a code or a label.")
@click.option("--kind", type=click.Choice([kind.value for kind in Kind]))
@click.option("--parent", help="Those directly below this one: its id, its label, or a code as scheme:value.")
@click.option("--region", help="Those below this one, or with their territory there.")
@click.option("--language", type=click.Choice([each.value for each in Language]), default="fr", help="Of the names.")
@as_of_option
@output_option
def list_administrations(as_of: datetime | None, language: str, output: str, **given: Any) -> None:
    """Administrations, by name."""
    wanted = search.meant(**given)
    found = every(lambda which: search.find(wanted, which, language, as_of))
    rows = AdministrationView(many=True).dump(found) if output == "json" else (_listed(row, language) for row in found)
    show(rows, LISTED, output)


def _listed(row: Any, language: str) -> Json:
    name = next(row.names[each] for each in (language, *queries.FALLBACK) if each in row.names)
    codes = " ".join(f"{scheme}:{value}" for scheme, value in row.identifiers.items())
    return {"slug": row.slug, "kind": row.kind, "name": name, "codes": codes}


@administrations.command("show")
@click.argument("administration")
@as_of_option
@output_option
def show_administration(administration: str, as_of: datetime | None, output: str) -> None:
    """One administration, by its id, its label, or a code as scheme:value."""
    found = queries.by_id(queries.referred(administration).id, as_of)
    if output == "json":
        show_one(AdministrationDetailView().dump(queries.detail(found.id, as_of)), output)
    else:
        show_one(_facts(found), output)


def _facts(found: Any) -> Json:
    links = {link: each.slug for link, each in queries.links(found).items()}
    names = {f"name_{language}": name for language, name in found.names.items()}
    times = {"registered": found.registered_at, "closed": found.closed_at}
    return {"id": found.id, "label": found.slug, "kind": found.kind, **names, **found.identifiers, **links, **times}


@administrations.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@output_option
def import_file(file: BinaryIO, output: str, **how: bool) -> None:
    """Enter and change administrations from a CSV file: all of its rows, or none.

    Columns: kind, slug, name_ar, name_fr, name_en, name_zgh, parent, supervisor, territory; every other column is a
    scheme of codes. An administration is recognised by its codes, then by its slug. An empty cell changes nothing.
    """
    with _progress() as progress:
        working = progress.add_task("Comparing the file with the register", total=3)
        with transaction(**how):
            plan = planning.plan(file)
            progress.update(working, advance=1, description=f"Writing {len(plan.steps)} rows")
            applying.apply(plan)
            progress.update(working, advance=1, description="Keeping them")
        progress.advance(working)
    _report(plan, output, **how)


def _progress() -> Progress:
    """On standard error, and only where somebody looks: standard output is for what was asked."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _report(plan: ImportPlan, output: str, *, dry_run: bool) -> None:
    """Programs get every change; people too in a dry run, and how many there are."""
    labels = {step.administration_id: str(step.columns["slug"]) for step in plan.steps}
    changes = [_told(step, labels) for step in plan.steps if step.outcome is not Outcome.UNCHANGED]
    if changes and (dry_run or output == "json"):
        show(changes, TOLD, output)
    if plan.new_schemes:
        click.echo(f"Schemes of codes that are new: {', '.join(plan.new_schemes)}.", err=True)
    counts = ", ".join(f"{plan.tally[each]} {each}" for each in Outcome if each is not Outcome.REJECTED)
    click.echo(f"{'Nothing is kept of this dry run' if dry_run else 'Done'}: {counts}.", err=True)


def _told(step: Step, labels: dict[UUID, str]) -> Json:
    before, after = ({key: labels.get(it, str(it)) for key, it in facts.items()} for facts in (step.before, step.after))
    changes = "; ".join(f"{column}: {before.get(column, '')} -> {new}" for column, new in after.items())
    told = {"line": step.line, "outcome": step.outcome, "slug": step.columns["slug"], "changes": changes}
    return told | {"id": step.administration_id, "before": before, "after": after}
