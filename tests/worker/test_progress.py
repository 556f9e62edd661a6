"""How far a run has come, from what Ansible and ssh really say."""

import pytest

from provisioner.jobs.events import Event
from worker.progress import Door, Progress, door

INSTANCE, SERVER = "abc", "server"
SENT = 'Task failed: Data could not be sent to remote host "127.0.0.1". Make sure this host can be reached over ssh: '
CONNECT = "Task failed: Failed to connect to the host via ssh: "


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        (SENT + "ssh: connect to host 127.0.0.1 port 31600: Connection refused", Door.NO_ANSWER),
        (CONNECT + "ssh: connect to host 192.0.2.1 port 22: Connection timed out", Door.NO_ANSWER),
        (CONNECT + "ssh: connect to host 192.0.2.1 port 22: No route to host", Door.NO_ANSWER),
        (
            SENT + "Connection timed out during banner exchange\r\nConnection to 127.0.0.1 port 29554 timed out",
            Door.NO_ANSWER,
        ),
        (CONNECT + "ssh: Could not resolve hostname nowhere.example: Name or service not known", Door.NO_ANSWER),
        (CONNECT + "kex_exchange_identification: Connection closed by remote host", Door.NO_ANSWER),
        (
            SENT + "No ED25519 host key is known for [127.0.0.1]:28069 and you have requested strict checking.\r\n"
            "Host key verification failed.",
            Door.NOT_ADMITTED,
        ),
        (SENT + "root@127.0.0.1: Permission denied (publickey).", Door.NOT_ADMITTED),
        (SENT, Door.BEYOND),
        (CONNECT + "Timeout, server 127.0.0.1 not responding.", Door.BEYOND),
        (CONNECT + "Shared connection to 127.0.0.1 closed.", Door.BEYOND),
        (CONNECT + "client_loop: send disconnect: Broken pipe", Door.BEYOND),
        ("Failed to create temporary directory. mkdir: cannot create '/x': Permission denied", Door.BEYOND),
        ("", Door.BEYOND),
    ],
)
def test_the_words_of_ssh_tell_whether_we_may_have_been_inside(said: str, meaning: Door) -> None:
    assert door(said) is meaning


REFUSED = "ssh: connect to host 127.0.0.1 port 1: Connection refused"
LOST = "Timeout, server 127.0.0.1 not responding."


def heard(*steps: tuple[str, str, str, str]) -> Progress:
    """Kind without `runner_on_`, host, module, message of each event."""
    progress = Progress([INSTANCE])
    for counter, (kind, host, module, said) in enumerate(steps, start=1):
        about = {"host": host, "module": module, "task": f"Do {counter}", "result": {"msg": said}}
        progress.hear(Event(counter, f"runner_on_{kind}", **about))
    return progress


START = ("start", INSTANCE, "ansible.builtin.command", "")


@pytest.mark.parametrize(
    ("steps", "touched"),
    [
        ([START], True),  # killed while it acted
        ([START, ("ok", INSTANCE, "command", "")], True),
        ([START, ("failed", INSTANCE, "command", "")], True),
        ([START, ("unreachable", INSTANCE, "command", LOST)], True),
        ([START, ("unreachable", INSTANCE, "command", REFUSED)], False),
        ([START, ("ok", INSTANCE, "command", ""), START, ("unreachable", INSTANCE, "command", REFUSED)], True),
        ([("start", INSTANCE, "instance_guard", ""), ("ok", INSTANCE, "instance_guard", "")], False),
        ([("start", INSTANCE, "backup_fetch", ""), ("failed", INSTANCE, "backup_fetch", "")], False),
        ([("start", INSTANCE, "instance_backup", "")], False),
        ([("start", INSTANCE, "instance_backup", ""), ("unreachable", INSTANCE, "instance_backup", LOST)], False),
        ([("ok", INSTANCE, "ansible.builtin.validate_argument_spec", "")], False),
        ([("start", INSTANCE, "set_fact", ""), ("ok", INSTANCE, "set_fact", "")], False),
        ([("start", SERVER, "command", ""), ("failed", SERVER, "command", "")], False),
        ([], False),
    ],
)
def test_an_instance_counts_as_touched_unless_that_is_impossible(
    steps: list[tuple[str, str, str, str]], touched: bool
) -> None:
    assert heard(*steps).touched(INSTANCE) is touched


def test_a_task_that_had_begun_and_not_ended_is_under_way() -> None:
    progress = heard(START, ("ok", INSTANCE, "command", ""), START, ("start", SERVER, "copy", ""))

    assert progress.underway == {INSTANCE: "Do 3", SERVER: "Do 4"}


def test_a_run_reaches_its_instance_also_where_only_the_controller_acts() -> None:
    assert heard(("ok", INSTANCE, "debug", "")).reached == {INSTANCE}
    assert heard(("ok", SERVER, "debug", "")).reached == set()
