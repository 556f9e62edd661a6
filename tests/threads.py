"""Acting at the same time."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

from flask import Flask

from provisioner.audit.service import Actor, Via, acting
from provisioner.db import db


def in_threads(app: Flask, acts: Sequence[Callable[[], Any]]) -> None:
    """Run each in a thread of its own, with a database connection of its own; all of them begin together."""
    begin = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> None:
        with app.app_context(), acting(Actor(Via.CLI, on_behalf_of="tests")):
            begin.wait()
            act()
            db.session.rollback()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
