"""Judges the engine by what playbooks did on the host, and holds what the service told people against it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, groupby
from typing import NamedTuple

from tests.chaos.traces import Attempt, Line, attempts

OPEN = {"queued", "running", "quiescing", "needs_attention"}


class Act(NamedTuple):
    """Of a job, in the audit. `cause`: why, where an attempt came to its end."""

    what: str
    outcome: str
    cause: str | None = None


@dataclass(frozen=True)
class Job:
    """What the service says of a job. `story`: its acts in order; `unchanged`: there was nothing to do."""

    id: str
    state: str
    cause: str | None
    retry_safe: bool
    unchanged: bool = False
    story: Sequence[Act] = ()

    @property
    def settled_by_a_person(self) -> bool:
        return self.cause == "resolved"

    @property
    def retries(self) -> int:
        """How often a person let it run again."""
        return sum(act[:2] == ("job.resolve", "queued") for act in self.story)

    def ended(self, attempt: int) -> str:
        """How the service says that the attempt ended: a state, `lost`, or nothing yet."""
        for act in self._acts_of(attempt):
            if act.what in {"job.conclude", "job.reap"}:
                return act.outcome if act.what == "job.conclude" else "lost"
        return ""

    def had_no_turn(self, attempt: int) -> bool:
        """Whether the service says that nothing of the attempt acted, for it had not begun."""
        return any(act.cause == "not_begun" for act in self._acts_of(attempt))

    def _acts_of(self, attempt: int) -> Iterator[Act]:
        number = 0
        for act in self.story:
            number += act.what == "job.claim"
            if number == attempt:
                yield act


@dataclass(frozen=True)
class Told:
    """What people know: the jobs they were promised, and those they wanted to cancel."""

    accepted: frozenset[str]
    cancels: frozenset[str] = frozenset()


@dataclass
class Verdict:
    """Sentences, one for each sin."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    overlaps: list[str] = field(default_factory=list)
    crowds: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)

    @property
    def sins(self) -> list[str]:
        return self.lost + self.doubled + self.overlaps + self.crowds + self.stuck


@dataclass(frozen=True)
class Place:
    """On so many of these instances jobs may act at once."""

    name: str
    slots: int
    instances: frozenset[str]


def judge(
    jobs: Mapping[str, Job], traces: Mapping[str, Sequence[Line]], told: Told, places: Iterable[Place] = ()
) -> Verdict:
    done: dict[str, list[Attempt]] = {job_id: [] for job_id in jobs}
    for lines in traces.values():
        for attempt in attempts(list(lines)):
            done.setdefault(attempt.job, []).append(attempt)
    verdict = Verdict()
    verdict.lost += [f"{job_id} was promised and is not there" for job_id in sorted(told.accepted - jobs.keys())]
    verdict.doubled += [f"{job_id} is there and nobody asked for it" for job_id in sorted(jobs.keys() - told.accepted)]
    verdict.doubled += [f"{job_id} was carried out and is not there" for job_id in sorted(done.keys() - jobs.keys())]
    for job in jobs.values():
        verdict.lost += _lost(job, done[job.id], told)
        verdict.doubled += _doubled(job, done[job.id])
        verdict.stuck += [f"{job.id} is still {job.state}"] if job.state in OPEN else []
    for instance, lines in traces.items():
        verdict.overlaps += _overlaps(instance, lines)
    for place in places:
        verdict.crowds += _crowds(place, traces)
    return verdict


def _lost(job: Job, done: list[Attempt], told: Told) -> Iterator[str]:
    """A success that nobody carried out, or an end that nobody asked for."""
    itself = job.state == "succeeded" and not job.settled_by_a_person and not job.unchanged
    if itself and not (done and done[-1].whole):
        yield f"{job.id} succeeded, but its last attempt did not come to its end"
    if job.state == "cancelled" and job.cause != "gave_way" and job.id not in told.cancels:
        yield f"{job.id} was cancelled, and nobody wanted that"


def _doubled(job: Job, done: list[Attempt]) -> Iterator[str]:
    if sum(act[:2] == ("job.conclude", "succeeded") for act in job.story) > 1:
        yield f"{job.id} succeeded more than once"
    if not job.retry_safe and len(done) > 1 + job.retries:
        yield f"{job.id} may not be repeated, and was begun {len(done)} times with {job.retries} words of a person"
    for attempt in done:
        if Counter(attempt.words)["start"] != 1 or "end" in attempt.words[:-1]:
            yield f"attempt {attempt.number} of {job.id} was carried out more than once"
        if job.had_no_turn(attempt.number):
            yield f"attempt {attempt.number} of {job.id} was put back as not begun, and had acted"
    for attempt in done[:-1]:
        how = job.ended(attempt.number)
        if how not in {"lost", "queued", "needs_attention"}:
            yield f"{job.id} was carried out again although attempt {attempt.number} ended: {how or 'not at all'}"


def _overlaps(instance: str, lines: Sequence[Line]) -> Iterator[str]:
    fences = [attempt.fence for attempt in attempts(list(lines))]
    if any(line.word == "overlap" for line in lines):
        yield f"two attempts acted on {instance} at once"
    if fences != sorted(set(fences)):
        yield f"an attempt acted on {instance} after a newer one: fences {fences}"


def _crowds(place: Place, traces: Mapping[str, Sequence[Line]]) -> Iterator[str]:
    changes = []
    for instance in place.instances & traces.keys():
        for _, lines in groupby(traces[instance], key=lambda line: (line.job, line.attempt)):
            times = [line.at for line in lines]
            changes += [(times[0], 1), (times[-1], -1)]
    most = max(accumulate(change for _, change in sorted(changes)), default=0)
    if most > place.slots:
        yield f"jobs acted on {most} instances of {place.name} at once, which has {place.slots} slots"
