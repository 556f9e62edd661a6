"""Asking a process that has everything imported to act for us; see worker.forking, which answers.

As a program it stands in for the one that is called, until that has ended:
`python -I -S worker/calling.py <socket> ansible-playbook ...`. So it imports next to nothing.
"""

import os
import socket
import sys

LOST = 250  # exit code of a call of which nobody can say any more how it ended


def begin(path: str, argv: list[str], descriptors: list[int]) -> socket.socket | None:
    """Hand a call over, with what shall be its input, output and errors; None where nobody has begun it."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        line.connect(path)
        socket.send_fds(line, [b"\0".join(_words(argv))], descriptors)
        if line.recv(1):
            return line
    except OSError:  # nobody is there, or it is too much for one message
        pass
    line.close()
    return None


def _words(argv: list[str]) -> list[bytes]:
    environment = [f"{name}={value}" for name, value in os.environ.items()]
    return [os.fsencode(word) for word in (os.getcwd(), str(len(argv)), *argv, *environment)]  # noqa: PTH109 - pathlib is dear


def end(line: socket.socket) -> int:
    """Wait for the exit code of what was begun."""
    with line:
        return int(line.recv(16) or LOST)


def main() -> None:
    path, *argv = sys.argv[1:]
    line = begin(path, argv, [0, 1, 2])
    if line is None:
        os.write(2, b"No interpreter stands ready; starting one.\n")
        os.execvp(argv[0], argv)  # noqa: S606 - it is what the caller would have started
    os._exit(end(line))


if __name__ == "__main__":
    main()
