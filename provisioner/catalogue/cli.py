"""`provisioner catalogue`: what is on offer."""

from dataclasses import asdict
from pathlib import Path

import click

from provisioner.catalogue import queries, service
from provisioner.catalogue.folders import project
from provisioner.catalogue.models import ReleaseState
from provisioner.db import transaction
from provisioner.output import output_option, show, show_one


def sync_catalogue(root: Path) -> service.Synced:
    """Mirror the folders of the playbooks: all of them, or (BrokenFolders) none."""
    with transaction():
        digests = queries.digests()
    found = service.read_all(root, digests)
    with transaction():
        return service.sync(found)


@click.group()
def catalogue() -> None:
    """The apps on offer and their releases."""


@catalogue.command()
@output_option
def sync(output: str) -> None:
    """Mirror the folders under playbooks/apps; a broken folder is refused, and the catalogue stays as it was."""
    done = sync_catalogue(project())
    show_one({name: ", ".join(slugs) for name, slugs in asdict(done).items()}, output)


@catalogue.command("list")
@output_option
def list_apps(output: str) -> None:
    """All apps with their releases."""
    rows = [
        {
            "app": app.slug,
            "name": app.names["en"],
            "releases": ", ".join(each.version for each in app.releases if each.state is not ReleaseState.WITHDRAWN),
            "actions": ", ".join(app.manifest["actions"]),
        }
        for app in queries.apps()
    ]
    show(rows, {"app": "App", "name": "Name", "releases": "Releases", "actions": "Actions"}, output)
