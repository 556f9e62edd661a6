"""SFTP to servers whose keys are known: the library by itself would tell the password to whoever answers."""

from __future__ import annotations

import fsspec
import paramiko
from fsspec.implementations.sftp import SFTPFileSystem
from paramiko.hostkeys import HostKeyEntry


class KnownSftp(SFTPFileSystem):
    """With one option more: `known_hosts`, lines as in ssh's file of this name."""

    def _connect(self) -> None:
        lines = self.ssh_kwargs.pop("known_hosts", "").splitlines()
        self.client = paramiko.SSHClient()
        self.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        known = self.client.get_host_keys()
        for entry in filter(None, map(HostKeyEntry.from_line, lines)):
            for name in entry.hostnames:
                known.add(name, entry.key.get_name(), entry.key)
        self.client.connect(self.host, **self.ssh_kwargs)
        self.ftp = self.client.open_sftp()


def register() -> None:
    """Have fsspec use it for sftp:// addresses."""
    fsspec.register_implementation("sftp", KnownSftp, clobber=True)
