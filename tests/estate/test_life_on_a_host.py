"""The whole life of an instance of each app on a real host, read through its proxy by its name; one over HTTPS."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.estate.conftest import ROOT, Host
from tests.playbooks.inventory import HOSTILE_AR, HOSTILE_FR, backup
from tests.playbooks.reading import get, shows
from tests.playbooks.whole_life import KINDS, Kind, notice

pytestmark = [pytest.mark.journey, pytest.mark.machines]
PUBLISH = """import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as portal:
    portal.execute('CREATE TABLE IF NOT EXISTS markets (name)')
    portal.execute('INSERT INTO markets VALUES (?)', sys.argv[2:])
"""
ALL = {"mail-registry", "complaints", "open-data", "files", "appointments"}


@dataclass
class Lodger:
    """One instance on a host."""

    kind: Kind
    host: Host
    name: str
    version: str = ""
    fence: int = 0

    @property
    def address(self) -> str:
        return self.host.url(self.name)

    def does(self, action: str, to: str | None = None, **more: Any) -> Any:
        release = {"release": {"version": to or self.version, "previous_version": self.version}}
        self.fence += 1
        run = self.host.act(action, self.kind.app, to or self.version, self.fence, {self.name: {**release, **more}})
        assert run.status == "successful", run.said
        self.version = to or self.version
        return run

    def does_twice(self, action: str, to: str | None = None) -> None:
        """The second time nothing is changed."""
        self.does(action, to)
        again = self.does(action)
        assert again.changed == {}, again.said

    def write(self, text: str) -> None:
        if self.kind.app == "open-data":
            database = f"{ROOT}/instances/{self.name}/portal/portal.db"
            program = ["python3", "-c", f'"{PUBLISH}"', database, f"'{text}'"]
            self.host.machine.said("runuser", "-u", self.name, "--", *program)
        else:
            self.kind.write(self.address, self.host.folder, text)

    def has(self, text: str) -> bool:
        return text in self.kind.texts(self.address)


@pytest.mark.usefixtures("_names")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.app in ALL], ids=lambda kind: kind.app)
def test_an_instance_lives_its_whole_life_on_a_host(hosts: list[Host], kind: Kind) -> None:
    number = KINDS.index(kind)
    lodger = Lodger(kind, hosts[number % len(hosts)], f"life00000{number}")  # one has HTTPS, one no systemd

    lodger.does_twice("provision", kind.old)
    lodger.write("before everything")
    page = get(lodger.address)
    assert shows(page, HOSTILE_AR)
    assert shows(page, HOSTILE_FR)

    lodger.does_twice("suspend")
    assert "This service is suspended" in notice(lodger.address)
    lodger.does_twice("resume")
    kept = lodger.does("back_up").reports[lodger.name]["backup"]
    lodger.write("after the backup")
    lodger.does("update", kind.new)
    lodger.does_twice("reconfigure")
    since = datetime.now(UTC)
    assert lodger.has("before everything")
    assert lodger.has("after the backup")

    checked = lodger.does("check").reports[lodger.name]
    lodger.does("drill", kind.old, backup=backup(kept))
    lodger.version = kind.new
    lodger.does("restore", kind.old, backup=backup(kept))
    assert (checked["health"], checked["drift"]) == ("healthy", [])
    assert datetime.fromisoformat(checked["last_used"]) > since - timedelta(seconds=1)  # the clock of files is coarse
    assert (lodger.has("before everything"), lodger.has("after the backup")) == (True, False)

    lodger.does("suspend")
    lodger.does_twice("remove")
    left = lodger.host.machine.said("find", ROOT, "/etc", "-name", f"'*{lodger.name}*'").split()
    assert sorted(left) == sorted([f"{ROOT}/store/{lodger.name}", *(path for path in left if "/guard/" in path)])
    assert lodger.name not in lodger.host.machine.said("cat", "/etc/passwd")
