"""What `provisioner up` shows: one line per line of its processes, aligned, coloured on a terminal, kept in files."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import cycle

import click

from provisioner.embedded.layout import Layout

COLOURS = ("cyan", "green", "magenta", "blue", "yellow", "bright_cyan", "bright_green", "bright_magenta")
OURSELVES = "up"


class Console:
    """Also where no terminal is: `show` is called from the thread of each process."""

    def __init__(self, layout: Layout, names: list[str]) -> None:
        self._hushed = False
        self._layout = layout
        self._width = max(map(len, [OURSELVES, *names]))
        self._colours = dict(zip(names, cycle(COLOURS), strict=False))
        self._plain = "NO_COLOR" in os.environ or not sys.stdout.isatty()

    def show(self, name: str, text: str) -> None:
        with self._layout.log(name).open("a") as log:
            log.write(text + "\n")
        if text and not self._hushed:
            label = f"{name:<{self._width}} |"
            with suppress(OSError):  # the terminal may be gone; the log is not
                click.echo(f"{label if self._plain else click.style(label, fg=self._colours.get(name))} {text}")

    def say(self, text: str) -> None:
        self.show(OURSELVES, text)

    @contextmanager
    def hushed(self) -> Iterator[None]:
        """While a command has the terminal to itself, lines go to the logs only."""
        self._hushed = True
        try:
            yield
        finally:
            self._hushed = False
