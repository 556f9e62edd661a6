"""Fetch the front-end packages that package-lock.json pins, and keep the few files that pages use.

The build backend calls `refresh`; `python build_backend/assets.py` does it by hand. npm is needed only when something
has changed.
"""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "provisioner" / "static" / "vendor"
STAMP = VENDOR / "stamp"
PACKAGE_FILES = (".npmrc", "package.json", "package-lock.json")

ARABIC = "@fontsource/ibm-plex-sans-arabic/files/ibm-plex-sans-arabic-arabic"
LATIN = "@fontsource/ibm-plex-sans/files/ibm-plex-sans-latin"
MONO = "@fontsource/ibm-plex-mono/files/ibm-plex-mono-latin"

FILES = {
    "bootstrap/dist/css/bootstrap.min.css": "bootstrap.min.css",
    "bootstrap/dist/css/bootstrap.rtl.min.css": "bootstrap.rtl.min.css",
    "bootstrap/LICENSE": "bootstrap.LICENSE",
    "bootstrap-icons/LICENSE": "icons.LICENSE",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    f"{LATIN}-400-normal.woff2": "fonts/plex-sans-400.woff2",
    f"{LATIN}-600-normal.woff2": "fonts/plex-sans-600.woff2",
    f"{ARABIC}-400-normal.woff2": "fonts/plex-arabic-400.woff2",
    f"{ARABIC}-600-normal.woff2": "fonts/plex-arabic-600.woff2",
    f"{MONO}-400-normal.woff2": "fonts/plex-mono-400.woff2",
    "@fontsource/ibm-plex-sans/LICENSE": "fonts/LICENSE",
}

ICONS = (
    "alarm",
    "arrow-clockwise",
    "arrow-repeat",
    "bank",
    "box-arrow-right",
    "box-arrow-up-right",
    "calendar-event",
    "check-circle-fill",
    "check-lg",
    "chevron-right",
    "clock-history",
    "cpu",
    "download",
    "exclamation-triangle-fill",
    "funnel",
    "grid",
    "hdd-network",
    "hdd-stack",
    "hourglass-split",
    "house",
    "inbox",
    "info-circle",
    "journal-text",
    "key",
    "list",
    "list-task",
    "pause-circle-fill",
    "pencil",
    "person-circle",
    "play-circle-fill",
    "plus-lg",
    "question-circle",
    "search",
    "shield-check",
    "slash-circle",
    "stop-circle",
    "table",
    "trash",
    "x-octagon-fill",
)


def fingerprint() -> str:
    """Changes whenever the pinned packages, or what we take from them, change."""
    return hashlib.sha256((ROOT / "package-lock.json").read_bytes() + Path(__file__).read_bytes()).hexdigest()


def is_current() -> bool:
    return STAMP.is_file() and STAMP.read_text() == fingerprint()


def refresh() -> None:
    if is_current():
        return
    with TemporaryDirectory() as folder:
        packages = _install(Path(folder))
        shutil.rmtree(VENDOR, ignore_errors=True)
        _keep(packages)
    STAMP.write_text(fingerprint())


def _install(folder: Path) -> Path:
    """Install the pinned packages away from the source tree, which thus never holds a node_modules."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit(
            "npm is needed to fetch the front-end packages: install Node.js, or build with pip, which brings it."
        )
    for name in PACKAGE_FILES:
        shutil.copy(ROOT / name, folder)
    if subprocess.run([npm, "ci", "--loglevel=error"], cwd=folder, check=False).returncode:
        raise SystemExit("npm could not fetch the front-end packages; its message is above.")
    return folder / "node_modules"


def _keep(packages: Path) -> None:
    for source, name in FILES.items():
        target = VENDOR / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(packages / source, target)
    symbols = "\n".join(_symbol(packages / "bootstrap-icons" / "icons" / f"{name}.svg") for name in ICONS)
    (VENDOR / "icons.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n')


def _symbol(icon: Path) -> str:
    """One icon of the sprite, addressed as icons.svg#<name>."""
    drawing = re.sub(r"</?svg[^>]*>", "", icon.read_text()).strip()
    return f'<symbol id="{icon.stem}" viewBox="0 0 16 16" fill="currentColor">{drawing}</symbol>'


if __name__ == "__main__":
    refresh()
