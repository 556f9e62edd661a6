"""Stopping: who has something to bring to an end does so while all it needs is still there."""

import sys
from pathlib import Path

from provisioner.embedded.layout import Layout
from provisioner.embedded.processes.keeper import Keeper
from provisioner.embedded.processes.service import Service

NEEDED = "import pathlib, time; pathlib.Path('here').touch(); time.sleep(1000)"
FINISHES = """
import os, pathlib, signal, time
def finish(*_):
    time.sleep(0.5)
    pathlib.Path('told').write_text('there' if pathlib.Path(f'/proc/{needed}/cmdline').read_bytes() else 'gone')
    os._exit(0)
needed = pathlib.Path('needed').read_text()
signal.signal(signal.SIGTERM, finish)
pathlib.Path('ready').touch()
time.sleep(1000)
"""


def _in(folder: Path, code: str) -> list[str]:
    return [sys.executable, "-c", f"import os; os.chdir({str(folder)!r}); open('needed', 'a')\n{code}"]


def test_what_a_finishing_program_needs_is_stopped_after_it(tmp_path: Path) -> None:
    announcing = "import os, pathlib; pathlib.Path('needed').write_text(str(os.getpid()))\n"
    needed = Service("needed", _in(tmp_path, announcing + NEEDED), ready=(tmp_path / "here").exists)
    worker = Service("worker", _in(tmp_path, FINISHES), ready=(tmp_path / "ready").exists, finishes=True)

    with Keeper(Layout(tmp_path), show=lambda *_: None, say=lambda _: None) as keeper:
        keeper.start(needed)
        keeper.start(worker)

    assert (tmp_path / "told").read_text() == "there"
