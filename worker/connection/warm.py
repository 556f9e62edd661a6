"""The connection to this machine by which tasks find a Python that is running (docs/decisions/0025)."""

import os
import selectors
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import IO, Any

from ansible.errors import AnsibleError
from ansible.plugins.connection.local import Connection as Local

from worker import calling, passing

DOCUMENTATION = """
name: warm
short_description: Act on this machine without starting a Python for each task
description:
  - As C(ansible.builtin.local), but a module that the interpreter of this service would run is handed to a process
    that has Ansible's module code imported and forks itself.
  - All else goes the ordinary way, and so does everything where no such process answers.
options:
  socket:
    description: Where that process listens.
    type: path
    env:
      - name: ANSIBLE_WARM_SOCKET
  instance:
    description: Name in the inventory, for the gate that lets tasks through.
    type: str
    vars:
      - name: inventory_hostname
  become_success_timeout:
    description: Seconds that a change of user may take.
    type: int
    default: 10
  become_strip_preamble:
    description: Whether what the change of user says is kept out of the result.
    type: bool
    default: true
extends_documentation_fragment:
  - connection_pipelining
"""

Answer = tuple[int, bytes, bytes]  # exit code, output and errors


class Connection(Local):  # type: ignore[misc] # ansible ships no types
    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> Answer:  # noqa: FBT001, FBT002
        path = self.get_option("socket")
        with self._passed() as name:
            if path and in_data and self._runs_a_module(cmd):
                answer = _called(path, name, in_data)
                if answer:
                    return answer
            result: Answer = super().exec_command(cmd, in_data, sudoable)
            return result

    def put_file(self, in_path: str, out_path: str) -> None:
        with self._passed():
            super().put_file(in_path, out_path)

    @contextmanager
    def _passed(self) -> Iterator[str]:
        """Nothing acts on an instance before its turn has come, nor after its job was stopped."""
        name, path = passing.instance_of(self.get_option("instance")), os.environ.get(passing.VARIABLE)
        passing.call_itself(passing.AT.format(name))
        line = passing.passed(path, name) if path else None
        if path and not line:
            raise AnsibleError(passing.WHY)
        with line or nullcontext():
            yield name

    def _runs_a_module(self, cmd: str) -> bool:
        """Whether a shell would do nothing but give the module to our own interpreter, as this user.

        Ansible lets it wait for nothing afterwards, which is of use to ssh alone.
        """
        command = shlex.quote(f"{shlex.quote(sys.executable)} && sleep 0")
        return cmd == f"{self._shell.executable} -c {command}"


def _called(path: str, name: str, module: bytes) -> Answer | None:
    """What came of it; None where nobody has begun."""
    with os.fdopen(os.memfd_create("module"), "w+b") as given:
        given.write(module)
        given.seek(0)
        (output, out), (errors, err) = ((os.fdopen(read, "rb"), write) for read, write in (os.pipe(), os.pipe()))
        with output, errors:
            line = calling.begin(path, [sys.executable, name], [given.fileno(), out, err])
            os.close(out)
            os.close(err)
            if line is None:
                return None
            said = _read(output, errors)
            return calling.end(line), said[0], said[1]


def _read(*streams: IO[bytes]) -> list[bytes]:
    """All that comes, at the same time, so that none of them has to wait for its reader."""
    said: dict[Any, bytes] = dict.fromkeys(streams, b"")
    with selectors.DefaultSelector() as waiting:
        for stream in streams:
            waiting.register(stream, selectors.EVENT_READ)
        while waiting.get_map():
            for key, _ in waiting.select():
                chunk = os.read(key.fd, 1 << 16)
                said[key.fileobj] += chunk
                if not chunk:
                    waiting.unregister(key.fileobj)
    return list(said.values())
