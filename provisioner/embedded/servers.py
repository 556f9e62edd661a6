"""The embedded servers for as long as a block lasts: for tests, and for commands that need no web and no workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.embedded import postgres, valkey
from provisioner.embedded.layout import Layout
from provisioner.embedded.processes.keeper import Keeper


@contextmanager
def servers(state_dir: Path, *, durable: bool = True, tenants: bool = False) -> Iterator[Layout]:
    """Start them and wait until they answer; stop them at the end. Their output is in the logs of the state folder."""
    layout = Layout(state_dir.absolute())
    with Keeper(layout, show=_ignore, say=_ignore) as keeper:
        steps = [*postgres.control_plane(layout, durable=durable), valkey.server(layout)]
        for step in [*steps, *(postgres.tenants(layout, durable=durable) if tenants else [])]:
            keeper.start(step)
        yield layout


def _ignore(*_: str) -> None:
    """Nobody watches, and every service here has a log."""
