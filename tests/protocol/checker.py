"""What must be true of every life of the service. Judged from outside: by the log, and by the table of jobs at its end.

Each rule says what is wrong, in a sentence for each case.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from provisioner.jobs.lifecycle import LEASED, OPEN, Cause, JobState, SlotScope
from tests.protocol.rows import Job, Tables
from tests.protocol.world import Entry, Kind

ACTS = {Kind.START, Kind.ACT, Kind.END, Kind.LINGER}
Wrong = Iterator[str]


class Life:
    """A log and the tables at its end, seen from the sides that rules ask about."""

    def __init__(self, log: list[Entry], tables: Tables, outages: list[tuple[float, float, str]]) -> None:
        self.log, self.tables, self.outages = log, tables, outages  # outages: of hosts
        self.jobs: dict[int, Job] = tables.jobs
        self.restores = [(entry.since, entry.at) for entry in log if entry.kind is Kind.RESTORED]
        self.kept = [entry for entry in log if not self.is_forgotten(entry.at)]

    def is_forgotten(self, at: float) -> bool:
        """A backup does not know what happened after it."""
        return any(since <= at < restored for since, restored in self.restores)

    def of(self, *kinds: Kind) -> list[Entry]:
        return [entry for entry in self.log if entry.kind in kinds]

    def kept_of(self, *kinds: Kind) -> list[Entry]:
        return [entry for entry in self.kept if entry.kind in kinds]

    def runs(self, *kinds: Kind) -> dict[tuple[str, int, int], list[Entry]]:
        """What each attempt did, by instance, fence and job."""
        acts = defaultdict(list)
        for entry in self.of(*kinds):
            acts[entry.instance, entry.fence, entry.job].append(entry)
        return acts


def nothing_is_lost(life: Life) -> Wrong:
    for entry in life.kept_of(Kind.ACCEPTED):
        if entry.job not in life.jobs:
            yield f"job {entry.job} was accepted and is gone"


def nothing_is_stuck(life: Life) -> Wrong:
    for job in life.jobs.values():
        if job.state in OPEN:
            yield f"job {job.id} is {job.state} for ever"


def success_is_real(life: Life) -> Wrong:
    """A job that succeeded without a person's word was done to its end by its last attempt, which told all of it."""
    done = {(entry.job, entry.fence) for entry in life.of(Kind.END)}
    for job in life.jobs.values():
        if job.state is JobState.SUCCEEDED and job.cause is None:
            if (job.id, job.fence) not in done:
                yield f"job {job.id} succeeded although fence {job.fence} never came to its end"
            told = sum((of, attempt) == (job.id, job.attempt) for of, attempt, _ in life.tables.events)
            if not told == job.events_stored == job.events_emitted:
                yield f"job {job.id} told {told} of {job.events_emitted} events, and says {job.events_stored} are kept"


def nothing_acts_after_its_end(life: Life) -> Wrong:
    for entry in life.of(*ACTS - {Kind.LINGER}):
        job = life.jobs.get(entry.job)
        if job and job.finished_at is not None and entry.at > job.finished_at and not life.is_forgotten(entry.at):
            yield f"job {entry.job} ended at {job.finished_at:.1f}, and acts at {entry.at:.1f}"


def attempts_end_once(life: Life) -> Wrong:
    ends = [(entry.job, entry.fence) for entry in life.kept_of(Kind.CONCLUDED)]
    for job, fence in {end for end in ends if ends.count(end) > 1}:
        yield f"fence {fence} of job {job} is concluded more than once"


def a_persons_word_stands(life: Life) -> Wrong:
    for entry in life.kept_of(Kind.SETTLED):
        if life.jobs[entry.job].state != entry.more:
            yield f"a person says that job {entry.job} {entry.more}, and it is {life.jobs[entry.job].state}"


def nothing_happens_of_itself(life: Life) -> Wrong:
    """In a life without faults each job is begun once at most, but for people's retries, and no lease is lost."""
    if life.of(Kind.FAULT, Kind.RESTORED):
        return
    retried = {entry.job for entry in life.of(Kind.RETRIED)}
    for job in life.jobs.values():
        if (job.attempt > 1 and job.id not in retried) or job.cause in {Cause.LEASE_LOST, Cause.NOT_BEGUN}:
            yield f"job {job.id} lost its lease although nothing went wrong"


def unsafe_jobs_start_once(life: Life) -> Wrong:
    for job in life.jobs.values():
        starts = sum(entry.job == job.id for entry in life.of(Kind.START))
        retries = sum(entry.job == job.id for entry in life.of(Kind.RETRIED))
        if not job.retry_safe and starts > 1 + retries:
            yield f"job {job.id} may not be repeated, and started {starts} times with {retries} words of a person"


def attempts_are_counted(life: Life) -> Wrong:
    for job in life.jobs.values():
        claims = sum(entry.job == job.id for entry in life.kept_of(Kind.CLAIMED))
        if claims > job.attempt:
            yield f"job {job.id} was begun {claims} times, and counts {job.attempt}"
        if job.attempt > job.max_attempts:
            yield f"job {job.id} had {job.attempt} attempts of {job.max_attempts}"


