"""The table of settings says what the code reads: every name, every default."""

import re
from dataclasses import fields
from pathlib import Path

from provisioner.config import PREFIX, Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
ROW = re.compile(r"^\| `(\w+)` \| (?:`([^`]*)`|(empty)) \| \S.* \|$", re.MULTILINE)


def _as_written(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def test_the_page_lists_every_setting_with_its_default_in_the_order_of_the_code():
    documented = [(name, default) for name, default, _ in ROW.findall(PAGE.read_text(encoding="utf-8"))]

    assert documented == [(PREFIX + field.name.upper(), _as_written(field.default)) for field in fields(Settings)]
