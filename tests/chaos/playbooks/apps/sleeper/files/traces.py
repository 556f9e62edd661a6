"""Writes one line every tenth of a second: what it is doing, under which fence. Arguments: file, fence, seconds."""

import sys
import time
from pathlib import Path

file, fence, seconds = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
until = time.monotonic() + seconds


def trace(word: str) -> None:
    with file.open("a") as traces:
        traces.write(f"{fence} {word}\n")


trace("start")
while time.monotonic() < until:
    time.sleep(0.1)
    trace("act")
trace("end")
