"""Pages about jobs: the queue, one job with its live log, and its log as a file."""

from uuid import UUID

from flask import Blueprint, Response, render_template, request, stream_with_context

from provisioner.accounts.doors import requires
from provisioner.accounts.policy import Right
from provisioner.jobs import failures, live, queries, search, steps, story, waiting
from provisioner.jobs.events import Cursor
from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.queries import Filter
from provisioner.jobs.schemas import FailuresQuery, JobsQuery, PlaceQuery, SearchQuery
from provisioner.jobs.story import Excerpt
from provisioner.jobs.watch import AT_WORK
from provisioner.listing import asked, filters, taken

blp = Blueprint("jobs", __name__, url_prefix="/jobs")


@blp.get("")
@requires(Right.VIEW)
def every() -> str:
    wanted = asked(JobsQuery)
    which = taken(wanted)
    found = queries.find(Filter(**wanted), which)
    return render_template("jobs/list.html", page=found, given=filters(), states=JobState)


@blp.get("/search")
@requires(Right.VIEW)
def find() -> str:
    """What the runs said, by words. Without any the page only asks for them."""
    wanted = asked(SearchQuery) if request.args.get("text") else None
    found = search.find(wanted["text"], taken(wanted)) if wanted else None
    return render_template("jobs/search.html", page=found, given=filters())


@blp.get("/failures")
@requires(Right.VIEW)
def causes() -> str:
    wanted = asked(FailuresQuery)
    found = failures.groups(taken(wanted), wanted["days"] or None)
    return render_template("jobs/failures.html", page=found, given=filters(), days=wanted["days"])


@blp.get("/<uuid:job_id>")
@requires(Right.VIEW)
def one(job_id: UUID) -> str:
    job = queries.detail(job_id)
    log = _excerpt(job_id, asked(PlaceQuery))
    return render_template(
        "jobs/one.html",
        job=job,
        wait=waiting.why(job),
        others=queries.others_in_run(job),
        steps=steps.of(job),
        elapsed=story.elapsed(job),
        failures=story.failed_tasks(job),
        log=log,
        live=job.state in AT_WORK,
    )


def _excerpt(job_id: UUID, asked_for: dict[str, str]) -> Excerpt:
    for name, part in (("before", story.earlier_than), ("after", story.later_than), ("at", story.around)):
        if name in asked_for:
            return part(job_id, Cursor.parse(asked_for[name]))
    return story.newest(job_id)


@blp.get("/<uuid:job_id>/stream")
@requires(Right.VIEW)
def stream(job_id: UUID) -> Response:
    """Server-Sent Events: `log`, `state` and `end`. Each line carries its place: a reader goes on from there."""
    queries.by_id(job_id)
    read = request.headers.get("Last-Event-ID") or request.args.get("after", "")
    answer = Response(stream_with_context(live.follow(job_id, Cursor.parse(read))), mimetype="text/event-stream")
    answer.headers["X-Accel-Buffering"] = "no"  # a proxy that collects the lines would make them late
    return answer


@blp.get("/<uuid:job_id>/log.txt")
@requires(Right.VIEW)
def log(job_id: UUID) -> Response:
    queries.by_id(job_id)
    answer = Response(stream_with_context(story.text(job_id)), mimetype="text/plain")
    answer.headers.set("Content-Disposition", "attachment", filename=f"job-{job_id}.txt")
    return answer


@blp.app_template_global()
def runs_by_worker() -> dict[str, int]:
    """For the page of the workers, whose room stands below."""
    return queries.runs_by_worker()


@blp.app_template_global()
def acting_by_host() -> dict[UUID, int]:
    """For the page of the servers, whose room stands below."""
    return queries.acting_by_host()


blp.add_app_template_filter(story.shown_line, "log_line")
blp.add_app_template_filter(story.place, "log_place")
blp.add_app_template_filter(story.tone, "log_tone")
