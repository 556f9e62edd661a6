"""What is installed is what is there: the list in setup.cfg forgets no folder."""

from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
OPTIONS = ConfigParser()
OPTIONS.read(ROOT / "setup.cfg", encoding="utf-8")
PACKAGES = set(OPTIONS["options"]["packages"].split())
ELSEWHERE = dict(line.split(" = ") for line in OPTIONS["options"]["package_dir"].strip().splitlines())


def folder(package: str) -> Path:
    return ROOT / ELSEWHERE.get(package, package.replace(".", "/"))


def test_every_folder_with_python_modules_is_a_listed_package():
    tops = (ROOT / "provisioner", ROOT / "worker")
    found = {module.parent for top in tops for module in top.rglob("*.py")}

    assert found == {folder(package) for package in PACKAGES - ELSEWHERE.keys()}


def test_the_playbooks_and_pages_are_packages_too():
    assert set(ELSEWHERE) <= PACKAGES
    assert all((folder(package) / "__init__.py").is_file() for package in PACKAGES)
