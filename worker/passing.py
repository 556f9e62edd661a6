"""Passing the gate before an instance; see worker.gate, which answers.

As a program it is the ssh of a run: `python -I -S worker/passing.py <socket> <instance> <arguments of ssh>`. So it
imports next to nothing.
"""

import os
import select
import socket
import stat
import sys

SOCKET = "gate"  # in the folder of the run
VARIABLE = "PROVISIONER_GATE"  # tells the plugins where it is; without it there is none
STOPPED = 250  # exit code of what was not let through
FAILED = 255  # exit code of ssh where it is ssh that failed
PATIENCE = 5000  # milliseconds
WHY = "This job is to stop here."
ARRIVING = "-arriving"  # stands behind the name of an instance in the inventory for the server that it moves to
AT, TASK = "at {}", "task {}"  # names of the processes that see to a task of an instance, and of those that are it


def instance_of(host: str) -> str:
    """The instance that a host of the inventory stands for, if for any."""
    return host.removesuffix(ARRIVING)


def passed(path: str, name: str) -> socket.socket | None:
    """Wait until a task may act on this host, or may not. Where it may, the line to the gate: it is to stay open for as
    long as the task acts, so that the gate knows of it.
    """
    line = socket.socket(socket.AF_UNIX)
    line.connect(path)
    line.sendall(f"{name}\n".encode())
    if line.recv(16) == b"go\n":
        return line
    line.close()
    return None


def call_itself(name: str) -> None:
    """Let the gate know this process; the kernel keeps 15 bytes of a name."""
    with open("/proc/self/comm", "w") as comm:  # noqa: PTH123 - pathlib is dear
        comm.write(name)


def hear_out() -> None:
    """Take what Ansible still gives. Otherwise it would tell of a broken pipe where ssh has told why it failed."""
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        given = select.poll()
        given.register(0, select.POLLIN)
        while given.poll(PATIENCE) and os.read(0, 1 << 16):
            pass


def main() -> None:
    path, name, *arguments = sys.argv[1:]
    call_itself(AT.format(name))
    line = passed(path, name)
    if line is None:
        os.write(2, f"{WHY}\n".encode())
        os._exit(STOPPED)
    pid = os.posix_spawnp("ssh", ["ssh", *arguments], os.environ)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code == FAILED:
        hear_out()
    os._exit(code if code >= 0 else STOPPED)


if __name__ == "__main__":
    main()
