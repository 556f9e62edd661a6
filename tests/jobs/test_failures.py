"""What fails in the same way reads as one cause, and every cause that is known is told in plain words."""

import json
from uuid import UUID

import pytest
from click.testing import CliRunner
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from provisioner.db import transaction
from provisioner.instances.lifecycle import Action
from provisioner.instances.models import Instance
from provisioner.jobs.cli import jobs
from provisioner.jobs.events import Event
from provisioner.jobs.explaining import RULES, Explanation, explain
from provisioner.jobs.failures import normalised
from provisioner.jobs.lifecycle import End
from provisioner.labels import EXPLANATIONS
from tests import factories
from tests.factories import Api
from tests.visitors import Visitor

DISK = (
    "The files of the instance could not be put in place: [Errno 28] No space left on device: '/srv/i/a{n:09}/app.conf'"
)
PORT = "The service does not run.\n[2026-11-24 06:{n:02}:01] [{n}] Address already in use: ('10.0.3.{n}', 2{n:04})"
ODD = "It went pop in {n}.5 s at 0x7f{n:06x}"


def fail(module: str, role: str, message: str) -> None:
    """One more administration whose first job fails like that."""
    factories.asked(factories.administration().id)
    claim = factories.claimed()
    failed = Event(2, "runner_on_failed", role=role, task=f"Do {role}", module=module, result={"msg": message})
    with transaction():
        factories.said(claim, [Event(1, "playbook_on_start"), failed])
    factories.concluded(claim, End.FAILED)


def test_eighty_three_failures_read_as_three_causes(app: Flask, administration: Administration) -> None:
    for number in range(83):
        module, role, message = (
            ("instance_files", "files", DISK),
            ("instance_service", "service", PORT),
            ("ansible.builtin.command", "odd", ODD),
        )[0 if number < 40 else 1 if number < 70 else 2]
        fail(module, role, message.format(n=number))

    found = Api(app, Role.VIEWER).get("/jobs/failures").json["items"]

    assert [(each["jobs"], each["instances"], each["explanation"]) for each in found] == [
        (13, 13, "unknown"),
        (30, 30, "port_taken"),
        (40, 40, "disk_full"),
    ]
    page = Visitor(app, Role.VIEWER).get("/jobs/failures").text
    assert page.count('class="meaning"') == 3
    assert "The disk is full." in page
    printed = CliRunner().invoke(jobs, ["failures", "--output", "json"], catch_exceptions=False).stdout
    assert [each["jobs"] for each in json.loads(printed)] == [13, 30, 40]


def test_the_jobs_that_failed_in_the_same_way_are_listed(app: Flask, administration: Administration) -> None:
    for number in range(3):
        fail("instance_files", "files", DISK.format(n=number))
    fail("instance_service", "service", PORT.format(n=1))
    api = Api(app, Role.VIEWER)
    _, disk = api.get("/jobs/failures").json["items"]

    alike = api.get(f"/jobs?fingerprint={disk['fingerprint']}").json["items"]

    assert len(alike) == 3
    assert disk["example"] == alike[0]["id"]


def test_a_failed_job_says_what_that_means_beside_what_was_said(app: Flask, administration: Administration) -> None:
    fail("instance_files", "files", DISK.format(n=1))
    api = Api(app, Role.VIEWER)
    (job,) = api.get("/jobs").json["items"]

    failure = api.get(f"/jobs/{job['id']}").json["failure"]
    assert (failure["module"], failure["explanation"]) == ("instance_files", "disk_full")
    assert failure["message"] == DISK.format(n=1)
    assert failure["advice"].startswith("Le disque est plein.")  # the language of the account
    page = Visitor(app, Role.VIEWER, language="en").get(f"/jobs/{job['id']}").text
    assert page.index("The disk is full.") < page.index("No space left on device")
    shown = CliRunner().invoke(jobs, ["show", job["id"]], catch_exceptions=False).stdout
    assert "The disk is full." in shown


def test_a_job_that_succeeds_in_the_end_is_no_failure(app: Flask, instance: Instance) -> None:
    job = factories.asked_to(Action.UPDATE, instance.id)
    claim = factories.claimed()
    with transaction():
        factories.said(claim, [Event(1, "runner_on_failed", task="Copy", result={"msg": "rescued"})])
    factories.concluded(claim, End.SUCCEEDED)

    assert factories.job(job.id).fingerprint is None
    assert Api(app, Role.VIEWER).get("/jobs/failures").json["items"] == []


