"""The app folders under playbooks/apps/ as they lie on disk: reading, checking, and the digest of their content."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from marshmallow import ValidationError

from provisioner.catalogue.manifest import Manifest, ParameterFile
from provisioner.config import settings
from provisioner.db import Json

# What every app may use.
SHARED = ("roles", "tasks", "library", "module_utils", "plugins", "vars", "tools", "ansible.cfg")
IGNORED = {"__pycache__", ".ansible"}


@dataclass(frozen=True)
class Fault:
    """Something wrong in an app's folder; `line` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True)
class AppFolder:
    """What a folder says, checked."""

    slug: str
    manifest: Json
    parameters: list[Json]
    digest: str


class Broken(Exception):
    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def project() -> Path:
    """The folder of playbooks in use."""
    return Path(settings().playbooks_dir or str(files("provisioner.playbooks"))).absolute()


def slugs(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("apps/*/app.yml"))


def _content(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    elif path.is_dir() and path.name not in IGNORED:
        for child in sorted(path.iterdir()):
            yield from _content(child)


@cache
def _file_digest(path: Path, _mtime: int, _size: int) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def digest(root: Path, slug: str) -> str:
    """SHA-256 over names and contents of the app's folder and of everything that it may use; in hexadecimal."""
    whole = hashlib.sha256()
    for part in (f"apps/{slug}", *SHARED):
        for path in _content(root / part):
            stat = path.stat()
            whole.update(f"{path.relative_to(root)}\0".encode())
            whole.update(_file_digest(path, stat.st_mtime_ns, stat.st_size))
    return whole.hexdigest()


class _Lines:
    """Where in a YAML text the value at a path of keys stands."""

    def __init__(self, text: str) -> None:
        self._root = yaml.compose(text, Loader=yaml.SafeLoader)

    def of(self, path: tuple[Any, ...]) -> int:
        node, line = self._root, 1
        for step in path:
            node = self._child(node, step)
            if node is None:
                break
            line = node.start_mark.line + 1
        return line

    @staticmethod
    def _child(node: Any, step: Any) -> Any:
        if isinstance(node, yaml.MappingNode):
            return next((value for key, value in node.value if key.value == str(step)), None)
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return node.value[step]
        return None


def _messages(found: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], str]]:
    if isinstance(found, dict):
        for key, nested in found.items():
            yield from _messages(nested, path if key in {"_schema", "value"} else (*path, key))
    else:
        for message in found if isinstance(found, list) else [found]:
            yield path, str(message)


def _load(path: Path, root: Path, schema: Any) -> Any:
    """The validated content of one YAML file, or Broken with the line of each fault."""
    name = str(path.relative_to(root))
    try:
        text = path.read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        return schema.load(content if isinstance(content, dict) else {})
    except FileNotFoundError:
        raise Broken([Fault(name, 1, "this file is missing")]) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        raise Broken([Fault(name, mark.line + 1 if mark else 1, problem)]) from None
    except UnicodeDecodeError:
        raise Broken([Fault(name, 1, "this is not UTF-8 text")]) from None
    except ValidationError as error:
        lines = _Lines(text)
        faults = [
            Fault(name, lines.of(where), f"{'.'.join(map(str, where))}: {message}" if where else message)
            for where, message in _messages(error.normalized_messages())
        ]
        raise Broken(faults) from None


def read(root: Path, slug: str) -> AppFolder:
    """The folder of one app; Broken, listing every fault with file and line."""
    folder = root / "apps" / slug
    manifest = _load(folder / "app.yml", root, Manifest())
    parameters = _load(folder / "parameters.yml", root, ParameterFile())
    wanted = [f"{action}.yml" for action in manifest["actions"]] + [each["runtime"] for each in manifest["releases"]]
    faults = [
        Fault(f"apps/{slug}/app.yml", 1, f"{name} is named but missing")
        for name in wanted
        if not (folder / name).is_file()
    ]
    if manifest["slug"] != slug:
        faults.append(Fault(f"apps/{slug}/app.yml", 1, f"the slug is {manifest['slug']}, the folder {slug}"))
    if faults:
        raise Broken(faults)
    named = [{"name": name, **parameter} for name, parameter in parameters["options"].items()]
    return AppFolder(slug, manifest, named, digest(root, slug))
