"""The numbered steps lead to exactly the tables that the models describe."""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask
from sqlalchemy import Connection, create_engine

from provisioner.db import Base
from provisioner.embedded.layout import OWNER, Layout

STEPS = sorted((Path(__file__).parents[2] / "provisioner" / "migrations" / "versions").glob("[0-9]*.py"))
# Indexes and the constraints of a database's own are written by hand; what SQLAlchemy cannot say is not compared.
COMPARED = {"table", "column", "foreign_key_constraint", "unique_constraint"}


@pytest.fixture
def migrated(app: Flask, layout: Layout) -> Iterator[Connection]:
    engine = create_engine(layout.database_url(OWNER, "test"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def _compared(_object: Any, name: str | None, kind: str, *_: Any) -> bool:
    partition = name is not None and re.fullmatch(r"job_event_\d{4}_\d\d", name) is not None
    return kind in COMPARED and not partition


def _same_type(_context: Any, _inspected: Any, column: Any, found: Any, _wanted: Any) -> bool | None:
    """A transaction id has a type that SQLAlchemy does not know; it reads it as a number."""
    return False if column.name == "transaction_id" else None


def test_a_migrated_database_holds_what_the_models_describe(migrated: Connection):
    options = {"compare_type": _same_type, "include_object": _compared}
    context = MigrationContext.configure(migrated, opts=options)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Did not recognize type 'xid8'")
        differences = compare_metadata(context, Base.metadata)

    assert differences == []


def test_the_steps_are_numbered_without_gaps_and_follow_each_other():
    numbers = [step.name[:4] for step in STEPS]
    chain = [_constants(step) for step in STEPS]

    assert numbers == [f"{number:04}" for number in range(1, len(STEPS) + 1)]
    assert [each["revision"] for each in chain] == numbers
    assert [each["down_revision"] for each in chain] == [None, *numbers[:-1]]


def test_no_step_imports_what_may_change_after_it():
    imported = {step.name: _imports(step) for step in STEPS}

    assert {name: tops for name, tops in imported.items() if "provisioner" in tops} == {}


def _constants(step: Path) -> dict[str, Any]:
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse(step.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if node.targets[0].id.endswith("revision")
    }


def _imports(step: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(step.read_text(encoding="utf-8"))))
    named = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    named += [node.module or "provisioner" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.split(".")[0] for name in named}
