"""An `ansible-playbook` with interpreters that stand ready as in the sandbox of a job, without the service."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from worker import connection, warm


def main() -> None:
    """Arguments: a folder of its own, the folder of the playbooks, and those of ansible-playbook."""
    folder, project, *arguments = sys.argv[1:]
    environment = os.environ | {
        "ANSIBLE_CONNECTION_PLUGINS": str(Path(connection.__file__).parent),
        "ANSIBLE_WARM_SOCKET": str(Path(folder) / warm.TARGET),
    }
    warm.start_target(Path(folder))
    controller = warm.Controller(Path(folder), environment)
    command = controller.instead_of([warm.PROGRAM, *arguments], environment)
    code = subprocess.run(command, cwd=project, env=environment, check=False).returncode
    for pid in map(int, Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()):
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    sys.exit(code)
