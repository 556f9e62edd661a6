"""A process that has everything imported and forks itself for each call: no call starts an interpreter.

Each call gets a process of its own, with the input, output, errors, environment and folder of the caller, and a
session of its own. What it is given is read in that process alone: no call can see what another one was given.
"""

import errno
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from worker import processes

LONGEST = 1 << 18  # bytes of a call: arguments and environment

STREAMS = 3  # input, output, errors


def listen(path: Path) -> socket.socket:
    """Where calls come in. They wait there until somebody serves them. An OSError says that nobody could."""
    if not hasattr(os, "pidfd_open"):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    os.close(os.pidfd_open(os.getpid()))
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(str(path))
    listener.listen(128)
    return listener


def alone() -> bool:
    """Fork. True in the child, which keeps nothing of its parent but its code, and dies with it."""
    if os.fork():
        return False
    processes.die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    return True


def serve(listener: socket.socket) -> list[str]:
    """Answer calls for ever. Returns in the children alone, each with the arguments of its call."""
    waiting = selectors.DefaultSelector()
    waiting.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.data:
                _tell_the_end(waiting, key)
            elif argv := _begin(waiting, listener):
                return argv


def _begin(waiting: selectors.BaseSelector, listener: socket.socket) -> list[str] | None:
    line, _ = listener.accept()
    said, descriptors, *_ = socket.recv_fds(line, LONGEST, STREAMS)
    pid = _fork() if len(descriptors) == STREAMS else None
    if pid == 0:
        line.send(b"+")  # from here on nobody may begin it a second time
        line.close()
        _forget(waiting)
        return _become(said, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    if pid:
        waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, line))
    else:
        line.close()
    return None


def _fork() -> int | None:
    try:
        return os.fork()
    except OSError:  # no more processes; the caller will find that out, too
        return None


def _tell_the_end(waiting: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    pid, line = key.data
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    waiting.unregister(key.fileobj)
    os.close(key.fd)
    with suppress(OSError), line:
        line.send(str(code if code >= 0 else 128 - code).encode())


def _forget(waiting: selectors.BaseSelector) -> None:
    """What belongs to the server and to other calls."""
    for key in list(waiting.get_map().values()):
        if key.data:
            os.close(key.fd)
            key.data[1].close()
        else:
            key.fileobj.close()  # type: ignore[union-attr]
    waiting.close()


def _become(said: bytes, descriptors: list[int]) -> list[str]:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (_stream(number, mode) for number, mode in enumerate("rww"))
    folder, count, *words = map(os.fsdecode, said.split(b"\0"))
    os.environ.clear()
    os.environ.update({name: value for name, _, value in (word.partition("=") for word in words[int(count) :])})
    os.chdir(folder)
    return words[: int(count)]


def _stream(number: int, mode: str) -> IO[str]:
    errors = "backslashreplace" if number == STREAMS - 1 else "surrogateescape"
    return open(number, mode, buffering=1, encoding="utf-8", errors=errors, closefd=False)
