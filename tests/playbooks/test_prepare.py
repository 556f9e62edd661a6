import sys
from pathlib import Path

import pytest


@pytest.fixture
def prepare(module, tmp_path: Path):
    def run(script: str, *, check: bool = False) -> dict[str, object]:
        (tmp_path / "prepare.py").write_text(script)
        return module(
            "instance_prepare",
            check=check,
            python=sys.executable,
            script=str(tmp_path / "prepare.py"),
            folder=str(tmp_path),
            secrets={"admin_password": "canary-admin"},
            facts=["schema_version", "calendar"],
        )

    return run


def test_the_script_reads_its_secrets_and_reports_facts(prepare, tmp_path: Path):
    result = prepare(
        "import json, sys\n"
        "open('seen', 'w').write(json.load(sys.stdin)['admin_password'])\n"
        "print('some noise')\n"
        "print(json.dumps({'changed': True, 'report': {'schema_version': 8}}))\n"
    )

    assert (result["changed"], result["prov_report"]) == (True, {"schema_version": 8})
    assert (tmp_path / "seen").read_text() == "canary-admin"


def test_a_failure_is_told_without_the_secrets(prepare):
    result = prepare("import sys; sys.exit('cannot use ' + sys.stdin.read())")

    assert result["msg"].startswith("The data of the instance could not be prepared.\ncannot use")
    assert "canary" not in str(result)


def test_looking_only_runs_nothing(prepare, tmp_path: Path):
    prepare("open('seen', 'w')", check=True)

    assert not (tmp_path / "seen").exists()


def printing(report: object) -> str:
    return f"import json\nprint(json.dumps({{'changed': False, 'report': {report!r}}}))\n"


def test_a_script_cannot_tell_what_only_the_playbook_knows(prepare):
    forged = {"backup": {"name": "../../etc/passwd"}, "expired": [], "health": "healthy", "moved": "back"}

    result = prepare(printing(forged | {"schema_version": 8}))

    assert result["prov_report"] == {"schema_version": 8}


@pytest.mark.parametrize("fact", ["x" * 201, {"a": 1}, ["a"], None])
def test_a_fact_is_something_short(prepare, fact):
    assert prepare(printing({"schema_version": fact, "calendar": "a"}))["prov_report"] == {"calendar": "a"}


@pytest.mark.parametrize("line", ["", "7", "[]", "{}", '{"changed": "yes"}', '{"changed": true, "report": []}'])
def test_a_script_that_ends_with_another_line_has_failed(prepare, line: str):
    assert prepare(f"print({line!r})")["msg"].startswith("The data of the instance could not be prepared: ")
