import json

import pytest
from click.testing import CliRunner

from provisioner.config import Settings
from provisioner.embedded import cli, doctor


def examined(settings: Settings) -> dict[str, doctor.Finding]:
    return {finding.subject: finding for finding in doctor.examine(settings)}


def test_this_machine_has_what_is_needed_and_nothing_is_created(tmp_path):
    findings = examined(Settings(state_dir=tmp_path / "var"))

    assert [finding for finding in findings.values() if finding.needed and not finding.fine] == []
    assert not (tmp_path / "var").exists()


def test_an_unreachable_database_is_found_with_a_sentence_how_to_mend_it(tmp_path):
    url = "postgresql://app:canary@127.0.0.1:9/provisioner"
    finding = examined(Settings(state_dir=tmp_path, database_url=url, owner_database_url=url))[
        "PostgreSQL, as the application"
    ]

    assert not finding.fine
    assert 'cannot be used: connection failed: connection to server at "127.0.0.1", port 9' in finding.mend


def test_a_state_folder_below_a_file_is_found(tmp_path):
    (tmp_path / "file").touch()

    assert not examined(Settings(state_dir=tmp_path / "file" / "var"))["State folder"].fine


@pytest.fixture
def told(monkeypatch, tmp_path):
    def tell(*options: str, **settings: str):
        monkeypatch.setattr(cli, "settings", lambda: Settings(state_dir=tmp_path, **settings))
        return CliRunner().invoke(cli.doctor, options)

    return tell


def test_the_command_answers_in_json_and_fails_when_something_needed_is_missing(told):
    good, bad = told("--output", "json"), told("--output", "json", redis_url="redis://127.0.0.1:9/0")

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert all(finding["fine"] for finding in json.loads(good.stdout) if finding["needed"])
    assert [finding["subject"] for finding in json.loads(bad.stdout) if not finding["fine"]] == ["Redis"]


def test_the_table_says_what_to_do(told):
    answer = told(redis_url="redis://127.0.0.1:9/0")

    assert answer.exit_code == 1
    assert "missing" in answer.stdout
    assert "Redis cannot be" in answer.stdout
