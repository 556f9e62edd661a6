"""The API of jobs: read them, read along, cancel them."""

from typing import Any
from uuid import UUID

from flask_smorest import Blueprint

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.jobs import failures, queries, search, story, waiting
from provisioner.jobs.events import Cursor
from provisioner.jobs.schemas import (
    EventsQuery,
    EventsView,
    FailuresQuery,
    FailureView,
    FoundView,
    JobDetailView,
    JobsQuery,
    JobView,
    SearchQuery,
)
from provisioner.jobs.watch import look
from provisioner.listing import IN_QUERY, answered, page_of, taken

blp = Blueprint("jobs_api", __name__, url_prefix="/api/v1/jobs", description="Actions on instances, and their runs")


@blp.route("")
@requires(Right.VIEW)
@blp.arguments(JobsQuery, **IN_QUERY)
@blp.response(200, page_of(JobView))
def jobs(given: dict[str, Any]) -> Any:
    """Jobs, the newest first."""
    which = taken(given)
    return answered(queries.find(queries.Filter(**given), which))


@blp.route("/events")
@requires(Right.VIEW)
@blp.arguments(SearchQuery, **IN_QUERY)
@blp.response(200, page_of(FoundView))
def find(given: dict[str, Any]) -> Any:
    """Words in what all runs said, the newest first."""
    return answered(search.find(given["text"], taken(given)))


@blp.route("/failures")
@requires(Right.VIEW)
@blp.arguments(FailuresQuery, **IN_QUERY)
@blp.response(200, page_of(FailureView))
def causes(given: dict[str, Any]) -> Any:
    """What failed and how often, the same causes together; the one that came last is the first."""
    return answered(failures.groups(taken(given), given["days"] or None))


@blp.route("/<uuid:job_id>")
@requires(Right.VIEW)
@blp.response(200, JobDetailView)
def job(job_id: UUID) -> dict[str, Any]:
    """One job; it stays readable for good."""
    found = queries.detail(job_id)
    failed = next(iter(story.failed_tasks(found)), None)
    return {**found._mapping, "waits": waiting.why(found), "failure": failed}  # noqa: SLF001 - how a row is read by name


@blp.route("/<uuid:job_id>/events")
@requires(Right.VIEW)
@blp.arguments(EventsQuery, **IN_QUERY)
@blp.response(200, EventsView)
def events(given: dict[str, Any], job_id: UUID) -> dict[str, Any]:
    """What its runs said, the oldest first, at most 500 events at a time."""
    seen = look(job_id, Cursor.parse(given["after"]))
    return {"items": seen.events, "next": str(seen.cursor), "complete": seen.complete}
