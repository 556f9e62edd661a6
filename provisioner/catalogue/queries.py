"""Questions about apps and their releases."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from provisioner.catalogue.models import App, Release, ReleaseState
from provisioner.db import db
from provisioner.errors import NotFound


def apps() -> Sequence[App]:
    """Every app on offer with its releases, by slug: a catalogue has a few dozen."""
    return db.session.scalars(
        select(App).where(App.withdrawn_at.is_(None)).order_by(App.slug).options(selectinload(App.releases))
    ).all()


def digests() -> dict[str, str]:
    """Of the content of each app on offer, by slug."""
    rows = db.session.execute(select(App.slug, App.digest).where(App.withdrawn_at.is_(None)))
    return {row.slug: row.digest for row in rows}


def offered(slug: str) -> App:
    """The app, if new instances of it may be asked for; NotFound otherwise."""
    app = db.session.scalar(select(App).where(App.slug == slug, App.withdrawn_at.is_(None)))
    if app is None:
        raise NotFound(kind="app", key=slug)
    return app


def by_slug(slug: str) -> App:
    """The app, on offer or withdrawn; NotFound otherwise."""
    app = db.session.scalar(select(App).where(App.slug == slug))
    if app is None:
        raise NotFound(kind="app", key=slug)
    return app


def app_by_id(app_id: UUID) -> App:
    return db.session.get_one(App, app_id)


def release_by_id(release_id: UUID) -> Release:
    return db.session.get_one(Release, release_id)


def usable(app: App) -> list[Release]:
    """The releases that may be asked for, the oldest first."""
    return [each for each in app.releases if each.state in {ReleaseState.CURRENT, ReleaseState.DEPRECATED}]


def release(app: App, version: str | None) -> Release:
    """That release, or the newest current one if none is named; NotFound for one that may not be asked for."""
    choice = usable(app)
    if version is None:
        choice = [each for each in choice if each.state is ReleaseState.CURRENT][-1:]
    found = [each for each in choice if version in {None, each.version}]
    if not found:
        raise NotFound("There is no release %(version)s of %(app)s to be had.", app=app.slug, version=version or "")
    return found[0]
