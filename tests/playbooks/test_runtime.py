import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

WHEEL = "greeter-1.0-py3-none-any.whl"


def make_wheel(folder: Path, greeting: str) -> Path:
    """A package whose command says the greeting."""
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("greeter.py", f"def main():\n    print({greeting!r})\n")
        wheel.writestr("greeter-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: greeter\nVersion: 1.0\n")
        wheel.writestr("greeter-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("greeter-1.0.dist-info/entry_points.txt", "[console_scripts]\ngreet = greeter:main\n")
        wheel.writestr("greeter-1.0.dist-info/RECORD", "")
    return folder


def greeting(root: Path) -> str:
    return subprocess.run([root / "greeter-1.0/bin/greet"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def runtime(module, tmp_path: Path):
    def build(digest: str, *, check: bool = False) -> dict[str, object]:
        places = {"root": str(tmp_path / "runtimes"), "wheels": str(tmp_path / "wheels")}
        return module("runtime_venv", check=check, **places, name="greeter-1.0", digest=digest, python=sys.executable)

    return build


def test_a_runtime_is_built_once_and_replaced_when_its_content_changes(runtime, tmp_path: Path):
    make_wheel(tmp_path / "wheels", "salam")
    first, second = runtime("one"), runtime("one")
    assert greeting(tmp_path / "runtimes") == "salam"
    make_wheel(tmp_path / "wheels", "azul")

    third = runtime("two")

    assert [result["changed"] for result in (first, second, third)] == [True, False, True]
    assert greeting(tmp_path / "runtimes") == "azul"


def test_a_runtime_that_cannot_be_built_leaves_the_old_one_serving(runtime, tmp_path: Path):
    make_wheel(tmp_path / "wheels", "salam")
    runtime("one")
    (tmp_path / "wheels" / WHEEL).write_bytes(b"cut off")

    result = runtime("two")

    assert result["msg"].startswith("The runtime greeter-1.0 could not be built.")
    assert greeting(tmp_path / "runtimes") == "salam"


def test_looking_only_builds_nothing(runtime, tmp_path: Path):
    assert runtime("one", check=True)["changed"]
    assert not (tmp_path / "runtimes").exists()


@pytest.fixture
def wheels(module, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shelf = make_wheel(tmp_path / "shelf", "salam")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))

    def fetch(digest: str) -> dict[str, object]:
        lock = tmp_path / "1.0.txt"
        lock.write_text(f"greeter==1.0 --hash=sha256:{digest}\n")
        return module("runtime_wheels", lock=str(lock), cache=str(tmp_path / "cache"))

    return fetch


def test_wheels_are_fetched_once(wheels, tmp_path: Path):
    true = hashlib.sha256((tmp_path / "shelf" / WHEEL).read_bytes()).hexdigest()

    first, second = wheels(true), wheels(true)

    assert (first["changed"], second["changed"]) == (True, False)
    assert [path.name for path in Path(first["folder"]).iterdir()] == [WHEEL]


def test_a_package_that_does_not_match_its_hash_is_refused(wheels, tmp_path: Path):
    result = wheels("0" * 64)

    assert result["msg"].startswith("The packages of 1.0.txt could not be fetched.")
    assert "DO NOT MATCH THE HASHES" in result["msg"]
    assert not list((tmp_path / "cache").glob("*.whl"))
    assert not [path for path in (tmp_path / "cache").iterdir() if path.is_dir()]
