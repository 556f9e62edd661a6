import os
import re
import signal
import stat
from pathlib import Path

import psycopg
import pytest

from provisioner.embedded.layout import OWNER, Layout

INSTANCE = """\
[program:{name}]
command = /bin/sh -c "env > %(here)s/{name}.env; exec sleep 1000"
stdout_logfile = NONE
redirect_stderr = true
"""


def add_instance(layout: Layout, name: str) -> Path:
    (layout.supervisor_conf_dir / f"{name}.conf").write_text(INSTANCE.format(name=name))
    return layout.supervisor_conf_dir / f"{name}.env"


def test_everything_starts_in_order_and_a_ctrl_c_leaves_nothing(state_dir, launch, processes_of):
    up = launch(state_dir)

    assert up.serving, up.text
    assert re.findall(r"up +\| (\w+) (?:ready|done) in", up.text) == [
        *("postgres", "tenants", "valkey", "prepare"),
        *("instances", "web", "worker", "dispatcher"),
    ]
    assert int(up.ask()) in processes_of(state_dir)

    assert up.stop(signal.SIGINT) == 0
    assert processes_of(state_dir) == {}


def test_killing_up_itself_takes_everything_along_even_what_left_its_session(
    state_dir, launch, processes_of, eventually
):
    environment = add_instance(Layout(state_dir), "registry")
    (Layout(state_dir).supervisor_conf_dir / "broken.conf").write_text("what cannot be read is of no harm to others")
    up = launch(state_dir)
    assert up.serving, up.text
    assert eventually(environment.exists)
    assert len([command for command in processes_of(state_dir).values() if command.startswith("sleep 1000")]) == 3

    up.stop(signal.SIGKILL)

    assert eventually(lambda: processes_of(state_dir) == {}), processes_of(state_dir)
    again = launch(state_dir)
    assert again.serving, again.text
    assert again.stop(signal.SIGTERM) == 0


def test_the_next_up_cleans_what_is_left_when_the_guardian_was_killed_as_well(state_dir, launch, processes_of):
    up = launch(state_dir)
    assert up.serving, up.text
    os.kill(up.pid_of("guardian"), signal.SIGKILL)
    up.stop(signal.SIGKILL)
    left = set(processes_of(state_dir))
    assert len(left) > 10

    again = launch(state_dir)

    assert again.serving, again.text
    assert not left & set(processes_of(state_dir))
    again.stop()
    assert processes_of(state_dir) == {}


@pytest.mark.parametrize("name", ["web", "worker", "instances"])
def test_a_program_that_dies_is_started_again_without_its_old_children(
    state_dir, launch, name, processes_of, eventually
):
    add_instance(Layout(state_dir), "registry")
    up = launch(state_dir)
    assert up.serving, up.text
    before = up.pid_of(name)
    number_before = len(processes_of(state_dir))

    os.kill(before, signal.SIGKILL)

    assert eventually(lambda: f"{name} stopped (SIGKILL), starting it again in 1 s" in up.text)
    assert eventually(lambda: len(processes_of(state_dir)) == number_before), processes_of(state_dir)
    assert up.pid_of(name) != before
    assert int(up.ask())


def test_a_killed_postgres_comes_back_with_its_data(state_dir, launch, eventually):
    up = launch(state_dir)
    assert up.serving, up.text
    url = up.layout.database_url(OWNER).replace("+psycopg", "")
    with psycopg.connect(url) as owner:
        owner.execute("CREATE TABLE register AS SELECT 'Rabat' AS name")

    os.kill(up.pid_of("postgres"), signal.SIGKILL)

    assert eventually(lambda: "postgres stopped (SIGKILL), starting it again in 0 s" in up.text)
    assert eventually(lambda: _answers(url))
    with psycopg.connect(url) as owner:
        assert owner.execute("SELECT name FROM register").fetchone() == ("Rabat",)


def test_a_server_that_cannot_be_started_again_stops_everything_and_says_so(state_dir, launch, processes_of):
    up = launch(state_dir)
    assert up.serving, up.text
    (state_dir / "postgres" / "data" / "global" / "pg_control").unlink()

    os.kill(up.pid_of("postgres"), signal.SIGKILL)

    assert up.process.wait(timeout=20) == 1
    assert "Error: postgres stopped during its start" in up.text
    assert "pg_control" in up.text
    assert processes_of(state_dir) == {}


def test_a_step_that_fails_stops_everything_and_says_so(state_dir, launch, processes_of):
    up = launch(state_dir, TRIVIAL_STEP="echo no such column; exit 3")

    assert up.process.wait(timeout=20) == 1
    assert re.search(r"prepare +\| no such column", up.text)
    assert "Error: prepare stopped during its start (status 3)." in up.text
    assert processes_of(state_dir) == {}


def test_a_command_after_the_start_has_the_terminal_to_itself(state_dir, launch, eventually):
    up = launch(state_dir, "/bin/sh", "-c", "echo bare words, port $PROVISIONER_PORT")

    assert eventually(lambda: f"\nbare words, port {up.layout.web_port()}\n" in up.text), up.text
    assert up.process.poll() is None


def test_a_command_after_the_start_that_fails_stops_everything(state_dir, launch, processes_of):
    up = launch(state_dir, "/bin/sh", "-c", "exit 4")

    assert up.process.wait(timeout=30) == 1
    assert "Error: command failed (status 4)." in up.text
    assert processes_of(state_dir) == {}


def test_instances_start_with_up_and_see_no_secret_of_the_control_plane(state_dir, launch, eventually):
    environment = add_instance(Layout(state_dir), "registry")

    up = launch(state_dir, PROVISIONER_SITES="rabat", SECRET_TOKEN="canary")

    assert up.serving, up.text
    assert eventually(environment.exists)
    assert eventually(lambda: "PATH=" in environment.read_text())
    assert "PROVISIONER_" not in environment.read_text()
    assert "canary" not in environment.read_text()
    assert stat.S_IMODE(up.layout.supervisor_socket.stat().st_mode) == 0o700


def test_two_state_folders_run_side_by_side_and_keep_their_ports(copy_state, state_dir, launch, tmp_path):
    other = copy_state(tmp_path / "other")
    first, second = launch(state_dir), launch(other)
    assert first.serving, first.text
    assert second.serving, second.text
    ports = first.layout.web_port(), second.layout.web_port()
    assert ports[0] != ports[1]

    first.stop()
    second.stop()
    again = launch(other)

    assert again.serving, again.text
    assert again.layout.web_port() == ports[1]


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True
