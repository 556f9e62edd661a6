"""What the figures of the other scripts were taken on, and what else kept it busy."""

import os
import platform
from pathlib import Path


def cores() -> int:
    return len(os.sched_getaffinity(0))


def memory() -> int:
    """In GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def load() -> str:
    """What was running before the script began."""
    return f"load {os.getloadavg()[0]:.1f} on {cores()} cores at the start"


if __name__ == "__main__":
    print(f"{cores()} cores ({processor()}), {memory()} GiB, Linux, Python {platform.python_version()}; {load()}")
