"""The command line: `provisioner`. Each room brings its commands; they get a context and their refusals a form here."""

import os
import pwd
import sys
import time

import click
from sqlalchemy.exc import OperationalError

from provisioner.accounts.cli import tokens, users
from provisioner.administrations.cli import administrations
from provisioner.audit.service import Actor, Via, acting
from provisioner.calendar.cli import calendar, let_job_through, let_request_through
from provisioner.catalogue.cli import catalogue, sync_catalogue
from provisioner.catalogue.folders import project
from provisioner.catalogue.service import BrokenFolders
from provisioner.config import settings
from provisioner.db import transaction
from provisioner.demo.cli import demo
from provisioner.embedded.cli import doctor, up
from provisioner.embedded.layout import owner_database_url
from provisioner.errors import DomainError, Invalid, Unavailable
from provisioner.estate.cli import hosts
from provisioner.findings.cli import findings, survey_host
from provisioner.foundation import foundation
from provisioner.handovers.cli import handovers
from provisioner.hosts import local, service as host_service
from provisioner.instances.cli import cancel, instances, resolve, secrets
from provisioner.jobs import recovery
from provisioner.jobs.cli import jobs
from provisioner.migrations.run import migrate
from provisioner.output import output_option, reason_option, show_one
from provisioner.presentation import init_languages
from provisioner.reports.cli import report
from provisioner.requests.cli import request
from provisioner.workers.cli import drain, workers

WITHOUT_DATABASE = {"up", "doctor", "demo"}
HELP = ("-h", "--help")
PATIENCE = 60  # seconds in which a database that has just started must answer


@click.group(context_settings={"help_option_names": HELP})
@click.version_option(package_name="provisioner")
@click.pass_context
def provisioner(context: click.Context) -> None:
    """Keep the register of administrations and of what each one runs; provision and update their instances."""
    explaining = context.resilient_parsing or any(option in sys.argv for option in HELP)
    if context.invoked_subcommand not in WITHOUT_DATABASE and not explaining:
        app = foundation(settings())
        init_languages(app)
        context.with_resource(app.app_context())
        context.with_resource(acting(Actor(Via.CLI, on_behalf_of=f"shell:{_user()}")))


def _user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        return str(os.getuid())


@provisioner.group()
def database() -> None:
    """The service's own database."""


@database.command("migrate")
def migrate_database() -> None:
    """Bring the tables to the newest step; harmless to repeat."""
    migrate(owner_database_url(settings()))


@database.command("recovered")
@reason_option
@output_option
def recovered(reason: str, output: str) -> None:
    """Say that the database was restored from a backup: what it shows as running needs a person now.

    `provisioner up` notices by itself when the backup went into another database than it came from.
    """
    with transaction():
        jobs_in_doubt = recovery.recover(reason)
    show_one({"jobs_in_doubt": jobs_in_doubt}, output)


@provisioner.command(hidden=True)
@click.option("--restored", help="The database was restored from a backup, and why.")
def prepare(restored: str | None) -> None:
    """What each start of the service needs: the newest tables, this machine as a host, the catalogue of the folders.

    All of it is harmless to repeat, and is repeated while the database is too busy to answer in time.
    """
    give_up = time.monotonic() + PATIENCE
    while True:
        try:
            _prepare(restored)
        except OperationalError as busy:
            if time.monotonic() > give_up:
                raise
            click.echo(f"the database does not answer yet: {busy.orig}", err=True)
            time.sleep(1)
        else:
            return


def _prepare(restored: str | None) -> None:
    """A broken app folder does not keep the service from starting: the catalogue stays as it was."""
    migrate(owner_database_url(settings()))
    with transaction():
        jobs_in_doubt = recovery.recover(restored) if restored else recovery.recover_if_restored()
    if jobs_in_doubt is not None:
        click.echo(f"the database was restored from a backup: {jobs_in_doubt} jobs need attention", err=True)
    with transaction():
        host_service.register(local.registration(settings()))
    try:
        sync_catalogue(project())
    except BrokenFolders as broken:
        click.echo(_explain(broken), err=True)


for deciding in (cancel, resolve, let_job_through):  # of rooms that stand above that of the jobs
    jobs.add_command(deciding)
request.add_command(let_request_through)
hosts.add_command(survey_host)
for command in (
    administrations, calendar, catalogue, demo, doctor, drain, findings, handovers, hosts, instances, jobs, report,
    request, secrets, tokens, up, users, workers,
):  # fmt: skip
    provisioner.add_command(command)


def _explain(error: DomainError) -> str:
    faults = error.errors if isinstance(error, Invalid) else []
    return "\n".join([str(error), *(f"  {fault['pointer']}: {fault['detail']}" for fault in faults)])


def main() -> None:
    """Run a command; a refusal is a message on standard error and exit code 1, never a trace."""
    try:
        provisioner()
    except DomainError as error:
        message = _explain(error)
    except OperationalError:
        message = str(Unavailable())
    click.echo(f"provisioner: {message}", err=True)
    sys.exit(1)
