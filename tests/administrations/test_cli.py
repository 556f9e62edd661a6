"""The register from the command line."""

import json

import pytest
from click.testing import CliRunner

from provisioner.administrations import queries
from provisioner.administrations.cli import administrations
from provisioner.administrations.importing.applying import Rejected
from tests import factories

pytestmark = pytest.mark.usefixtures("app")

CONTENT = (
    "kind,slug,name_fr,name_ar,hcp,parent\ncommune,temara,Témara,تمارة,04.501,rabat\nregion,rabat,Rabat,الرباط,04,\n"
)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "register.csv"
    path.write_text(CONTENT, encoding="utf-8")
    return path


def run(*arguments):
    return CliRunner().invoke(administrations, [str(each) for each in arguments])


def test_a_file_is_imported_and_a_second_time_changes_nothing(file):
    first, second = run("import", file), run("import", file)

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "2 created, 0 changed, 0 unchanged" in first.stderr
    assert "Schemes of codes that are new: hcp" in first.stderr
    assert "0 created, 0 changed, 2 unchanged" in second.stderr


def test_a_dry_run_tells_every_change_and_makes_none(file):
    before = factories.row_counts()
    told = run("import", file, "--dry-run", "--output", "json")

    changes = json.loads(told.stdout)
    assert [(each["line"], each["outcome"]) for each in changes] == [(2, "created"), (3, "created")]
    assert changes[0]["after"]["parent_id"] == "rabat"
    assert "name_fr:  -> Témara" in run("import", file, "--dry-run").stdout
    assert factories.row_counts() == before


def test_a_file_with_faults_is_refused_with_all_of_them(file):
    file.write_text(CONTENT + "village,x,X,,,nobody\n", encoding="utf-8")
    before = factories.row_counts()
    refused = run("import", file)

    assert refused.exit_code == 1
    assert isinstance(refused.exception, Rejected)
    assert {fault["pointer"] for fault in refused.exception.errors} == {"/4/kind", "/4/parent"}
    assert factories.row_counts() == before


def test_the_list_is_narrowed_as_in_the_pages(file):
    run("import", file)

    assert [each["slug"] for each in json.loads(run("list", "--output", "json").stdout)] == ["rabat", "temara"]
    assert "Témara" in run("list", "--text", "تماره").stdout
    assert run("list", "--kind", "province").stdout.count("\n") == 1
    assert "temara" in run("list", "--parent", "hcp:04", "--language", "ar").stdout


def test_one_is_shown_by_its_code_with_its_history_for_programs(file):
    run("import", file)
    table = run("show", "hcp:04.501").stdout
    shown = json.loads(run("show", "temara", "--output", "json").stdout)

    assert "Témara" in table
    assert "rabat" in table
    assert shown["id"] == str(queries.by_slug("temara").id)
    assert {each["text"] for each in shown["names_over_time"]} == {"Témara", "تمارة"}
