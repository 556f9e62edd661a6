"""What lists and reports cost at 2,020 administrations and at ten times as many, each with two instances.

Counted is the time on a processor, of this process and of all of PostgreSQL, for whole requests through the WSGI app.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

sys.path.append(str(Path(__file__).parents[1]))

import psycopg
from machine import load
from registers import GROWTH, Subject, enter_more, subject
from sqlalchemy import text

from provisioner.accounts.policy import Role
from provisioner.db import db, transaction
from provisioner.demo import people
from provisioner.embedded.layout import SUPERUSER, Layout
from tests import factories
from tests.factories import Api
from tests.visitors import Visitor

WARM, ROUNDS = 12, 15  # PostgreSQL has settled for a plan after ten
LARGEST = 200
OLD, NEW = "1.0", "2.0"

INSTANCES = """
    INSERT INTO instance (id, short_id, administration_id, app_id, environment, host_id, port, hostname, address, state,
                          desired_release_id, applied_release_id, settings, health)
    SELECT gen_random_uuid(), 'a' || lpad(n::text, 9, '0'), administration_id, app_id, 'production', host.id, n,
           hostname, 'http://127.0.0.1:' || n || '/', 'active', release.id, release.id, '{}', 'healthy'
    FROM (SELECT administration.id AS administration_id, app.id AS app_id, row_number() OVER () AS n,
                 app.slug || '-' || administration.slug AS hostname FROM administration, app) AS wanted
    JOIN release USING (app_id), host WHERE release.version = :version
"""
UPDATES = """
    UPDATE instance SET applied_release_id = release.id, desired_release_id = release.id
    FROM release WHERE release.app_id = instance.app_id AND release.version = :version
"""


@dataclass(frozen=True)
class Request:
    name: str
    reader: Api | Visitor
    path: str
    rows: int = 0  # of a file, whose cost is told per 1,000 of them

    def cost(self, there: Subject) -> float:
        """Milliseconds."""
        with there.app.app_context():
            begin = time.process_time() + database_time(there.layout)
            answer = self.reader.get(self.path)
            spent = time.process_time() + database_time(there.layout) - begin
        if answer.status_code != HTTPStatus.OK:
            raise SystemExit(f"{self.path}: {answer.status}")
        return spent * 1_000_000 / self.rows if self.rows else spent * 1000


def database_time(layout: Layout) -> float:
    """Seconds that the processes of this PostgreSQL have computed so far."""
    server = (layout.control.data / "postmaster.pid").read_text().split()[0]
    children = Path(f"/proc/{server}/task/{server}/children").read_text().split()
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in (server, *children)) / 1e9


def fill(there: Subject, growth: int) -> str:
    """Enter administrations and instances, and update all of these; returns a moment between the two."""
    enter_more(people.enter_register() * (growth - 1))
    factories.host()
    for slug in ("complaints", "open-data"):
        factories.app(slug, (OLD, NEW))
    with transaction() as session:
        session.execute(text(INSTANCES), {"version": OLD})
    moment = db.session.scalar(text("SELECT clock_timestamp()")).isoformat()
    with transaction() as session:
        session.execute(text(UPDATES), {"version": NEW})
    settle(there.layout)
    return str(moment)


def settle(layout: Layout) -> None:
    """Let nothing of what was written be done while something is measured."""
    url = layout.database_url(SUPERUSER).replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")  # as autovacuum would, in its own time
        # Processes that come and go take their time with them, unread.
        for setting in ("autovacuum = off", "max_parallel_workers_per_gather = 0"):
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")


def middle(api: Api, path: str, pages: int) -> str:
    """The address of the page in the middle of the list."""
    cursor: dict[str, str] = {}
    for _ in range(pages // 2):
        page: Any = api.get(f"{path}?{urlencode({'page_size': LARGEST, **cursor})}").json
        cursor = {"cursor": page["next"]}
    return f"{path}?{urlencode(cursor)}"


def requests(there: Subject, growth: int) -> Iterator[Request]:
    moment = fill(there, growth)
    api, visitor = Api(there.app, Role.VIEWER), Visitor(there.app, Role.VIEWER, language="fr")
    total = db.session.scalar(text("SELECT count(*) FROM administration"))
    someone = db.session.scalar(text("SELECT id FROM administration WHERE slug = 'region-oriental'"))
    then = urlencode({"as_of": moment})
    print(f"{total:7,} administrations, {2 * total:,} instances")
    yield Request("one administration", api, f"/administrations/{someone}")
    yield Request("administrations, first 50", api, "/administrations")
    yield Request("administrations, 50 in the middle", api, middle(api, "/administrations", total // LARGEST))
    yield Request("search, one hit", api, "/administrations?text=ministere+sante")
    yield Request("search, one in eleven hit", api, "/administrations?text=ain")
    yield Request("instances, first 50", api, "/instances")
    yield Request("instances, 50 in the middle", api, middle(api, "/instances", 2 * total // LARGEST))
    yield Request("inventory, 50", api, "/reports/inventory")
    yield Request("inventory, 50, as of a past moment", api, f"/reports/inventory?{then}")
    yield Request("inventory, page with totals", visitor, "/reports/inventory")
    yield Request("the same, as of a past moment", visitor, f"/reports/inventory?{then}")
    yield Request("inventory as CSV, per 1,000 rows", api, "/reports/inventory.csv", 2 * total)


def measure(pair: tuple[Request, Request], there: tuple[Subject, Subject]) -> tuple[float, float]:
    """The median cost of the same request in both services, asked by turns."""
    warm, rounds = (1, 3) if pair[0].rows else (WARM, ROUNDS)
    turns = list(zip(pair, there, strict=True))
    costs = [[request.cost(service) for request, service in turns] for _ in range(warm + rounds)]
    return median(few for few, _ in costs[warm:]), median(many for _, many in costs[warm:])


def main() -> None:
    print(f"Lists, processor time of web and database; {load()}")
    with ExitStack() as stack:
        small = stack.enter_context(subject())
        few = list(requests(small, 1))
        large = stack.enter_context(subject())
        many = list(requests(large, GROWTH))
        print(f"{'ms, median':38}{'2,020':>10}{'20,200':>10}{'ratio':>10}")
        for pair in zip(few, many, strict=True):
            before, after = measure(pair, (small, large))
            print(f"{pair[0].name:38}{before:10.1f}{after:10.1f}{after / before:9.2f}x", flush=True)


if __name__ == "__main__":
    main()
