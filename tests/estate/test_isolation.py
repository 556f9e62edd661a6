"""What one instance of a real host can reach of another: tried as its unix user, and in the place of its service."""

import subprocess

import pytest

from tests.estate.conftest import ROOT, Host

pytestmark = [pytest.mark.journey, pytest.mark.machines]

ONE, OTHER = "one0000001", "two0000002"
CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


@pytest.fixture(scope="module")
def host(hosts: list[Host]) -> Host:
    run = hosts[0].act("provision", "complaints", "2.6.0", 1, {ONE: {}, OTHER: {}})
    assert run.status == "successful", run.said
    return hosts[0]


def as_one(host: Host, *command: str) -> str:
    """What a command says that the first instance's user runs; its complaints included."""
    try:
        return host.machine.said("cd", "/;", "runuser", "-u", ONE, "--", *command, "2>&1")
    except subprocess.CalledProcessError as refused:
        return str(refused.stdout)


def test_a_second_run_changes_nothing(host: Host) -> None:
    again = host.act("provision", "complaints", "2.6.0", 2, {ONE: {}, OTHER: {}})

    assert (again.status, again.changed) == ("successful", {})


@pytest.mark.parametrize("name", ["secrets/secret_key", "tracker/config.ini", "logs"])
def test_the_files_of_another_cannot_be_read(host: Host, name: str) -> None:
    own = as_one(host, "ls", f"{ROOT}/instances/{ONE}/{name}")
    others = as_one(host, "ls", f"{ROOT}/instances/{OTHER}/{name}")

    assert own.startswith(f"{ROOT}/instances/{ONE}") or name == "logs"
    assert "Permission denied" in others


@pytest.mark.parametrize("folder", ["backups", "guard", "services", "store", "proxy/used"])
def test_what_belongs_to_the_host_cannot_be_read(host: Host, folder: str) -> None:
    host.machine.said("mkdir", "-p", "-m", "700", f"{ROOT}/store")

    assert "Permission denied" in as_one(host, "ls", f"{ROOT}/{folder}")


@pytest.mark.parametrize("folder", ["instances", "sockets", "notices", "copies"])
def test_nobody_learns_who_else_is_there(host: Host, folder: str) -> None:
    assert "Permission denied" in as_one(host, "ls", f"{ROOT}/{folder}")


def test_the_socket_of_another_cannot_be_reached(host: Host) -> None:
    own = as_one(host, "python3", "-c", f"'{CONNECT}'", f"{ROOT}/sockets/{ONE}/web.sock")
    others = as_one(host, "python3", "-c", f"'{CONNECT}'", f"{ROOT}/sockets/{OTHER}/web.sock")

    assert own == ""
    assert "PermissionError" in others


def test_the_database_of_another_cannot_be_opened_nor_under_its_name(host: Host) -> None:
    select = ("-Atc", "'SELECT 1'")
    own = as_one(host, "psql", "-d", ONE, *select)
    others = as_one(host, "psql", "-d", OTHER, *select)
    in_its_name = as_one(host, "psql", "-U", OTHER, "-d", OTHER, *select)
    as_superuser = as_one(host, "psql", "-U", "postgres", "-d", OTHER, *select)

    assert own == "1\n"
    assert "permission denied for database" in others
    assert "Peer authentication failed" in in_its_name
    assert "Peer authentication failed" in as_superuser


def test_a_service_has_no_network_and_writes_nowhere_but_at_home(host: Host) -> None:
    pid = host.machine.said("systemctl", "show", "--property=MainPID", "--value", f"prov-{ONE}.service").strip()
    inside = ("nsenter", "--target", pid, "--mount", "--net", "--", "runuser", "-u", ONE, "--")

    interfaces = host.machine.said(*inside, "cat", "/proc/net/dev").splitlines()[2:]
    writable = host.machine.said(*inside, "find", "/", "-xdev", "-writable", "-type", "d", "2>/dev/null", "||", "true")

    assert [line.split(":")[0].strip() for line in interfaces] == ["lo"]
    assert not [
        path for path in writable.splitlines() if path.startswith(("/etc", "/usr", "/var/lib", f"{ROOT}/runtimes"))
    ]


def test_links_that_an_instance_lays_lead_nobody_astray(host: Host) -> None:
    """An instance that has been broken into puts a link where the next run writes."""
    home = f"{ROOT}/instances/{ONE}"
    host.machine.said("sh", "-c", "'echo untouched > /root/precious; chmod 600 /root/precious'")
    as_one(host, "ln", "-sf", "/root/precious", f"{home}/tracker/config.ini")
    as_one(host, "ln", "-sfn", "/root", f"{home}/logs/root")

    release = {"release": {"version": "2.6.0", "previous_version": "2.6.0"}}
    mended = host.act("reconfigure", "complaints", "2.6.0", 3, {ONE: release})
    kept = host.act("back_up", "complaints", "2.6.0", 4, {ONE: release})

    assert (mended.status, kept.status) == ("successful", "successful"), mended.said
    assert host.machine.said("cat", "/root/precious") == "untouched\n"
    assert host.machine.said("stat", "--format=%U:%a", "/root/precious") == "root:600\n"
    assert host.machine.said("stat", "--format=%U:%a", f"{home}/tracker/config.ini") == f"{ONE}:640\n"
