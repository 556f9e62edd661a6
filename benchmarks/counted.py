"""A supervisor that notes what it and the `ansible-playbook` of its run compute, without all that these start, and that
can have a run tell nothing but its end.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker import supervisor, warm

NOTES, SILENT = "CAPTURE_NOTES", "CAPTURE_SILENT"  # variables: the file of the notes; whether the run is silent
SILENCE = {"ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default", "ANSIBLE_DISPLAY_OK_HOSTS": "no"}


def note(file: str) -> None:
    with open(file, "a") as notes:  # noqa: PTH123
        notes.write(f"{time.process_time()}\n")


def main() -> None:
    notes, silent = os.environ.pop(NOTES), os.environ.pop(SILENT)
    runner, become, die = supervisor._runner, warm._become_controller, supervisor.die  # noqa: SLF001 - as they are

    def made(*given: Any, **named: Any) -> Any:
        run = runner(*given, **named)
        run.config.env |= SILENCE if silent else {}
        return run

    def controller(environment: dict[str, str]) -> Callable[[list[str]], None]:
        play = become(environment)

        def noted(argv: list[str]) -> None:
            try:
                play(argv)
            finally:
                note(notes)

        return noted

    def dead(code: int = 137) -> None:
        note(notes)
        die(code)

    supervisor._runner, warm._become_controller, supervisor.die = made, controller, dead  # noqa: SLF001
    supervisor.main(Path(sys.argv[1]), sys.argv[2])


if __name__ == "__main__":
    main()
