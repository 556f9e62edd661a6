"""Hosts that are reached as somebody who is not root."""

import pytest

from tests.estate.conftest import Host

pytestmark = [pytest.mark.journey, pytest.mark.machines]


@pytest.fixture
def host(hosts: list[Host]) -> Host:
    return next(each for each in hosts if each.user == "provisioner")


def test_who_becomes_root_prepares_a_host_and_the_second_time_changes_nothing(host: Host) -> None:
    assert host.facts["isolated"] is True
    again = host.prepare()

    assert (again.status, again.changed) == ("successful", {}), again.said
    assert host.machine.said("stat", "--format=%U:%a", "/srv/provisioner/backups") == "root:700\n"


def test_an_instance_is_provisioned_and_nothing_readable_is_left_in_between(host: Host) -> None:
    asked = {"acc0000001": {}}
    first = host.act("provision", "complaints", "2.6.0", 1, asked)
    again = host.act("provision", "complaints", "2.6.0", 2, asked)

    assert (first.status, again.status, again.changed) == ("successful", "successful", {}), first.said
    assert host.machine.said("find", "/home/provisioner/.ansible/tmp", "-mindepth", "1") == ""


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (
            "mv /etc/sudoers.d/provisioner /root/",
            "mv /root/provisioner /etc/sudoers.d/",
            "sudo: a password is required",
        ),
        ("mv /usr/bin/sudo /root/", "mv /root/sudo /usr/bin/", "there is no sudo"),
    ],
)
def test_who_cannot_become_root_is_told_so_and_nothing_is_done(host: Host, before: str, after: str, why: str) -> None:
    host.machine.said(before)
    try:
        run = host.prepare(root="/srv/elsewhere")
    finally:
        host.machine.said(after)

    [said] = run.failures[host.machine.name]
    assert said == f"provisioner cannot become root on the server without a password: {why}. Nothing was done."
    assert "elsewhere" not in host.machine.said("ls", "/srv")
