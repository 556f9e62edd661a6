"""The commands `provisioner up` and `provisioner doctor`."""

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from provisioner.config import settings
from provisioner.embedded.doctor import Finding, examine
from provisioner.embedded.up import run_up


@click.command()
@click.option("--restored", metavar="REASON", default="", help="The database was restored from a backup.")
def up(restored: str) -> None:
    """Run the whole service in the foreground, until Ctrl-C."""
    run_up(settings(), restored=restored)


@click.command()
@click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
def doctor(output: str) -> None:
    """Say what is missing on this machine, and how to mend it."""
    findings = examine(settings())
    if output == "json":
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        Console().print(_table(findings))
    if any(finding.needed and not finding.fine for finding in findings):
        raise click.exceptions.Exit(1)


def _table(findings: list[Finding]) -> Table:
    table = Table("", "Subject", "Found", "To do")
    for finding in findings:
        mark = "[green]ok[/]" if finding.fine else "[red]missing[/]" if finding.needed else "[yellow]better[/]"
        table.add_row(mark, finding.subject, escape(finding.found), "" if finding.fine else escape(finding.mend))
    return table
