"""Interpreters that stand ready before a run has its order: that they are used, and what must not come of it."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.text import formatters

from provisioner.instances.variables import RunOrder
from tests.running import open_files, processes, wait_for
from tests.worker.playing import INSTANCE, heard, order
from worker.run import Run, Sandbox, ready

MODULE = """
import os
from ansible.module_utils.basic import AnsibleModule
{imports}
module = AnsibleModule({{"secret": {{"type": "str", "no_log": True}}}})
parent = open(f"/proc/{{os.getppid()}}/cmdline").read()
module.exit_json(msg={{"parent": parent, "pid": os.getpid(), {told}}})
"""
WARM, COLD = "worker.supervisor (target)", "AnsiballZ"


@pytest.fixture(autouse=True)
def _none_stays() -> Iterator[None]:
    yield
    ready.discard()


def write(project: Path, *, imports: str = "", told: str = "") -> None:
    for folder in ("library", "module_utils"):
        (project / folder).mkdir(parents=True, exist_ok=True)
    (project / "library" / "tell.py").write_text(MODULE.format(imports=imports, told=told))


def asked(project: Path, **task: Any) -> RunOrder:
    return order(project, {"name": "Tell", "tell": {}, **task})


def played(given: RunOrder) -> list[dict[str, Any]]:
    with Run(given, "warm", 60, 1e9) as run:
        return heard(run)


def told(messages: list[dict[str, Any]]) -> Any:
    """What the last module of a run said, which ended well."""
    assert messages[-1]["end"] == "successful", messages
    return [each["result"]["msg"] for each in messages if each.get("host") == INSTANCE and each.get("result")][-1]


def waiting(sandbox: Sandbox, kind: str) -> int:
    """The interpreter that has made itself ready there, by its process."""
    listens = str(sandbox.folder / kind)

    def found() -> list[int]:
        return [pid for pid in processes(f"worker.supervisor ({kind})") if listens in sockets(pid)]

    return int(wait_for("the interpreter", found)[0])


def sockets(pid: int) -> str:
    """The lines of the kernel's table for those that the process holds."""
    held = open_files(pid)
    lines = Path("/proc/net/unix").read_text().splitlines()
    return "\n".join(line for line in lines if f"socket:[{line.split()[6]}]" in held)


def test_a_module_runs_in_a_fork_of_a_python_that_is_there(tmp_path: Path) -> None:
    write(tmp_path)

    assert WARM in told(played(asked(tmp_path)))["parent"]


def test_a_module_holds_nothing_but_its_own(tmp_path: Path) -> None:
    write(tmp_path, told="'held': sorted(map(int, os.listdir('/proc/self/fd'))), 'session': os.getsid(0)")

    said = told(played(asked(tmp_path)))

    assert said["held"][:3] == [0, 1, 2]
    assert len(said["held"]) <= 5, said  # the archive of the module and the look itself
    assert said["session"] == said["pid"]


def test_what_is_more_than_a_module_for_our_python_goes_the_ordinary_way(tmp_path: Path) -> None:
    write(tmp_path, told="'given': os.environ.get('GIVEN')")

    said = told(played(asked(tmp_path, environment={"GIVEN": "yes"})))

    assert said["given"] == "yes"
    assert WARM not in said["parent"]


def test_a_module_that_is_killed_has_failed(tmp_path: Path) -> None:
    write(tmp_path, told="'never': os.kill(os.getpid(), 9)")

    assert played(asked(tmp_path))[-1]["end"] == "failed"


def test_what_changed_in_the_playbooks_since_a_sandbox_stands_ready_is_what_runs(tmp_path: Path) -> None:
    write(tmp_path, imports="from ansible.module_utils import ours", told="'word': ours.WORD")
    (tmp_path / "module_utils" / "ours.py").write_text("WORD = 'old'\n")
    given = asked(tmp_path)
    assert told(played(given))["word"] == "old"
    ready.prepare(str(tmp_path))
    assert ready._sandbox
    waiting(ready._sandbox, "target")

    (tmp_path / "module_utils" / "ours.py").write_text("WORD = 'new'\n")

    said = told(played(given))
    assert said["word"] == "new"
    assert WARM in said["parent"]


def test_code_of_the_playbooks_that_replaces_ansibles_own_is_what_runs(tmp_path: Path) -> None:
    own = tmp_path / "module_utils" / "common" / "text"
    write(tmp_path, imports="from ansible.module_utils.common.text import formatters", told="'word': formatters.WORD")
    own.mkdir(parents=True)
    (own / "formatters.py").write_text(Path(str(formatters.__file__)).read_text() + "\nWORD = 'ours'\n")

    assert told(played(asked(tmp_path)))["word"] == "ours"


def test_settings_that_changed_since_a_sandbox_stands_ready_are_those_of_the_run(tmp_path: Path) -> None:
    for word in ("old", "new"):
        write(tmp_path / word, told=f"'word': {word!r}")
    given = asked(tmp_path)
    settings = tmp_path / "ansible.cfg"
    settings.write_text(settings.read_text().replace("library = library", "library = old/library"))
    ready.prepare(str(tmp_path))
    assert ready._sandbox
    waiting(ready._sandbox, "controller")

    settings.write_text(settings.read_text().replace("library = old/library", "library = new/library"))

    assert told(played(given))["word"] == "new"


@pytest.mark.parametrize("kind", ["controller", "target"])
def test_a_run_whose_interpreter_has_died_starts_another(tmp_path: Path, kind: str) -> None:
    write(tmp_path)
    given = asked(tmp_path)
    ready.prepare(str(tmp_path))
    assert ready._sandbox
    os.kill(waiting(ready._sandbox, kind), signal.SIGKILL)

    assert (WARM in told(played(given))["parent"]) == (kind == "controller")


def test_a_sandbox_serves_one_run(tmp_path: Path) -> None:
    write(tmp_path)
    given = asked(tmp_path)
    ready.prepare(str(tmp_path))
    assert ready._sandbox
    folder = ready._sandbox.folder

    with Run(given, "first", 60, 1e9) as first, Run(given, "second", 60, 1e9) as second:
        assert first._folder == folder
        assert second._folder != folder
        assert told(heard(first))
        assert told(heard(second))
    assert not folder.exists()


def test_a_sandbox_that_died_serves_none(tmp_path: Path) -> None:
    write(tmp_path)
    given = asked(tmp_path)
    ready.prepare(str(tmp_path))
    assert ready._sandbox
    folder = ready._sandbox.folder
    ready._sandbox.kill()

    assert told(played(given))
    assert not folder.exists()


def test_a_sandbox_of_other_playbooks_serves_none(tmp_path: Path) -> None:
    write(tmp_path / "project")
    ready.prepare(str(tmp_path / "other"))
    assert ready._sandbox
    folder = ready._sandbox.folder

    assert told(played(asked(tmp_path / "project")))
    assert not folder.exists()


def test_a_sandbox_ends_with_its_worker(tmp_path: Path) -> None:
    with closing(Sandbox(str(tmp_path))) as sandbox:
        waiting(sandbox, "controller")
        assert sandbox.process.stdin

        sandbox.process.stdin.close()  # as the kernel does

        wait_for("it to end", lambda: sandbox.process.poll() is not None, 10)
        wait_for("all of it to be gone", lambda: not processes(sandbox.folder.name), 10)
