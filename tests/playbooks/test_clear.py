"""What nobody owns is taken away from a host with systemd."""

from importlib import import_module
from pathlib import Path

import pytest

from .conftest import Module

SYSTEMCTL = """#!/bin/sh
echo "$*" >> {said}
case "$1" in
show)
    [ -e {unit} ] && echo LoadState=loaded || echo LoadState=not-found
    echo ActiveState=active
    echo SubState=running ;;
esac
"""


def test_a_unit_of_systemd_that_nobody_owns_is_taken_away_and_its_file_kept(
    module: Module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit, said, program = (tmp_path / name for name in ("prov-stray.service", "said", "systemctl"))
    unit.write_text("[Service]\nExecStart=/bin/false\n")
    program.write_text(SYSTEMCTL.format(said=said, unit=unit))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(import_module("ansible.module_utils.systemd"), "UNITS", tmp_path)
    things = [{"finding": "1", "kind": "unknown_service", "name": "stray"}]
    given = {"root": str(tmp_path), "service_manager": "systemd", "things": things}

    seen = module("host_clear", check=True, **given)
    assert unit.exists()
    first, second = module("host_clear", **given), module("host_clear", **given)

    assert (seen["changed"], first["changed"], second["changed"]) == (True, True, False)
    copy = Path(first["prov_report"]["cleared"]["1"])
    assert (copy / unit.name).read_text() == "[Service]\nExecStart=/bin/false\n"
    assert not unit.exists()
    assert "disable --quiet --now prov-stray.service" in said.read_text().splitlines()
