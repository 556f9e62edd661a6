"""The service's database is restored from a backup that was taken while jobs ran."""

import subprocess
from pathlib import Path

import pytest

from provisioner.embedded.layout import DATABASE, OWNER, SUPERUSER
from provisioner.embedded.postgres import bin_dir
from provisioner.jobs.recovery import LEAP
from tests.chaos.asking import acting, ask, attempts, state
from tests.chaos.estate import Estate
from tests.conftest import superuser
from tests.running import wait_for

pytestmark = pytest.mark.journey


def postgres(estate: Estate, program: str, *arguments: str) -> None:
    url = estate.layout.database_url(SUPERUSER).replace("+psycopg", "")
    command = [str(bin_dir(estate.layout.control) / program), "--dbname", url, *arguments]
    subprocess.run(command, check=True, capture_output=True)


def restore(estate: Estate, backup: Path) -> None:
    """Into a new database that takes the place of the old one."""
    with superuser(estate.layout) as connection:
        connection.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
    postgres(estate, "pg_restore", "--exit-on-error", str(backup))


def test_after_a_restore_a_person_decides_on_what_ran_when_the_backup_was_taken(estate: Estate, tmp_path: Path) -> None:
    quiet, backup = ask(estate), tmp_path / "backup"
    estate.ended(quiet["id"])
    ended, acts_on = ask(estate, seconds=3), ask(estate, seconds=40)
    jobs = (ended, acts_on)
    for job in jobs:
        wait_for("the playbook to act", lambda job=job: acting(estate, job))
    postgres(estate, "pg_dump", "--format=custom", "--file", str(backup))
    assert estate.ended(ended["id"])["state"] == "succeeded"  # which the backup does not know
    fences = {job["id"]: attempts(estate, job)[-1].fence for job in jobs}

    with estate.stopped(but=[member.name for member in estate.crew]):
        restore(estate, backup)

    wait_for("the run that outlived the restore to be killed", lambda: not estate.runs(), 20)
    assert not attempts(estate, acts_on)[-1].whole
    assert [state(estate, job) for job in jobs] == ["needs_attention"] * 2
    assert [estate.get(f"/jobs/{job['id']}")["cause"] for job in jobs] == ["restored"] * 2
    assert state(estate, quiet) == "succeeded"
    assert estate.sql("SELECT min(value) FROM fence")[0][0] > LEAP
    estate.post(f"/jobs/{acts_on['id']}/resolve", {"resolution": "failed", "reason": "it was stopped"})
    estate.post(f"/jobs/{ended['id']}/resolve", {"resolution": "retry", "reason": "looked at it"})
    assert estate.ended(ended["id"])["state"] == "succeeded"
    assert attempts(estate, ended)[-1].fence > fences[ended["id"]] + LEAP - 1
