"""The main job, for everybody to see: real applications for four administrations, and one real migration."""

import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from html import unescape
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from provisioner.accounts.policy import Role
from provisioner.administrations import queries as administrations
from provisioner.catalogue import queries as catalogue
from provisioner.config import settings
from provisioner.db import Json, db, transaction
from provisioner.demo import people
from provisioner.demo.complaints import Tracker
from provisioner.embedded.layout import Layout
from provisioner.embedded.listener import address as web_address
from provisioner.errors import DomainError
from provisioner.instances import queries as instances, secrets
from provisioner.instances.lifecycle import Action, Environment, State
from provisioner.instances.models import Instance
from provisioner.instances.queries import Filter
from provisioner.jobs import queries as jobs, steps
from provisioner.jobs.lifecycle import OPEN, JobState
from provisioner.paging import every
from provisioner.requests import service as requests
from provisioner.requests.service import NewInstance, Selection

REASON = "Demo"
OLD, NEW = "2.2.0", "2.6.0"


@dataclass(frozen=True)
class Wish:
    """One instance of the demo."""

    app: str
    administration: str  # slug
    settings: Json
    release: str | None = None


WISHES = (
    Wish("complaints", "region-rabat-sale-kenitra", {"contact_email": "reclamations@region.example"}, OLD),
    Wish("complaints", "ministere-sante", {"contact_email": "contact@sante.example", "response_days": 15}),
    Wish("open-data", "region-casablanca-settat", {"contact_email": "donnees@region.example", "accent": "blue"}),
    Wish("open-data", "prefecture-tanger-assilah", {"contact_email": "donnees@prefecture.example"}),
    Wish("files", "prefecture-tanger-assilah", {"contact_email": "documents@ville.example", "public_deposit": True}),
    Wish("appointments", "ministere-sante", {"contact_email": "rendez-vous@sante.example", "slot_minutes": 20}),
    Wish("mail-registry", "region-oriental", {"contact_email": "bureau-ordre@region.example"}),
)


class ComplaintLost(DomainError):
    code = "demo-complaint-lost"
    message = "The complaint that was filed before the update cannot be read any more."


class Unfinished(DomainError):
    code = "demo-unfinished"
    message = "A job of the demo ended as %(state)s: see %(job)s in the web pages."


def take(console: Console) -> None:
    """Load what is missing, provision what is missing, update what is old, and say where everything is."""
    if new := people.enter_register():
        console.print(f"Entered {new} administrations.")
    passwords = people.enter_users()
    made = [_instance(wish) for wish in WISHES]
    _follow(console, [job for _, job in made if job])
    _update(console, made[0][0])
    _check_portals(console)
    _show(console, [instance for instance, _ in made], passwords)


def _instance(wish: Wish) -> tuple[UUID, UUID | None]:
    """The instance of this wish, and its job if it has only now been asked for."""
    administration = administrations.by_slug(wish.administration)
    there = instances.live(administration.id, catalogue.offered(wish.app).id, Environment.PRODUCTION)
    if there:
        open_job = jobs.open_jobs([there]).get(there)
        return there, open_job.id if open_job else None
    with transaction():
        accepted = requests.ask_for(
            NewInstance(administration.id, wish.app, REASON, release=wish.release, settings=dict(wish.settings))
        )
    return accepted.job.instance_id, accepted.job.id


def _follow(console: Console, job_ids: Sequence[UUID]) -> None:
    """Show a line per job, moving with the events as the runs write them, until all have ended."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[step]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        lines = {job_id: progress.add_task(_title(job_id), total=None, step="") for job_id in job_ids}
        waiting = set(job_ids)
        while waiting:
            for job_id in tuple(waiting):
                state = jobs.by_id(job_id).state
                progress.update(lines[job_id], step=steps.latest_task(job_id) or state)
                if state not in OPEN or state is JobState.NEEDS_ATTENTION:
                    waiting.discard(job_id)
                    progress.update(lines[job_id], total=1, completed=1, step=state)
            db.session.rollback()
            time.sleep(0.2)
    for job_id in job_ids:
        if (state := jobs.by_id(job_id).state) is not JobState.SUCCEEDED:
            raise Unfinished(state=state, job=f"/jobs/{job_id}")


def _title(job_id: UUID) -> str:
    job = jobs.by_id(job_id)
    instance = instances.by_id(job.instance_id)
    return f"{job.action} {instance.hostname.split('.')[0]}"


def _update(console: Console, instance_id: UUID) -> None:
    """File a complaint under the old release, update through a migration of the schema, and read it again."""
    instance = instances.by_id(instance_id)
    if catalogue.release_by_id(instance.desired_release_id).version != OLD or instance.state is not State.ACTIVE:
        return
    tracker = Tracker(instance.address, secrets.opened([instance.id])[instance.id].secrets["admin_password"])
    title = "Éclairage public en panne / إنارة عمومية معطلة"
    number = tracker.file(title)
    with transaction():
        accepted = requests.ask(instance_id, Action.UPDATE, REASON, NEW)
    _follow(console, [accepted.job.id] if accepted else [])
    if tracker.title_of(number) != title:
        raise ComplaintLost
    console.print(f"Complaint {number}, filed under {OLD}, is still there under {NEW}.")


def _check_portals(console: Console) -> None:
    """Ask for a check of every open data portal, in one request: one run carries it out."""
    with transaction():
        request = requests.ask_many(Selection("open-data", where=Filter()), Action.CHECK, REASON)
        asked = [job.id for job in _jobs_of(request.id)]
    _follow(console, asked)
    runs = {job.run_id for job in _jobs_of(request.id)}
    console.print(f"Open data portals checked in one request: {len(asked)}; runs of Ansible for that: {len(runs)}.")


def _jobs_of(request_id: UUID) -> list[Any]:
    return list(every(partial(jobs.find, jobs.Filter(request_id=request_id))))


def _show(console: Console, instance_ids: Iterable[UUID], passwords: dict[str, tuple[Role, str]]) -> None:
    table = Table("Address", "Answer", "App", "Administration", header_style="bold", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for instance_id in instance_ids:
        table.add_row(*_line(instances.by_id(instance_id)))
    console.print(table)
    for username, (role, password) in passwords.items():
        console.print(f"{username:10} {role:14} one-time password [bold]{password}[/]", highlight=False)
    if not passwords:
        console.print("Users are as before; `provisioner users password admin` makes a new password.")
    layout = Layout(settings().state_dir)
    console.print(
        f"\nProvisioner is at [bold]{web_address(settings(), layout.web_port() or 0)}[/]. Ctrl-C stops everything."
    )


def _line(instance: Instance) -> tuple[str, str, str, str]:
    names = administrations.names_of([instance.administration_id])[instance.administration_id]
    app = catalogue.app_by_id(instance.app_id)
    release = catalogue.release_by_id(instance.applied_release_id or instance.desired_release_id)
    return instance.address, _answer(instance, names["fr"]), f"{app.slug} {release.version}", names["fr"]


def _answer(instance: Instance, name: str) -> str:
    """What its front page says when asked now."""
    try:
        with urllib.request.urlopen(instance.address, timeout=10) as page:  # noqa: S310 - an address of our own
            shown = name in unescape(page.read().decode())
            return f"{page.status}, its name is {'on' if shown else 'not on'} the page"
    except OSError as error:
        return f"no: {error}"
