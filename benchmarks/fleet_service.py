"""The fleet of the benchmark in the hands of a real service."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from estate import APP, VERSION, portals, project
from served import Course, Subject, of

from tests.running import Service

SETTINGS = """
    UPDATE instance SET settings = settings || jsonb_build_object(
        'page_size', 10 + CAST(:turn AS integer),
        'contact_email', 'contact-' || CAST(:turn AS text) || '@commune.example')
    WHERE id = ANY (CAST(:ids AS uuid[]))
"""
FIRST = {
    "contact_email": "contact@commune.example",
    "licence": "cc-by-4.0",
    "page_size": 10,
    "whole_tables": True,
    "accent": "blue",
}


@dataclass
class Fleet:
    there: Subject
    turn: int = 0

    def reconfigure(self, number: int) -> Course:
        """New settings for so many instances; their service starts anew, as in each round by hand."""
        self.turn += 1
        ids = self._ids(number)
        self.there.write(SETTINGS, turn=self.turn, ids=ids)
        course = self.there.course(lambda: self._ask("reconfigure", ids, "accepted"))
        self._look(number)
        return course

    def nothing(self, number: int) -> Counter[str]:
        """The same request again."""
        ids = self._ids(number)
        self.there.rest()
        before = self.there.spent()
        self._ask("reconfigure", ids, "unchanged")
        return self.there.spent() - before

    def check(self, number: int) -> Course:
        ids = self._ids(number)
        return self.there.course(lambda: self._ask("check", ids, "accepted"))

    def _ids(self, number: int) -> list[str]:
        return [str(each) for each in self.there.ids(number)]

    def _ask(self, action: str, ids: list[str], outcome: str) -> None:
        wish = {"app": APP, "action": action, "instances": ids, "reason": "benchmark"}
        counts = self.there.served.post("/instances/actions", wish)["counts"]
        if counts[outcome] != len(ids):
            raise SystemExit(f"not all were {outcome}: {counts}")

    def _look(self, number: int) -> None:
        """Each of them must have what it was to get."""
        for settings in sorted((self.there.served.layout.host_root / "instances").glob("*/portal/settings.json"))[
            :number
        ]:
            if json.loads(settings.read_text())["default_page_size"] != 10 + self.turn:
                raise SystemExit(f"{settings} is as it was")


@contextmanager
def served(number: int) -> Iterator[Fleet]:
    """A service with so many instances, which a portal answers for as it does for those that are run by hand."""
    with tempfile.TemporaryDirectory(prefix="fleet-service-") as name:
        service = Service(Path(name) / "state")
        with portals(service.layout.host_root / "instances") as port:
            service.settings["playbooks_dir"] = str(project(Path(name) / "project", port))
            (service.layout.host_root / f"runtimes/{APP}-{VERSION}").mkdir(parents=True)
            with of(service) as there:
                there.enter(APP, VERSION, number, json.dumps(FIRST))
                yield Fleet(there)
