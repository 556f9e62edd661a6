"""Running a module of Ansible's that comes as it would to the input of a fresh Python, in a fork that has the rest.

A module brings all code that it needs in an archive. What is already imported stands in for it only where it is the
same code, byte for byte; everything else comes from the archive.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import ZipFile
from zlib import crc32

import ansible
from ansible.module_utils._internal._ansiballz import _loader

from worker import passing, processes

ROOT = Path(ansible.__file__).parent.parent
Fingerprint = tuple[int, int]  # as an archive keeps it: checksum and size
# Packages of which an archive holds no more than that they are there.
EMPTY = {"ansible/__init__.py", "ansible/module_utils/__init__.py"}


def _imported() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "ansible"}


def _fingerprints() -> dict[str, Fingerprint]:
    files = {Path(getattr(module, "__file__", None) or "") for module in _imported().values()}
    texts = {str(file.relative_to(ROOT)): file.read_bytes() for file in files if file.is_relative_to(ROOT)}
    return {name: (crc32(text), len(text)) for name, text in texts.items() if name not in EMPTY}


KNOWN = _fingerprints()
run_module = _loader.run_module


def _run_module(*, modlib_path: str, **given: Any) -> None:
    processes.call_itself(f"{Path(modlib_path).stem} (a module of ansible)")
    if not _same_code(modlib_path):
        for name in _imported():
            del sys.modules[name]
        theirs = import_module("ansible.module_utils._internal._ansiballz._loader")
        theirs.run_module(modlib_path=modlib_path, **given)
    for name, module in _imported().items():
        if hasattr(module, "__path__"):
            module.__path__ = [f"{modlib_path}/{name.replace('.', '/')}", *module.__path__]
    run_module(modlib_path=modlib_path, **given)


def _same_code(archive: str) -> bool:
    with ZipFile(archive) as opened:
        given = {each.filename: (each.CRC, each.file_size) for each in opened.infolist()}
    return all(given.get(name, known) == known for name, known in KNOWN.items())


_loader.run_module = _run_module


def act(argv: list[str]) -> None:
    """What `python` does with a program that comes to its input; for the instance that is named after it."""
    passing.call_itself(passing.TASK.format(argv[1]))
    code = compile(sys.stdin.buffer.read(), "<stdin>", "exec")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    sys.argv = [""]
    main = sys.modules["__main__"] = ModuleType("__main__")
    exec(code, vars(main))  # noqa: S102 - it is a module of the run's own playbooks
