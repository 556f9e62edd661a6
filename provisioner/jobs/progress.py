"""A job on the terminal of whoever waits for it."""

from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from provisioner.jobs.lifecycle import JobState
from provisioner.jobs.watch import Look, watch


def wait(job_id: UUID) -> JobState:
    """Show on standard error what the job does, until nothing works on it any more; the state that it is in then."""
    said = TextColumn("{task.description}", markup=False)
    console = Console(stderr=True)
    with Progress(SpinnerColumn(), said, BarColumn(), TimeElapsedColumn(), console=console, transient=True) as bar:
        shown = bar.add_task(JobState.QUEUED, total=None)
        for seen in watch(job_id):
            bar.update(shown, description=_doing(seen, bar.tasks[0].description))
    return seen.state


def _doing(seen: Look, before: str) -> str:
    if seen.state is not JobState.RUNNING:
        return str(seen.state)
    tasks = [event.task for event in seen.events if event.task]
    return tasks[-1] if tasks else before if before != JobState.QUEUED else str(seen.state)