def attempts_never_overlap(life: Life) -> Wrong:
    runs = defaultdict(list)
    for (instance, fence, _), acts in life.runs(*ACTS).items():
        runs[instance].append((acts[0].at, acts[-1].at, fence))
    for instance, spans in runs.items():
        for (_, end, one), (start, _, other) in pairwise(sorted(spans)):
            if start < end:
                yield f"fences {one} and {other} act on {instance} at the same time, at {start:.1f}"


def fences_are_given_once(life: Life) -> Wrong:
    claims = [(entry.instance, entry.fence) for entry in life.of(Kind.CLAIMED)]
    if len(set(claims)) < len(claims):
        yield "a fence was given out twice"


def fences_only_rise(life: Life) -> Wrong:
    latest: dict[str, int] = {}
    for entry in life.of(Kind.START, Kind.ACT, Kind.END):
        if entry.fence < latest.get(entry.instance, 0):
            yield f"fence {entry.fence} acts on {entry.instance} after {latest[entry.instance]}, at {entry.at:.1f}"
        latest[entry.instance] = max(latest.get(entry.instance, 0), entry.fence)


def caps_are_kept(life: Life) -> Wrong:
    """Of what is acting; what goes on after its line was lost holds no place, for its host is parked."""
    spans: dict[tuple[SlotScope, str], list[tuple[float, int]]] = defaultdict(list)
    for (instance, _, _), acts in life.runs(Kind.START, Kind.ACT, Kind.END).items():
        app = life.tables.instances[instance].app
        for place in ((SlotScope.APP, app), (SlotScope.HOST, acts[0].host)):
            spans[place] += [(acts[0].at, 1), (acts[-1].at, -1)]
    for place, changes in spans.items():
        if _most(changes) > life.tables.caps[place]:
            yield f"{_most(changes)} runs at once of {place[1]}, which has {life.tables.caps[place]} slots"


def _most(changes: Iterable[tuple[float, int]]) -> int:
    now = most = 0
    for _, change in sorted(changes):
        now += change
        most = max(most, now)
    return most


def slots_are_given_back(life: Life) -> Wrong:
    for (scope, owner), slots in life.tables.slots.items():
        for run in slots:
            jobs = [job for job in life.jobs.values() if job.run == run]
            if run is not None and not any(job.state in LEASED for job in jobs):
                yield f"run {run} has ended and still holds a slot of {scope} {owner}"


def people_come_first(life: Life) -> Wrong:
    for entry in life.of(Kind.REFUSED):
        if entry.job in life.jobs and life.jobs[entry.job].background and "sweep" not in entry.more:
            yield f"a person is refused for job {entry.job} of a sweep, at {entry.at:.1f}"


def cancelled_jobs_stay_away(life: Life) -> Wrong:
    """After it was cancelled a job begins again only at the word of a person."""
    cancelled: set[int] = set()
    for entry in life.kept_of(Kind.CANCELLED, Kind.RETRIED, Kind.CLAIMED):
        if entry.kind is Kind.CLAIMED and entry.job in cancelled:
            yield f"job {entry.job} was to be cancelled, and is begun at {entry.at:.1f}"
        (cancelled.add if entry.kind is Kind.CANCELLED else cancelled.discard)(entry.job)


def silent_hosts_are_left_alone(life: Life) -> Wrong:
    for start, end, host in life.outages:
        knocks = [each for each in life.of(Kind.KNOCK) if each.host == host and start <= each.at < end]
        known = [
            each.at
            for each in life.kept_of(Kind.CONCLUDED)
            if each.host == host and start + 1 <= each.at < end and each.more == "unreachable"
        ]
        for knock in knocks:
            if known and knock.since > known[0] and not any(at > known[0] for _, at in life.restores):
                yield f"{host} was away at {known[0]:.1f}, and job {knock.job} was begun at {knock.since:.1f}"


def drains_are_kept(life: Life) -> Wrong:
    drained: set[str] = set()
    for entry in life.log:
        if entry.kind in {Kind.DRAINED, Kind.UNDRAINED}:
            (drained.add if entry.kind is Kind.DRAINED else drained.discard)(entry.more)
        elif entry.kind is Kind.RESTORED:
            drained.clear()
        elif entry.kind is Kind.CLAIMED:
            job = life.jobs.get(entry.job)  # none after the database was restored
            sites = {f"site:{life.tables.hosts[host].site}" for host in (job.hosts if job else [entry.host])}
            if drained & {"service:", *sites, f"worker:{entry.more.split(':')[0]}"}:
                yield f"job {entry.job} is begun at {entry.at:.1f} although nothing new may"


RULES: list[Callable[[Life], Wrong]] = [
    nothing_is_lost,
    nothing_is_stuck,
    success_is_real,
    nothing_acts_after_its_end,
    attempts_end_once,
    a_persons_word_stands,
    nothing_happens_of_itself,
    unsafe_jobs_start_once,
    attempts_are_counted,
    attempts_never_overlap,
    fences_are_given_once,
    fences_only_rise,
    caps_are_kept,
    slots_are_given_back,
    people_come_first,
    cancelled_jobs_stay_away,
    silent_hosts_are_left_alone,
    drains_are_kept,
]


def wrong_with(life: Life) -> list[str]:
    """All that is wrong, as `rule: what`."""
    return [f"{rule.__name__}: {what}" for rule in RULES for what in rule(life)]
