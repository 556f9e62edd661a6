"""The home page, the inventory as auditors ask for it, and the audit."""

from flask import Blueprint, Response, render_template

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.administrations import queries as administrations, search
from provisioner.administrations.kinds import Kind
from provisioner.calendar import queries as calendar
from provisioner.catalogue import queries as catalogue
from provisioner.findings import queries as findings
from provisioner.freezes.lifecycle import FreezeState
from provisioner.hosts import queries as hosts
from provisioner.instances import queries as instances
from provisioner.instances.lifecycle import State
from provisioner.jobs import queries as jobs
from provisioner.jobs.lifecycle import JobState
from provisioner.labels import LABELS
from provisioner.listing import asked, filters, taken
from provisioner.paging import PageRequest
from provisioner.presentation import language, localised
from provisioner.reports import queries
from provisioner.reports.asking import event_filter, inventory_file, inventory_filter
from provisioner.reports.schemas import AuditQuery, InventoryFilters, InventoryQuery
from provisioner.reports.sentences import sentence
from provisioner.workers import queries as workers

blp = Blueprint("reports", __name__)

A_FEW = PageRequest(size=8)
COUNTED = PageRequest(size=1, with_total=True)


@blp.get("/")
@requires(Right.VIEW)
def home() -> str:
    stuck = jobs.find(jobs.Filter(state=JobState.NEEDS_ATTENTION), A_FEW).rows
    recent = jobs.find(jobs.Filter(), A_FEW).rows
    return render_template(
        "home/home.html",
        tally=jobs.tally(),
        stuck=stuck,
        recent=recent,
        about=instances.by_ids(job.instance_id for job in (*stuck, *recent)),
        failed=instances.find(instances.Filter(state=State.FAILED), A_FEW, language()).rows,
        apps=catalogue.apps(),
        counts=instances.tally(),
        overdue=instances.overdue(),
        administrations=search.find(search.Filter(closed=False), COUNTED, language()).total,
        findings=findings.open_count(),
        drains=workers.drains(),
        freezes=calendar.freezes(FreezeState.HOLDING, A_FEW).rows,
        parked=[host for host in hosts.every() if host.parked_at],
    )


@blp.get("/reports/inventory")
@requires(Right.VIEW)
def inventory() -> str:
    given = asked(InventoryQuery)
    which, as_of = taken(given), given.pop("as_of")
    wanted = inventory_filter(given)
    return render_template(
        "reports/inventory.html",
        page=queries.find(wanted, which, language(), as_of),
        totals=queries.totals(wanted, as_of),
        given=filters(),
        as_of=as_of,
        apps=[(app.slug, localised(app.names)) for app in catalogue.apps()],
        regions=[(region.slug, localised(region.names)) for region in administrations.regions()],
        kinds=Kind,
        states=instances.STATES,
    )


@blp.get("/reports/inventory.csv")
@requires(Right.VIEW)
def inventory_csv() -> Response:
    """The same rows as a file, sent while they are read."""
    return inventory_file(asked(InventoryFilters))


@blp.get("/audit")
@requires(Right.AUDIT)
def audit() -> str:
    given = asked(AuditQuery)
    which = taken(given)
    page = queries.events(event_filter(given), which)
    return render_template(
        "reports/audit.html",
        page=page,
        given=filters(),
        sentence=sentence,
        names=administrations.names_of({row.administration_id for row in page.rows if row.administration_id}),
        types=LABELS["object"],
    )
