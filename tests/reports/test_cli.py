"""The auditor's question on the command line: as a table, as JSON, as a file."""

import csv
import io
import json

import pytest
from click.testing import CliRunner
from flask import Flask

from provisioner.reports.cli import report
from tests import factories


@pytest.fixture
def _estate(app: Flask) -> None:
    factories.host()
    factories.app("complaints")
    factories.app("open-data")
    factories.administration("region-x", "region")
    commune = factories.administration("commune-a", parent="region-x", fr="=Commune")
    factories.instance(commune, "complaints")
    factories.instance(commune, "open-data")


def run(*arguments: str) -> str:
    done = CliRunner().invoke(report, ["inventory", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.usefixtures("_estate")
def test_the_inventory_is_a_table_json_or_a_file() -> None:
    table = run()
    rows = json.loads(run("--output", "json", "--region", "region-x", "--kind", "commune"))
    file = run("--output", "csv", "--app", "open-data")

    assert ("complaints" in table, "open-data" in table) == (True, True)
    assert [row["app"]["slug"] for row in rows] == ["complaints", "open-data"]
    assert file.startswith("\ufeff")
    [row] = csv.DictReader(io.StringIO(file.removeprefix("\ufeff")))
    assert (row["administration"], row["app"], row["name_fr"]) == ("commune-a", "open-data", "'=Commune")


@pytest.mark.usefixtures("_estate")
def test_the_inventory_of_a_day_before_everything_is_empty() -> None:

    assert json.loads(run("--output", "json", "--as-of", "2000-01-31")) == []
