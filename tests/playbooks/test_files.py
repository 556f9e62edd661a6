from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from .runs import PLAYBOOKS

HOSTILE = "{{ lookup('pipe', 'id') }} $(id) %s\r\nsecond line"


@pytest.fixture
def files(module, tmp_path: Path):
    def converge(**changes: object) -> dict[str, object]:
        wanted = {
            "root": str(tmp_path / "a000000001"),
            "folders": ["logs"],
            "files": [{"path": "portal/metadata.json", "content": HOSTILE}],
            "secrets": {"key": "canary-key"},
        }
        return module("instance_files", **wanted | changes)

    return converge


def mode(path: Path) -> str:
    return oct(path.stat().st_mode & 0o7777)


def test_folders_files_and_secrets_are_put_in_place_as_they_are(files, tmp_path: Path):
    result = files()

    root = tmp_path / "a000000001"
    assert result["changed"]
    assert (root / "portal/metadata.json").read_bytes().decode() == HOSTILE
    assert (root / "secrets/key").read_text() == "canary-key"
    assert [mode(root / path) for path in (".", "logs", "portal/metadata.json", "secrets/key")] == [
        "0o750",
        "0o750",
        "0o640",
        "0o600",
    ]


def test_the_second_time_nothing_changes(files):
    first = files()

    second = files()

    assert not second["changed"]
    assert second["digest"] == first["digest"]


def test_looking_only_tells_what_differs_and_mends_nothing(files, tmp_path: Path):
    files()
    edited = tmp_path / "a000000001/portal/metadata.json"
    edited.write_text("edited by hand")
    (tmp_path / "a000000001/secrets/key").chmod(0o644)

    result = files(check=True)

    assert result["drift"] == [
        "file portal/metadata.json: content differs",
        "file secrets/key: permissions differ",
    ]
    assert result["diff"][0]["before"] == "edited by hand"
    assert edited.read_text() == "edited by hand"


def test_a_missing_instance_is_looked_at_without_being_made(files, tmp_path: Path):
    assert files(check=True)["changed"]
    assert not (tmp_path / "a000000001").exists()


def test_a_secret_is_never_shown(files):
    files()

    result = files(secrets={"key": "another-canary"})

    assert result["drift"] == ["file secrets/key: content differs"]
    assert "canary" not in str(result)


def test_a_file_that_does_not_belong_there_is_removed_from_an_exact_folder(files, tmp_path: Path):
    files()
    stray = tmp_path / "a000000001/portal/stray.html"
    stray.write_text("left by an older release")
    kept = tmp_path / "a000000001/logs/service.log"
    kept.write_text("not in an exact folder")

    result = files(exact=["portal"])

    assert result["drift"] == ["file portal/stray.html: does not belong there"]
    assert not stray.exists()
    assert kept.exists()


@pytest.mark.parametrize("path", ["../escape", "/etc/escape", "a/../../escape", ""])
def test_a_path_that_leaves_the_instance_is_refused(files, tmp_path: Path, path: str):
    result = files(files=[{"path": path, "content": "x"}])

    assert result["failed"]
    assert "is not a path below the root" in result["msg"]
    assert not list(tmp_path.rglob("escape"))


def test_the_digest_tells_contents_apart_but_not_their_order(files):
    one, two = {"path": "a", "content": "1"}, {"path": "b", "content": "2"}

    digests = [files(files=given)["digest"] for given in ([one, two], [two, one], [one, two | {"content": "3"}])]

    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_a_file_that_cannot_be_exchanged_leaves_nothing_beside_it(files, tmp_path: Path):
    (tmp_path / "a000000001/secrets/key").mkdir(parents=True)

    result = files()

    assert result["msg"].startswith("The files of the instance could not be put in place: ")
    assert [path.name for path in (tmp_path / "a000000001/secrets").iterdir()] == ["key"]


def test_of_a_file_that_stands_in_two_folders_the_later_one_counts(tmp_path: Path):
    spec = spec_from_file_location("reads_files", PLAYBOOKS / "plugins/action/instance_files.py")
    plugin = module_from_spec(spec)
    spec.loader.exec_module(plugin)
    for tree, files in (("role", ("bin/serve.py", "page.html")), ("app", ("page.html", "schema.py"))):
        for file in files:
            (tmp_path / tree / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / tree / file).write_text(f"{file} of the {tree}")

    read = plugin.standing([str(tmp_path / "role"), str(tmp_path / "app")])

    assert [each["content"] for each in read] == [
        "bin/serve.py of the role",
        "page.html of the app",
        "schema.py of the app",
    ]
