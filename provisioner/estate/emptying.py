"""Emptying a server that is drained: what can move from it is asked to, again and again until nothing is there.

A person wishes it and the dispatchers go on with it, any number of them. No function here commits.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import func, select

from provisioner.audit import service as audit
from provisioner.catalogue import queries as catalogue
from provisioner.catalogue.models import App
from provisioner.db import db
from provisioner.estate import remaining
from provisioner.hosts.models import Emptying, Host, HostState
from provisioner.instances.beginning import Outcome
from provisioner.instances.lifecycle import LIVE, Action
from provisioner.instances.models import Instance
from provisioner.requests import queries as request_queries, service as requests
from provisioner.requests.service import Selection

AT_ONCE = 200  # instances of an app that one look asks for


def held(name: str) -> Emptying | None:
    """The wish, its row held; always before the host's, so that nobody who goes on with it waits in a circle."""
    query = select(Emptying).join(Host, Host.id == Emptying.host_id).where(Host.name == name)
    return db.session.scalar(
        query.with_for_update(of=Emptying, key_share=True).execution_options(populate_existing=True)
    )


def begin(host: Host, reason: str) -> None:
    """From now on it is emptied; wished for anew, what failed to move before is asked again. The caller holds it."""
    wish = db.session.get(Emptying, host.id)
    if wish is None:
        wish = Emptying(host_id=host.id)
        db.session.add(wish)
    else:
        audit.record("host.drain", "host", host.id, reason=reason, after={"name": host.name})
    who = audit.actor()
    wish.reason, wish.account_id, wish.on_behalf_of = reason, who.account_id, who.on_behalf_of
    wish.since = db.session.scalars(select(func.clock_timestamp())).one()
    db.session.flush()


def end(host: Host) -> None:
    """It is emptied no more; moves that were asked for are carried out. The caller holds it."""
    wish = db.session.get(Emptying, host.id)
    if wish:
        db.session.delete(wish)
        db.session.flush()


def under_way() -> Sequence[tuple[UUID, str]]:
    """The hosts that are being emptied, each with an app of which instances live there."""
    query = select(Host.id, App.slug).join(Emptying, Emptying.host_id == Host.id)
    query = query.join(Instance, Instance.host_id == Host.id).join(App, App.id == Instance.app_id)
    there = query.where(Host.state == HostState.DRAINING, Instance.state.in_(LIVE)).distinct()
    return [(host_id, slug) for host_id, slug in db.session.execute(there.order_by(Host.id, App.slug))]


def go_on(host_id: UUID, slug: str) -> int:
    """Ask the instances of an app to leave that can now, on behalf of whoever drained; returns how many they were.

    One app at a time: whoever asks holds instances first, and then the hosts. Who finds the wish held leaves.
    """
    query = select(Emptying).where(Emptying.host_id == host_id)
    wish = db.session.scalar(
        query.with_for_update(key_share=True, skip_locked=True).execution_options(populate_existing=True)
    )
    app = catalogue.by_slug(slug)
    ids = _movable(wish, app) if wish else ()
    if wish is None or not ids:
        return 0
    with audit.acting(replace(audit.actor(), account_id=wish.account_id, on_behalf_of=wish.on_behalf_of)):
        request = requests.ask_many(Selection(slug, ids), Action.MOVE, wish.reason)
    return request_queries.counts(request.id)[Outcome.ACCEPTED]


def _movable(wish: Emptying, app: App) -> Sequence[UUID]:
    """As many as there is room for elsewhere: what would only be refused is not asked."""
    site = db.session.get_one(Host, wish.host_id).site
    room = 0 if remaining.obstacle(app) else remaining.room_for(app, AT_ONCE, site)
    if not room:
        return ()
    waiting = select(Instance.id).where(
        Instance.host_id == wish.host_id, Instance.app_id == app.id, remaining.stay(wish) == remaining.Stay.WAITING
    )
    return db.session.scalars(waiting.order_by(Instance.id).limit(room)).all()
