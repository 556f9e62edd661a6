"""The shape of the code, where no linter looks: short files, small folders, nothing hidden."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = [path for top in ("provisioner", "worker") for path in sorted((ROOT / top).rglob("*.py"))]
RUNS_HERE = [*CODE, *(path for top in ("playbooks", "build_backend") for path in sorted((ROOT / top).rglob("*.py")))]
ALL = [*RUNS_HERE, *sorted((ROOT / "tests").rglob("*.py"))]

MOST_LINES = 300
MOST_FILES = 11
# Each folder with more, and why splitting it would make it harder to find one's way.
CROWDED = {
    "playbooks/library": "one file for each module, and Ansible looks for them in this folder alone",
    "playbooks/module_utils": "Ansible looks in this folder alone for what modules share",
    "provisioner": "the ground floor: one short file for each thing that all rooms share",
    "provisioner/accounts": "a room with all its doors, and a file for each way of proving who one is",
    "provisioner/administrations": "a room with all its doors, and the rules of names, codes and search",
    "provisioner/instances": "a room with all its doors, and the inventory's columns, places, secrets and variables",
    "provisioner/jobs": "a room with all its doors, and the story of its runs, live and stored",
    "provisioner/migrations/versions": "one file for each step that databases of users have taken, in their order",
    "worker": "what a worker does by itself, and both sides of the run that it starts",
}
# Where whatever goes wrong has to be taken, and why.
EDGES = {
    "provisioner/db.py": "a transaction is undone whatever ended it, and the error goes on",
    "worker/presence.py": "a worker goes on saying that it is here, or it is hardly called any more",
    "worker/run.py": "files with secrets are removed whatever went wrong, and the error goes on",
    "worker/tasks.py": "a job learns of its end whatever went wrong",
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def places(path: Path, kinds: type[ast.AST] | tuple[type[ast.AST], ...]) -> list[ast.AST]:
    return [node for node in nodes(path) if isinstance(node, kinds)]


def test_nothing_is_imported_inside_a_function():
    functions = [(path, each) for path in CODE for each in places(path, (ast.FunctionDef, ast.AsyncFunctionDef))]
    hidden = {
        f"{name(path)}:{node.lineno}"
        for path, function in functions
        for node in ast.walk(function)
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }

    assert hidden == set()


def test_no_command_goes_through_a_shell():
    calls = [(path, each) for path in RUNS_HERE for each in places(path, ast.keyword) if each.arg == "shell"]

    assert [f"{name(path)}:{each.value.lineno}" for path, each in calls] == []


def test_only_the_listed_edges_take_whatever_goes_wrong():
    handlers = [(path, each) for path in CODE for each in places(path, ast.ExceptHandler)]

    assert {name(path) for path, handler in handlers if _takes_everything(handler)} == set(EDGES)


def _takes_everything(handler: ast.ExceptHandler) -> bool:
    taken = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)} if handler.type else set()
    return handler.type is None or bool(taken & {"Exception", "BaseException"})


@pytest.mark.parametrize("path", ALL, ids=name)
def test_a_file_is_short_enough_to_be_read(path: Path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_a_folder_is_small_enough_to_be_known():
    folders = {path.parent for path in RUNS_HERE}
    sizes = {
        name(folder): len([path for path in folder.glob("*.py") if path.name != "__init__.py"]) for folder in folders
    }

    assert {folder for folder, size in sizes.items() if size > MOST_FILES} == set(CROWDED)


def test_packages_hide_nothing_in_their_init():
    talkative = [name(path) for path in ALL if path.name == "__init__.py" and path.read_text(encoding="utf-8").strip()]

    assert talkative == []
