"""A host on which no systemd runs: its instances are kept by a supervisord, each as its own unix user."""

import pytest

from tests.estate.conftest import ROOT, Host
from tests.playbooks.inventory import HOSTILE_FR
from tests.playbooks.reading import get, shows

pytestmark = [pytest.mark.journey, pytest.mark.machines, pytest.mark.usefixtures("_names")]

ONE = "plain00001"
SERVICE = "/etc/init.d/provisioner-instances"
LIMITS = "'^Uid|^Groups|^NoNewPrivs|^CapEff|^Umask'"


@pytest.fixture(scope="module")
def host(hosts: list[Host]) -> Host:
    [plain] = [each for each in hosts if each.machine.is_plain]
    run = plain.act("provision", "complaints", "2.6.0", 1, {ONE: {}})
    assert run.status == "successful", run.said
    return plain


def pid_of(host: Host) -> str:
    return host.machine.said("pgrep", "-o", "-u", ONE).strip()


def test_it_is_prepared_and_the_second_time_nothing_changes(host: Host) -> None:
    again = host.prepare()

    assert (again.status, again.changed) == ("successful", {}), again.said
    assert (host.facts["service_manager"], host.facts["isolated"]) == ("supervisord", True)
    assert host.machine.said("ls", "/run/systemd/system", "2>&1", "||", "true").startswith("ls: cannot access")


def test_a_second_run_changes_nothing_and_people_see_the_instance(host: Host) -> None:
    again = host.act("provision", "complaints", "2.6.0", 2, {ONE: {}})

    assert (again.status, again.changed) == ("successful", {}), again.said
    assert shows(get(host.url(ONE)), HOSTILE_FR)


def test_its_service_has_a_user_and_no_more_rights_than_that(host: Host) -> None:
    user = host.machine.said("id", "-u", ONE).strip()
    said = host.machine.said("grep", "-E", LIMITS, f"/proc/{pid_of(host)}/status")
    told = {line.split()[0].rstrip(":"): line.split()[1:] for line in said.splitlines()}
    limits = host.machine.said("grep", "-E", "'data size|processes'", f"/proc/{pid_of(host)}/limits").split()

    assert told["Uid"] == [user] * 4
    assert len(told["Groups"]) <= 1
    assert (told["Umask"], told["NoNewPrivs"], told["CapEff"]) == (["0007"], ["1"], ["0" * 16])
    assert "256" in limits
    assert "unlimited" not in limits


@pytest.mark.parametrize("place", [f"{ROOT}/supervisor", f"{ROOT}/supervisor/supervisor.sock", f"{ROOT}/backups"])
def test_an_instance_reaches_neither_what_keeps_it_nor_backups(host: Host, place: str) -> None:
    said = host.machine.said("runuser", "-u", ONE, "--", "ls", place, "2>&1", "||", "true")

    assert "Permission denied" in said


def test_what_it_says_lies_where_it_cannot_lead_root_astray(host: Host) -> None:
    words = host.machine.said(
        "stat", "--format=%U:%a", f"{ROOT}/supervisor/conf.d", f"{ROOT}/supervisor/conf.d/{ONE}.log"
    )

    assert [line.split(":")[0] for line in words.splitlines()] == ["root", "root"]


def test_its_instances_come_back_with_the_host(host: Host) -> None:
    before = pid_of(host)
    host.machine.said(SERVICE, "stop")
    gone = host.machine.said("pgrep", "-u", ONE, "||", "true")
    host.machine.said("for script in /etc/rc2.d/S*provisioner-instances; do $script start; done")
    again = host.act("provision", "complaints", "2.6.0", 3, {ONE: {}})

    assert gone == ""
    assert pid_of(host) != before
    assert (again.status, again.changed) == ("successful", {}), again.said


def test_what_nobody_owns_is_seen_and_taken_away(host: Host) -> None:
    conf = f"{ROOT}/supervisor/conf.d"
    program = r"[program:xyz]\ncommand=/bin/sleep 1000\n"
    host.machine.said("printf", f"'{program}'", ">", f"{conf}/xyz.conf", ";", SERVICE, "restart")
    seen = host.look("survey")["survey"]["services"]
    things = [{"finding": "1", "kind": "unknown_service", "name": "xyz"}]
    taken = host.look("clear", clear_things=things)
    after = host.look("survey")["survey"]["services"]

    assert (seen["xyz"]["state"], seen[ONE]["serves"]) == ("running", "complaints-2.6.0")
    assert host.machine.said("ls", taken["cleared"]["1"]).split()[0] == "xyz.conf"
    assert set(after) == set(seen) - {"xyz"}
