"""The names that a host's proxy serves, a line for each, and reloads that many changes share."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import time
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from ansible.module_utils.durable import put as put_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SITES, CERTIFICATES, KEYS = "sites.map", "certificates.map", "keys.map"
HASH = "sites.hash"  # how large nginx makes the table of names
PORT = "port"  # where nginx answers, so that it can be asked what it has read
USED = "used"  # the folder of files whose last change is the last use of the name that they have
LOADED = "loaded"  # the generation of the names with which nginx was last reloaded
WRITING, RELOADING = "writing.lock", "reloading.lock"

# The first line of the names is no site: nginx answers to this name with the generation that it has read.
TOLD = "proxy.invalid"
GENERATION = re.compile(rf"{re.escape(TOLD)} (\d+);\n")

FEWEST = 16_384  # above 10,000 nginx looks for a size of its table at the upper end, and finds it at once
STEADY, PAUSE = 10, 0.02  # answers in a row from new workers only: for a tenth of a second the old ones accept, too
PATIENCE = 60


class ProxyError(Exception):
    """The proxy did not take up its files; in its own words."""


def put(file: Path, text: str, mode: int = 0o640) -> None:
    """As `durable.put`; the workers of nginx can read it."""
    put_whole(file, text, mode)


def text_of(file: Path) -> str:
    """Its lines, the last one ended as well."""
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    return text if not text or text.endswith("\n") else f"{text}\n"


def number_in(file: Path) -> int:
    found = re.search(r"\d+", text_of(file))
    return int(found.group()) if found else 0


def entry(text: str, name: str) -> str:
    """What stands in the line of a name, empty if it has none. Every file begins with a line that is of no name."""
    begin = text.find(f"\n{name} ")
    return "" if begin < 0 else text[begin + len(name) + 2 : text.index("\n", begin + 1)]


def with_entry(text: str, name: str, value: str) -> str:
    begin = text.find(f"\n{name} ")
    line = f"{name} {value}\n" if value else ""
    if begin < 0:
        return text + line
    return text[: begin + 1] + line + text[text.index("\n", begin + 1) + 1 :]


def generation_in(text: str) -> int:
    told = GENERATION.match(text)
    return int(told.group(1)) if told else 0


def of_generation(text: str, generation: int) -> str:
    return f"{TOLD} {generation};\n{GENERATION.sub('', text, count=1)}"


def _since(site: str, generation: int) -> str:
    """The entry with the generation that it came with; one that is put back has it, and nginx still serves it."""
    return site if not site or " # " in site else f"{site} # {generation}"


def run(command: list[str]) -> None:
    """Run it; what it says is the reason if it fails."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False, cwd="/"
        )
    except subprocess.TimeoutExpired as problem:
        raise ProxyError(f"{command[0]} has not come to an end in {PATIENCE} seconds") from problem
    if done.returncode:
        raise ProxyError(done.stderr.strip() or done.stdout.strip() or f"{command[0]}: {done.returncode}")


class Proxy:
    """The folder of a host's proxy. Its files are changed under one lock, nginx reads them again under another."""

    def __init__(self, folder: str, reload: list[str]) -> None:
        self.folder = Path(folder)
        self.reload = reload

    def text(self, file: str) -> str:
        return text_of(self.folder / file) or ("# name file;\n" if file != SITES else of_generation("", 0))

    def loaded(self) -> int:
        return number_in(self.folder / LOADED)

    @contextmanager
    def locked(self, lock: str) -> Iterator[None]:
        """Tenants of the host cannot open the file: whoever can read it could hold the lock for ever."""
        with os.fdopen(os.open(self.folder / lock, os.O_RDWR | os.O_CREAT, 0o600), "w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def change(self, name: str, entries: dict[str, str]) -> tuple[dict[str, str], int]:
        """Give a name these entries, by file; those it had, and the generation that has the new ones.

        The names come first: if this breaks off, what is left to do is seen in the other files.
        """
        with self.locked(WRITING):
            texts = {file: self.text(file) for file in entries}
            before = {file: entry(texts[file], name) for file in entries}
            generation = self._next(texts[SITES])
            sites = with_entry(texts[SITES], name, _since(entries[SITES], generation))
            self._make_room(sites)
            put(self.folder / SITES, of_generation(sites, generation))
            for file in (CERTIFICATES, KEYS):
                if before[file] != entries[file]:
                    put(self.folder / file, with_entry(texts[file], name, entries[file]))
        return before, generation

    def renew(self) -> int:
        """A new generation of the same names, so that nginx can tell that it has read its other files."""
        with self.locked(WRITING):
            text = self.text(SITES)
            generation = self._next(text)
            self._make_room(text)
            put(self.folder / SITES, of_generation(text, generation))
        return generation

    def _next(self, sites: str) -> int:
        """Also where the names were lost, no generation comes twice."""
        return max(generation_in(sites), self.loaded()) + 1

    def _make_room(self, sites: str) -> None:
        """The table of names is at least twice as large as their number, and is read anew with them."""
        size, needed = number_in(self.folder / HASH), 2 * sites.count("\n")
        if size < max(FEWEST, needed):
            put(self.folder / HASH, f"map_hash_max_size {max(FEWEST, 1 << needed.bit_length())};\n")

    def load(self, generation: int, put_back: Callable[[], object]) -> bool:
        """Have nginx read this generation, unless a reload of somebody else has brought it; whether it was ours."""
        with self.locked(RELOADING):
            if self.loaded() >= generation:
                return False
            try:
                self.load_all()
            except (ProxyError, OSError):
                put_back()
                raise
        return True

    def load_all(self) -> None:
        """Have nginx read whatever has been written by now. For who holds the lock of reloads."""
        with self.locked(WRITING):
            written = generation_in(self.text(SITES))
        run(self.reload)
        self._wait_for(written)
        put(self.folder / LOADED, f"{written}\n")

    def _wait_for(self, written: int) -> None:
        """A reload only begins one: its end is that no worker answers any more who has not read this generation."""
        give_up, in_a_row = time.monotonic() + PATIENCE, 0
        port = number_in(self.folder / PORT)
        while port and in_a_row < STEADY:
            in_a_row = in_a_row + 1 if told(port) >= written else 0
            if time.monotonic() > give_up:
                raise ProxyError(f"nginx was told to reload, but has not done so in {PATIENCE} seconds: see its log")
            time.sleep(PAUSE)


def told(port: int) -> int:
    """The generation that nginx has read; -1 if it does not say."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": TOLD, "Connection": "close"})
        return int(connection.getresponse().read(32))
    except (OSError, ValueError, HTTPException):
        return -1
    finally:
        connection.close()
