"""Mirroring the app folders into the catalogue."""

from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from sqlalchemy import func, select

from provisioner.audit import service as audit
from provisioner.catalogue import syntax
from provisioner.catalogue.folders import AppFolder, Broken, Fault, read, slugs
from provisioner.catalogue.models import App, Release, ReleaseState
from provisioner.db import Json, db
from provisioner.errors import Invalid


@dataclass
class Synced:
    """What a sync did, by slug."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)


class BrokenFolders(Invalid):
    code = "broken-app-folder"
    message = "The catalogue stays as it was, because of what stands in these files."

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(
            errors=[{"pointer": f"{fault.file}:{fault.line}", "detail": fault.message} for fault in faults]
        )


def sync(found: list[AppFolder]) -> Synced:
    """Bring the catalogue to what these folders say, which `read_all` found.

    An app whose folder is gone is withdrawn: its instances and their history stay. No instance is touched.
    """
    known = {app.slug: app for app in db.session.scalars(select(App).with_for_update())}
    done = Synced()
    for folder in found:
        app = known.get(folder.slug)
        if app and app.digest == folder.digest and app.withdrawn_at is None:
            done.unchanged.append(folder.slug)
        else:
            (done.changed if app else done.added).append(folder.slug)
            _mirror(app, folder)
    for slug in set(known) - {folder.slug for folder in found}:
        if known[slug].withdrawn_at is None:
            _withdraw(known[slug])
            done.withdrawn.append(slug)
    return done


def read_all(root: Path, digests: dict[str, str]) -> list[AppFolder]:
    """Every folder, or (BrokenFolders) all faults of all folders at once.

    What differs from the digests goes through checks that take Ansible seconds: keep no transaction open
    meanwhile. No folder at all is a fault too: it is the wrong place, rather than a wish to withdraw everything.
    """
    offered = slugs(root)
    if not offered:
        raise BrokenFolders([Fault(str(root / "apps"), 1, "there is no app here")])
    found, faults = [], []
    for slug in offered:
        try:
            found.append(read(root, slug))
        except Broken as broken:
            faults += broken.faults
    faults += syntax.check(root, [folder for folder in found if digests.get(folder.slug) != folder.digest])
    if faults:
        raise BrokenFolders(faults)
    return found


def _mirror(app: App | None, folder: AppFolder) -> None:
    before = {"digest": app.digest} if app else None
    if app is None:
        app = App(id=uuid4(), slug=folder.slug)
        db.session.add(app)
    manifest = folder.manifest
    app.names, app.summary = manifest["name"], manifest["summary"]
    app.manifest = _plain(manifest)
    app.parameters, app.digest = folder.parameters, folder.digest
    app.synced_at, app.withdrawn_at = func.clock_timestamp(), None
    _mirror_releases(app, manifest["releases"])
    audit.record("catalogue.sync", "app", app.id, before=before, after={"slug": app.slug, "digest": app.digest})


def _plain(manifest: Json) -> Json:
    kept = {key: value for key, value in manifest.items() if key not in {"releases", "name", "summary"}}
    return {**kept, "releases": [release["version"] for release in manifest["releases"]]}


def _mirror_releases(app: App, entries: list[Json]) -> None:
    """A release that the manifest no longer names is withdrawn, for instances may still run it."""
    known = {release.version: release for release in app.releases}
    for position, entry in enumerate(entries, start=1):
        release = known.pop(entry["version"], None)
        if release is None:
            release = Release(id=uuid4(), version=entry["version"])
            app.releases.append(release)
        release.state, release.runtime, release.position = entry["state"], entry["runtime"], position
    for release in known.values():
        release.state = ReleaseState.WITHDRAWN


def _withdraw(app: App) -> None:
    app.withdrawn_at = func.clock_timestamp()
    audit.record("catalogue.withdraw", "app", app.id, after={"slug": app.slug})
