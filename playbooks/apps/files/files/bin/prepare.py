"""Writes the pages, and brings the index of uploads to this release without losing who uploaded what and when."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from copyparty.up2k import DB_VER
from jinja2 import Environment, FileSystemLoader

VOLUMES = ("deposit", "exchange")
# Each page, what it is made from and the script that serves it.
PAGES = {
    Path("site/index.html"): ("frame.html", "/assets/deposit.js"),
    Path("site/officers/index.html"): ("officers.html", "/assets/officers.js"),
}
DOOR = "state/prepare.sock"  # it has to listen somewhere, and nobody shall come in meanwhile
RECORDS = "SELECT rd, fn, at FROM up"

Records = dict[tuple[str, str, str], int]


def written(path: Path, text: str) -> bool:
    """Whether the file had to be written."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(mode=0o750, exist_ok=True)
    aside = path.with_suffix(".new")
    aside.write_text(text, encoding="utf-8")
    aside.chmod(0o640)
    aside.replace(path)
    return True


def pages() -> dict[Path, str]:
    about = json.loads(Path("landing/about.json").read_text(encoding="utf-8"))
    frames = Environment(loader=FileSystemLoader(["landing", "pages"]), autoescape=True, trim_blocks=True)
    return {
        path: frames.get_template(source).render(about, generator="copyparty", scripts=[script])
        for path, (source, script) in PAGES.items()
    }


def index(volume: str) -> Path:
    return Path("index", volume, "up2k.db")


def schema_version(volume: str) -> int | None:
    if not index(volume).exists():
        return None
    with closing(sqlite3.connect(index(volume))) as uploads:
        return int(uploads.execute("SELECT v FROM kv WHERE k = 'sver'").fetchone()[0])


def records() -> Records:
    """When each document was uploaded."""
    found: Records = {}
    for volume in filter(lambda volume: index(volume).exists(), VOLUMES):
        with closing(sqlite3.connect(index(volume))) as uploads:
            found |= {(volume, folder, name): at for folder, name, at in uploads.execute(RECORDS)}
    return found


def outdated() -> list[str]:
    """The folders whose index is of another release; one that is not there yet is made by the service."""
    return [volume for volume in VOLUMES if schema_version(volume) not in (None, DB_VER)]


def migrate() -> None:
    """Let the release do it. It would sooner begin a new index than say that it cannot, so the records are compared."""
    before = records()
    command = [sys.executable, "-m", "copyparty", "-c", "service.conf", "-i", f"unix:600:{DOOR}", "--exit", "idx"]
    environment = {**os.environ, "HOME": str(Path("state").absolute())}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    Path(DOOR).unlink(missing_ok=True)
    after = records()
    if lost := [document for document, at in before.items() if after.get(document, at) != at]:
        refuse(done, f"The index of uploads forgot {len(lost)} of {len(before)} documents.")
    if wrong := outdated():
        refuse(done, f"The index of {' and '.join(wrong)} was not brought to version {DB_VER}.")


def refuse(done: subprocess.CompletedProcess[str], why: str) -> None:
    sys.exit(f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}\n{why}")


def main() -> None:
    changed = bool([path for path, text in pages().items() if written(path, text)])
    if outdated():
        migrate()
        changed = True
    print(json.dumps({"changed": changed, "report": {"schema_version": DB_VER}}))  # noqa: T201 - the module reads the last line


main()
