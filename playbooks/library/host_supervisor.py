"""Ansible module: keep instances running on a server without systemd."""

from __future__ import annotations

import subprocess
import sys
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Error

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.services import text_of
from ansible.module_utils.unix_rpc import connect

DOCUMENTATION = r"""
module: host_supervisor
short_description: Keep instances running on a server without systemd
description:
  - Has a supervisord run for the instances alone, with the program of Debian's package C(supervisor), and an init
    script that starts it with the server. Other services of the server are left to others.
  - Where its program or its configuration have changed it starts again, and with it all instances.
options:
  folder:
    description: Where it has its files, readable by root alone.
    type: path
    required: true
  program:
    description: The text of C(provisioner/embedded/processes/supervising.py), which it is started with.
    type: str
    required: true
author: The authors of Provisioner
"""

EXAMPLES = r"""
- name: Keep instances running
  host_supervisor:
    folder: /srv/provisioner/supervisor
    program: "{{ prepare.supervising }}"
"""

RETURN = r"""
drift:
  description: What differed from the wanted state, in sentences.
  type: list
  elements: str
  returned: always
"""

NAME = "provisioner-instances"
SCRIPTS = Path("/etc/init.d")
PRIVATE, PROGRAM = 0o700, 0o755
PATIENCE, PAUSE = 20, 0.1  # seconds until it answers

CONFIGURATION = """\
[unix_http_server]
file = {folder}/supervisor.sock
chmod = 0700

[supervisord]
logfile = {folder}/supervisord.log
pidfile = /run/{name}.pid
childlogdir = {folder}/conf.d
directory = /
umask = 027
user = root

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervising:Interface
folder = {folder}/conf.d

[supervisorctl]
serverurl = unix://{folder}/supervisor.sock
"""

# Instances inherit its environment, so it gets a plain one; and for each of them it has some files open.
SCRIPT = """\
#!/bin/sh
# Written by Provisioner, which overwrites what is changed here.
### BEGIN INIT INFO
# Provides:          {name}
# Required-Start:    $remote_fs $network
# Required-Stop:     $remote_fs $network
# Should-Start:      postgresql
# Should-Stop:       postgresql
# Default-Start:     2 3 4 5
# Default-Stop:      0 1 6
# Short-Description: Instances of applications
### END INIT INFO

PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
itself="--quiet --pidfile /run/{name}.pid --name {python_name}"

start() {{
    ulimit -n "$(ulimit -H -n)"
    start-stop-daemon --start --oknodo $itself --startas /usr/bin/env -- -i PATH="$PATH" LC_ALL=C.UTF-8 \\
        {python} -B {folder}/supervising.py -c {folder}/supervisord.conf
}}

stop() {{
    start-stop-daemon --stop --oknodo $itself --retry TERM/30/KILL/5
}}

case "$1" in
    start) start ;;
    stop) stop ;;
    restart|force-reload) stop && start ;;
    status) start-stop-daemon --status $itself ;;
    *) echo "Usage: $0 start|stop|restart|force-reload|status" >&2; exit 2 ;;
esac
"""


def wanted(folder: Path, program: str) -> dict[Path, str]:
    """Its files."""
    given = {"folder": folder, "name": NAME, "python": sys.executable, "python_name": Path(sys.executable).name}
    return {
        folder / "supervising.py": program,
        folder / "supervisord.conf": CONFIGURATION.format(**given),
        SCRIPTS / NAME: SCRIPT.format(**given),
    }


def answers(folder: Path) -> bool:
    try:
        with connect(str(folder / "supervisor.sock")) as server:
            server.supervisor.getState()
    except (OSError, Error, HTTPException):
        return False
    return True


def write(files: dict[Path, str]) -> None:
    for path, text in files.items():
        is_script = path.parent == SCRIPTS
        path.parent.mkdir(mode=PROGRAM if is_script else PRIVATE, parents=True, exist_ok=True)
        aside = path.with_name(f"{path.name}.dpkg-new")  # which whoever starts such scripts passes over
        aside.write_text(text, encoding="utf-8")
        aside.chmod(PROGRAM if is_script else PRIVATE)
        aside.replace(path)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{command[0]}: {done.stderr.strip() or done.stdout.strip() or done.returncode}")


def start(folder: Path, verb: str) -> None:
    run(str(SCRIPTS / NAME), verb)
    give_up = time.monotonic() + PATIENCE
    while not answers(folder):
        if time.monotonic() > give_up:
            raise OSError(f"it does not answer; see {folder}/supervisord.log")
        time.sleep(PAUSE)


def converge(folder: Path, files: dict[Path, str], changed: list[Path]) -> None:
    (folder / "conf.d").mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    folder.chmod(PRIVATE)
    if changed:
        write({path: files[path] for path in changed})
        run("update-rc.d", NAME, "defaults")
    start(folder, "restart" if changed else "start")


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "required": True},
            "program": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    folder = Path(module.params["folder"])
    files = wanted(folder, module.params["program"])
    changed = [path for path, text in files.items() if text_of(path) != text]
    drift = [f"supervisor: {path.name} differs" for path in changed]
    drift += [] if answers(folder) else ["supervisor: it does not run"]
    result: dict[str, Any] = {"changed": bool(drift), "drift": drift}
    if drift and not module.check_mode:
        try:
            converge(folder, files, changed)
        except OSError as problem:
            module.fail_json(msg=f"Nobody keeps instances running on this server: {problem}", drift=drift)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