def test_old_failures_count_only_when_all_are_asked_for(app: Flask, administration: Administration) -> None:
    fail("instance_files", "files", DISK.format(n=1))
    with transaction() as session:
        session.connection().exec_driver_sql("UPDATE job SET queued_at = queued_at - interval '31 days'")
    api = Api(app, Role.VIEWER)

    assert api.get("/jobs/failures").json["items"] == []
    assert len(api.get("/jobs/failures?days=0").json["items"]) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"job {UUID(int=7)} failed", f"job {UUID(int=8**30)} failed"),
        ("at 2026-11-24T06:30:42.123Z", "at 2025-01-01 00:00:00"),
        ("host 10.0.0.1:5432", "host 192.168.17.4:5433"),
        ("host fe80::1:2", "host 2001:db8::7"),
        ("/tmp/ansible_x7/a.py: no", "/tmp/ansible_k9/b.py: no"),
        ("see http://a.example:8001/", "see https://b.example/x"),
        ("commit deadbeef1", "commit 0123abc"),
        ("role 'app-sale' is there", 'role "app-rabat" is there'.replace('"', "'")),
        ("/srv/instances/ab3c5e7g9k/media", "/srv/instances/zz9yy8xx7w/media"),
        ("took 3.51 s", "took 12 s"),
        ("/ does not show: Commune de Salé", "/ does not show: جماعة طنجة"),
    ],
)
def test_what_differs_from_job_to_job_makes_no_other_failure(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_what_is_another_failure_stays_another() -> None:
    assert (
        len({normalised(each) for each in (DISK, PORT, ODD, "relation does not exist", "column does not exist")}) == 5
    )


def test_the_name_of_the_instance_in_the_run_makes_no_other_failure() -> None:
    assert normalised("user commune: no", "commune") == normalised("user region: no", "region")


# Explanation, module, and the part of its message that tells.
MEANINGS = """
old_fence instance_guard Nothing was touched: this job carries fence 3, and the host has served fence 7.
not_prepared instance_guard Nothing was touched: the host has no /srv/instances.
host_unreachable setup Failed to connect to the host via ssh: connect to host 10.0.0.1 port 22: Connection refused
host_key_changed setup Failed to connect to the host via ssh: Host key verification failed.
login_refused setup provisioner@host: Permission denied (publickey,password).
packages runtime_wheels The packages of 2.6.0.txt could not be fetched. ERROR: Could not find a version that satisfies x
disk_full runtime_wheels The packages of 2.6.0.txt could not be fetched. [Errno 28] No space left on device
port_taken instance_service The service does not run, it is fatal. [Errno 98] Address already in use
service_down instance_service The service does not run, it is backoff. Traceback
database_away instance_database The database could not be prepared. connection to server on socket "/x" failed
database_missing instance_prepare The data could not be prepared. FATAL: database "ab" does not exist
database_refused instance_database The database could not be prepared. password authentication failed for user "x"
migration_failed instance_prepare The data of the instance could not be prepared. ProgrammingError: column
unhealthy instance_health The instance is not healthy: http://x/ answers 500.
backup_failed instance_backup No backup could be taken, nothing was changed: pg_dump: error
backup_unreadable instance_backup No backup could be taken, nothing was changed: the dump holds no table
backup_unreadable instance_restore The instance could not be brought back to /b: media.tar is not what was backed up
permission_denied instance_files The files could not be put in place: [Errno 13] Permission denied: '/x'
playbook_error ansible.builtin.template 'colour' is undefined
went_back ansible.builtin.fail The update to 2.0 failed, and the instance is back on 1.0 with its data. Migrate: x
secrets_kept ansible.builtin.fail The secrets were not renewed, and the instance has those of before. Exchange: x
out_of_memory ansible.builtin.command MemoryError
unknown ansible.builtin.command It went pop
"""


@pytest.mark.parametrize("line", MEANINGS.strip().splitlines())
def test_what_a_failure_means(line: str) -> None:
    explanation, module, message = line.split(" ", 2)

    assert explain(module, message) == explanation


def test_every_explanation_has_its_sentence_and_its_rule() -> None:
    assert set(EXPLANATIONS) == set(Explanation)
    assert {rule.explanation for rule in RULES} | {Explanation.UNKNOWN} == set(Explanation)
