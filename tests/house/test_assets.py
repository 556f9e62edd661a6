"""What browsers load is pinned, complete, and never comes from elsewhere."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "provisioner" / "static"
LOCK = json.loads((ROOT / "package-lock.json").read_text())
PACKAGES = {name: package for name, package in LOCK["packages"].items() if name}


def test_every_package_is_pinned_by_its_content_and_by_no_address():
    assert PACKAGES
    assert [name for name, package in PACKAGES.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in PACKAGES.items() if "resolved" in package] == []


def test_the_lock_holds_what_package_json_asks_for():
    asked = json.loads((ROOT / "package.json").read_text())["dependencies"]

    assert LOCK["packages"][""]["dependencies"] == asked
    assert set(PACKAGES) == {f"node_modules/{name}" for name in asked}


def test_the_stylesheet_finds_every_file_it_names():
    sheet = (STATIC / "app.css").read_text()
    named = re.findall(r'url\("([^"]+)"\)', sheet)

    assert named
    assert [file for file in named if not (STATIC / file).is_file()] == []


def test_the_stylesheet_is_the_same_for_both_directions():
    sheet = (STATIC / "app.css").read_text()
    physical = r"(?:margin|padding|border|inset)-(?:left|right)\b|[{;]\s*(?:left|right)\s*:|float\s*:"

    assert re.findall(physical, sheet) == []


def test_pages_use_only_icons_of_the_sprite():
    sprite = (STATIC / "vendor" / "icons.svg").read_text()
    pages = "".join(page.read_text() for page in (ROOT / "templates").rglob("*.html"))
    used = set(re.findall(r"icon\(\"([\w-]+)\"", pages))

    assert used
    assert sorted(icon for icon in used if f'<symbol id="{icon}"' not in sprite) == []
