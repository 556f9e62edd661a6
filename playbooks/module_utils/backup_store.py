"""Where backups are kept: a folder, another host by SFTP, or storage that speaks S3, each by its URL."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import fsspec.implementations.local
from ansible.module_utils.durable import settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible.module_utils.basic import AnsibleModule

CHUNK = 1 << 20  # bytes

STORE = {
    "name": {"type": "str", "required": True},
    "store": {"type": "str", "required": True},
    "options": {"type": "dict", "default": {}, "no_log": True},
}


SECRET = re.compile(r"secret|password|passphrase|token|^key$")  # names of options whose values nobody may see


def hide_secrets_only(module: AnsibleModule) -> None:
    """Ansible hides every value of the options wherever it stands in the result; a port or a name would take parts of
    sums and addresses along.
    """
    options = list(_leaves(module.params["options"]))
    secret = {value for name, value in options if SECRET.search(name)}
    module.no_log_values -= {value for _, value in options} - secret


def _leaves(options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in options.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield name, str(value)


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Store:
    """Files by their names below one URL; `options` are those of the library for its kind (keys, endpoint, user...)."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        if url.startswith("sftp:"):
            from ansible.module_utils.known_sftp import register  # noqa: PLC0415 - takes a while; others need none of it

            register()
        self._files, self._root = fsspec.core.url_to_fs(url, **options)

    def path(self, name: str) -> str:
        """Below the root: a name that leads elsewhere is a ValueError."""
        if not name.isprintable() or {"", ".", ".."} & set(name.split("/")):
            raise ValueError(f"{name!r} is no name in a store")
        return f"{self._root}/{name}"

    def sum_of(self, name: str) -> str | None:
        """SHA-256 over what the store gives back, read to its end; None if it has no such file."""
        if not self._files.exists(self.path(name)):
            return None
        total = hashlib.sha256()
        with self._files.open(self.path(name), "rb") as stream:
            while part := stream.read(CHUNK):
                total.update(part)
        return total.hexdigest()

    def put(self, source: Path, name: str) -> None:
        """The file appears under its name when all of it is there."""
        place = self.path(name)
        self._files.makedirs(place.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(source), f"{place}.part")
        self._files.mv(f"{place}.part", place)
        if isinstance(self._files, fsspec.implementations.local.LocalFileSystem):
            settle(Path(place), Path(place).parent)

    def get(self, name: str, target: Path) -> None:
        self._files.get_file(self.path(name), str(target))

    def remove(self, name: str) -> bool:
        """Whether it was there."""
        there = bool(self._files.exists(self.path(name)))
        if there:
            self._files.rm_file(self.path(name))
        return there
