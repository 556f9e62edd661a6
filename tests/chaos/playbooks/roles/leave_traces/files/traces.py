"""Writes a line every tenth of a second: who is doing what. Arguments: file, fence, job, action, attempt, seconds."""

import fcntl
import os
import sys
import time

file, *who, seconds = sys.argv[1:]
until = time.monotonic() + float(seconds)
traces = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def trace(word: str) -> None:
    """One write for the whole line, so that lines of two writers never mix."""
    os.write(traces, f"{' '.join(who)} {word} {time.monotonic():.3f}\n".encode())


try:
    fcntl.flock(traces, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    trace("overlap")
trace("start")
while time.monotonic() < until:
    time.sleep(0.1)
    trace("act")
trace("end")
