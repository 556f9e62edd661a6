"""What comes in and goes out about jobs, for the API and forms alike."""

from marshmallow import Schema, fields
from marshmallow.validate import Length, Range

from provisioner.jobs.explaining import Explanation
from provisioner.jobs.failures import DAYS
from provisioner.jobs.lifecycle import JobState, Waiting
from provisioner.listing import ListQuery
from provisioner.presentation import label

REASON = Length(min=1, max=2000)


class CancelRequest(Schema):
    reason = fields.String(required=True, validate=REASON, metadata={"description": "Kept in the audit."})


class JobsQuery(ListQuery):
    state = fields.Enum(JobState, by_value=True)
    instance_id = fields.UUID()
    request_id = fields.UUID()
    run = fields.UUID(metadata={"description": "Jobs that this run carries out, or carried out."})
    fingerprint = fields.String(metadata={"description": "Jobs that failed in the same way."})


class SearchQuery(ListQuery):
    text = fields.String(
        required=True,
        validate=Length(min=1, max=200),
        metadata={"description": "Words, all of which an event holds; `or`, `-` and quotes as on the web."},
    )


class FailuresQuery(ListQuery):
    days = fields.Integer(
        load_default=DAYS,
        validate=Range(0, 36500),
        metadata={"description": "Count jobs that were asked for in so many days; 0: all there are."},
    )


class EventsQuery(Schema):
    after = fields.String(load_default="", metadata={"description": "`next` of the events before; empty: the start."})


class PlaceQuery(Schema):
    """Which part of a log is shown, by places in it; its end if nothing is said."""

    before = fields.String()
    after = fields.String()
    at = fields.String()


class JobView(Schema):
    id = fields.UUID()
    instance_id = fields.UUID()
    request_id = fields.UUID()
    run_id = fields.UUID(
        allow_none=True, metadata={"description": "Of its newest attempt; jobs that one run carries out share it."}
    )
    action = fields.String()
    state = fields.Enum(JobState, by_value=True)
    attempt = fields.Integer()
    cause = fields.String(allow_none=True, metadata={"description": "Why it ended, or went back to the queue."})
    queued_at = fields.AwareDateTime()
    started_at = fields.AwareDateTime(allow_none=True)
    finished_at = fields.AwareDateTime(allow_none=True)


class WaitView(Schema):
    """Why a queued job is not carried out yet."""

    reason = fields.Enum(Waiting, by_value=True)
    what = fields.String(
        metadata={"description": "The host, app, site, administration or action that it waits for; or empty."}
    )
    until = fields.AwareDateTime(allow_none=True, metadata={"description": "When that is looked at again."})
    ahead = fields.Integer(metadata={"description": "How many jobs come before it, where it is only its turn."})
    explanation = fields.String(
        metadata={"description": "What a person gave as the reason of a drain or a freeze window."}
    )


class FailedTaskView(Schema):
    role = fields.String()
    task = fields.String()
    module = fields.String()
    host = fields.String()
    message = fields.String(metadata={"description": "What it said."})
    explanation = fields.Enum(Explanation, by_value=True)
    advice = fields.Function(
        lambda failed: label(failed.explanation, "explanation"),
        metadata={"type": "string", "description": "What that means and what to do, in the language of the reader."},
    )


class FailureView(Schema):
    fingerprint = fields.String()
    jobs = fields.Integer(metadata={"description": "How many failed like that."})
    instances = fields.Integer()
    first_seen = fields.AwareDateTime()
    last_seen = fields.AwareDateTime(metadata={"description": "When the newest of these jobs was asked for."})
    example = fields.UUID(metadata={"description": "The newest of these jobs."})
    role = fields.String()
    task = fields.String()
    module = fields.String()
    message = fields.String(metadata={"description": "Without what differs from job to job."})
    explanation = fields.Enum(Explanation, by_value=True)
    advice = fields.Function(lambda failure: label(failure.explanation, "explanation"), metadata={"type": "string"})


class FoundView(Schema):
    job_id = fields.UUID()
    action = fields.String()
    instance_id = fields.UUID()
    administration_id = fields.UUID()
    attempt = fields.Integer()
    counter = fields.Integer()
    at = fields.AwareDateTime()
    task = fields.String()
    host = fields.String()
    text = fields.String(metadata={"description": "The line of the event that says it."})


class ProcessView(Schema):
    name = fields.String()
    command = fields.String(metadata={"description": "Its command line, shortened, without known secrets."})


class StoppedView(Schema):
    """What was killed with a run that was stopped."""

    processes = fields.List(fields.Nested(ProcessView), metadata={"description": "The first of them."})
    count = fields.Integer(metadata={"description": "How many there were."})
    left = fields.Integer(metadata={"description": "How many could not be killed."})
    seconds = fields.Float(metadata={"description": "Until the last was gone."})
    tasks = fields.Dict(
        keys=fields.String(), values=fields.String(), metadata={"description": "By host, the task that was under way."}
    )
    remote = fields.Boolean(metadata={"description": "The task was under way on a server that is reached by SSH."})


class JobDetailView(JobView):
    release = fields.String(metadata={"description": "The version that it is about."})
    digest = fields.String(metadata={"description": "Of the playbooks that the request was approved for."})
    site = fields.String()
    retry_safe = fields.Boolean()
    background = fields.Boolean(metadata={"description": "It waits behind the jobs of people and gives way to them."})
    max_attempts = fields.Integer()
    timeout = fields.Integer(metadata={"description": "Seconds for one attempt."})
    begun = fields.Boolean(metadata={"description": "In the run of its newest attempt its turn has come."})
    deadline = fields.AwareDateTime(allow_none=True)
    cancel_requested_at = fields.AwareDateTime(allow_none=True)
    read_only = fields.Boolean(metadata={"description": "It changes nothing, so no freeze window stops it."})
    let_through = fields.Boolean(metadata={"description": "A person let it through freeze windows."})
    waits = fields.Nested(WaitView, allow_none=True, metadata={"description": "Why it waits, while it is queued."})
    not_before = fields.AwareDateTime(allow_none=True, metadata={"description": "The next attempt is made after it."})
    report = fields.Dict(metadata={"description": "What the playbook reported."})
    stopped = fields.Nested(
        StoppedView, allow_none=True, metadata={"description": "What was killed with a run that was stopped."}
    )
    events_emitted = fields.Integer(metadata={"description": "How many events its newest run had, so far."})
    events_stored = fields.Integer(metadata={"description": "How many of them are kept."})
    fingerprint = fields.String(
        allow_none=True, metadata={"description": "Of the failure; the same for the same cause."}
    )
    failure = fields.Nested(FailedTaskView, allow_none=True, metadata={"description": "The first task that failed."})


class EventView(Schema):
    attempt = fields.Integer()
    counter = fields.Integer()
    at = fields.AwareDateTime()
    kind = fields.String()
    play = fields.String()
    role = fields.String()
    task = fields.String()
    module = fields.String()
    host = fields.String()
    changed = fields.Boolean()
    stdout = fields.String()
    result = fields.Dict()


class EventsView(Schema):
    items = fields.List(fields.Nested(EventView))
    next = fields.String(metadata={"description": "Give it as `after` to read on."})
    complete = fields.Boolean(metadata={"description": "The job has ended, and these were its last events."})
