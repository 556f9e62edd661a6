"""What `pip install` gives: a wheel that works where there is no checkout."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Service, running

pytestmark = pytest.mark.journey

CHECKOUT = Path(__file__).parents[2]


def pip(python: Path | str, *arguments: str) -> None:
    subprocess.run([str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Service]:
    """The service from a wheel, in an environment that has nothing else."""
    pip(sys.executable, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(CHECKOUT))
    (wheel,) = tmp_path.glob("provisioner-*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip(python, "install", "--constraint", str(_pins(tmp_path)), str(wheel))
    yield from running(Service(tmp_path / "state", python=str(python)))


def _pins(folder: Path) -> Path:
    """The versions that the checkout is locked to, without the hashes: the wheel itself has none."""
    lock = (CHECKOUT / "requirements" / "dev.txt").read_text().splitlines()
    pins = folder / "pins.txt"
    pins.write_text("\n".join(line.removesuffix(" \\") for line in lock if "==" in line))
    return pins


def test_a_wheel_alone_provisions_an_instance(installed: Service) -> None:
    names = {"fr": "Région", "ar": "جهة"}
    made = installed.post("/administrations", {"kind": "region", "slug": "region", "names": names})
    wish = {
        "administration": made["id"],
        "app": "open-data",
        "reason": "wheel",
        "settings": {"contact_email": "a@region.example"},
    }

    job = installed.post("/requests", wish)

    assert installed.ended(job["id"])["state"] == "succeeded"
