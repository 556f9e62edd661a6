"""The interface of supervisord to thousands of services, as its configuration names it (`rpcinterface_factory`).

supervisord by itself reads the files of all services whenever it is asked about one, and after each file it looks
through all that it has read before: with a thousand of them that takes seconds each time. Here a file is read alone.

On a host without systemd this file lies by itself, beside the configuration that names it, and is what is started.
"""

from collections.abc import Iterator
from configparser import Error
from pathlib import Path
from typing import Any

from supervisor.options import UnhosedConfigParser
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface
from supervisor.supervisord import main
from supervisor.xmlrpc import Faults, RPCError


class Interface(SupervisorNamespaceRPCInterface):  # type: ignore[misc] # supervisor ships no types
    """All that supervisord offers, and `takeUp`. Methods are named as supervisord's are."""

    def __init__(self, supervisord: Any, folder: str) -> None:
        super().__init__(supervisord)
        self._folder = Path(folder)
        self._options = supervisord.options
        self._options.process_group_configs = [group for file in self._files() for group in self._readable(file)]
        for group in self._options.process_group_configs:
            supervisord.add_process_group(group)

    def takeUp(self, name: str) -> str:  # noqa: N802
        """Read the file of one service. Whether that is one to be `added`, or has `changed`; '' if it is as before."""
        self._update("takeUp")
        try:
            found = [group for group in self._groups(self._folder / f"{Path(name).name}.conf") if group.name == name]
        except ValueError as problem:
            raise RPCError(Faults.CANT_REREAD, str(problem)) from problem
        if not found:
            raise RPCError(Faults.BAD_NAME, name)
        others = [group for group in self._options.process_group_configs if group.name != name]
        self._options.process_group_configs = [*others, *found]
        running = self.supervisord.process_groups.get(name)
        if running is None:
            return "added"
        return "changed" if running.config != found[0] else ""

    def reloadConfig(self) -> Any:  # noqa: N802
        """As supervisord's own: the names of the services that are new, have changed, or are gone."""
        self._update("reloadConfig")
        try:
            self._options.process_group_configs = [group for file in self._files() for group in self._groups(file)]
        except ValueError as problem:
            raise RPCError(Faults.CANT_REREAD, str(problem)) from problem
        return [[[group.name for group in groups] for groups in self.supervisord.diff_to_active()]]

    def _files(self) -> Iterator[Path]:
        yield from sorted(self._folder.glob("*.conf"))

    def _readable(self, file: Path) -> list[Any]:
        """Of a file that cannot be read nothing is known; the services of the others are to run."""
        try:
            return self._groups(file)
        except ValueError as problem:
            self._options.logger.critical("%s: %s" % (file.name, problem))  # noqa: G002, UP031 - it is no logging.Logger
            return []

    def _groups(self, file: Path) -> list[Any]:
        parser = UnhosedConfigParser()
        parser.expansions = self._options.environ_expansions
        try:
            parser.read([file])
        except Error as problem:
            raise ValueError(str(problem)) from problem
        parser.expand_here(str(self._folder))
        return list(self._options.process_groups_from_parser(parser))


if __name__ == "__main__":
    main()
