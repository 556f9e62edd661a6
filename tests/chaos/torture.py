"""The torture: people keep asking while everything breaks. Alone: `python -m tests.chaos.torture --seconds 600`."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from tests.chaos import traces
from tests.chaos.checker import OPEN, Act, Job, Place, Told, judge
from tests.chaos.estate import IMPATIENT, Estate
from tests.chaos.injector import Injector, Wound
from tests.chaos.people import People
from tests.chaos.report import Report, machine
from tests.running import processes, running, wait_for
from worker.run import PREFIX

QUIET = 240  # seconds within which all that was asked for must have come to an end
JOBS = """
    SELECT job.id::text, job.state, job.cause, job.retry_safe, coalesce(job.report ? 'unchanged', false),
        (SELECT json_agg(json_build_array(act.action, act.outcome, act.after ->> 'cause') ORDER BY act.id)
            FROM audit_event AS act
            WHERE act.job_id = job.id AND act.action LIKE 'job.%%')
    FROM job
"""
PLACES = """
    SELECT 'the app ' || app.slug, (app.manifest ->> 'concurrency')::integer, array_agg(instance.short_id)
        FROM app JOIN instance ON instance.app_id = app.id GROUP BY app.id
    UNION ALL SELECT 'the host ' || host.name, host.slots, array_agg(instance.short_id)
        FROM host JOIN instance ON instance.host_id = host.id GROUP BY host.id
"""
RUNS = "SELECT count(*) FROM job WHERE run_id IS NOT NULL GROUP BY run_id"
SLOTS = 8  # of the host: fewer than its apps could use together
CONCLUSIONS = "SELECT extract(epoch FROM at)::float FROM audit_event WHERE action = 'job.conclude' ORDER BY at"
OPEN_TIMES = "SELECT extract(epoch FROM queued_at)::float, extract(epoch FROM finished_at)::float FROM job"


def torture(estate: Estate, seconds: float, seed: int, pause: tuple[float, float]) -> Report:
    administrations = 40 + int(seconds)
    estate.module("tests.chaos.furnish", str(administrations))
    estate.run("hosts", "set", "local", "--slots", str(SLOTS), "--reason", "torture")
    people = People(estate, seed, administrations)
    injector = Injector(estate, seed, pause)
    began = time.monotonic()
    people.start()
    try:
        injector.run(seconds)
    finally:
        people.stop_asking()
        lasted = time.monotonic() - began
        try:
            _quiet(estate)
        finally:
            people.stop_settling()
    return _report(estate, people, injector, seed, lasted)


def _quiet(estate: Estate) -> None:
    """Everything comes to its end; what does not is for the checker to say."""
    with suppress(AssertionError):
        wait_for(
            "all jobs to end", lambda: not OPEN & {state for (state,) in estate.sql("SELECT state FROM job")}, QUIET
        )


def _report(estate: Estate, people: People, injector: Injector, seed: int, lasted: float) -> Report:
    jobs = {row[0]: Job(*row[:5], story=[Act(*act) for act in row[5]]) for row in estate.sql(JOBS)}
    sizes = [size for (size,) in estate.sql(RUNS)]
    places = [Place(name, slots, frozenset(among)) for name, slots, among in estate.sql(PLACES)]
    lines = traces.of_estate(estate.layout.host_root)
    told = Told(frozenset(people.ledger.accepted), frozenset(people.ledger.cancels))
    began = Counter(attempt.job for each in lines.values() for attempt in traces.attempts(each))
    recovery, hardest = max(_recoveries(estate, injector.wounds), default=(0.0, "none"))
    return Report(
        seed=seed,
        seconds=round(lasted, 1),
        machine=machine(),
        jobs=len(told.accepted),
        states=dict(Counter(job.state for job in jobs.values())),
        runs=len(sizes),
        together=sum(size for size in sizes if size > 1),
        largest=max(sizes, default=0),
        put_back=sum(act.cause == "not_begun" for job in jobs.values() for act in job.story),
        attempts=began.total(),
        repeated=began.total() - len(began),
        calls_repeated=people.ledger.repeated,
        faults=dict(Counter(wound.fault.name for wound in injector.wounds)),
        verdict=judge(jobs, lines, told, places),
        leaked=list(_leaked(estate, jobs)),
        defects=people.ledger.defects,
        longest_recovery=round(recovery, 1),
        hardest_fault=hardest,
    )


def _recoveries(estate: Estate, wounds: list[Wound]) -> Iterator[tuple[float, str]]:
    """How long after each fault, or after there was something to do again, a job was concluded."""
    conclusions = [at for (at,) in estate.sql(CONCLUSIONS)]
    times = estate.sql(OPEN_TIMES)
    for wound in wounds:
        waited_for = [queued for queued, finished in times if finished is None or finished > wound.mended]
        following = next((at for at in conclusions if at > wound.mended), None)
        if waited_for and following:
            yield following - max(wound.mended, min(waited_for)), wound.fault.name


def _leaked(estate: Estate, jobs: dict[str, Job]) -> Iterator[str]:
    held = """
        SELECT scope, number, run_id::text FROM slot WHERE run_id IS NOT NULL AND NOT EXISTS (
            SELECT FROM job WHERE job.run_id = slot.run_id AND job.state IN ('running', 'quiescing'))
    """
    for scope, number, run in estate.sql(held):
        yield f"slot {number} of a {scope} is still held by run {run}"
    yield from (
        f"process {pid} of a run still lives" for pid in processes("worker.supervisor", PREFIX) if _of(pid, jobs)
    )
    yield from (f"{folder} was left behind" for folder in _folders(estate) if Path(f"/proc/{_owner(folder)}").exists())


def _of(pid: int, jobs: dict[str, Job]) -> bool:
    with suppress(OSError):
        line = Path(f"/proc/{pid}/cmdline").read_text()
        return any(job_id in line for job_id in jobs)
    return False


def _folders(estate: Estate) -> Iterator[Path]:
    """Of the runs, but not those that wait for one; whose owner is dead is removed with the next job of its worker."""
    for member in estate.crew:
        files = Path(f"/proc/{estate.pid(member.name)}/root/dev/shm").glob(f"{PREFIX}*/inventory.yml")
        yield from (file.parent for file in files)


def _owner(folder: Path) -> str:
    return folder.name.removeprefix(PREFIX).split("-")[0]


def main() -> int:
    options = argparse.ArgumentParser(description="Torture the engine.")
    options.add_argument("--seconds", type=float, default=600)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--report", type=Path, default=Path("chaos-report"), help="written as .json and .md")
    options.add_argument("--keep", action="store_true", help="the state folder, with all logs, also without sins")
    given = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    for estate in running(Estate(folder, settings=dict(IMPATIENT))):
        report = torture(estate, given.seconds, given.seed, (2, 5))
    if not given.keep and not report.sins:
        shutil.rmtree(folder)
    given.report.with_suffix(".json").write_text(json.dumps(report.as_json(), indent=2) + "\n")
    given.report.with_suffix(".md").write_text(report.as_markdown())
    sys.stdout.write(report.as_markdown())
    return 1 if report.sins else 0


if __name__ == "__main__":
    sys.exit(main())
