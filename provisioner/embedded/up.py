"""`provisioner up`: everything this service needs, in one foreground command."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from provisioner.config import Settings
from provisioner.embedded import host, postgres, valkey
from provisioner.embedded.external import check_external
from provisioner.embedded.layout import Layout
from provisioner.embedded.listener import address, open_listener, web_answers
from provisioner.embedded.processes.console import Console
from provisioner.embedded.processes.keeper import Keeper
from provisioner.embedded.processes.lock import refuse_if_held
from provisioner.embedded.processes.service import Service

PYTHON = (sys.executable, "-m")
# As root it would warn on each start; its messages are JSON without arguments, so nothing runs that is not ours.
CELERY = (sys.executable, "-W", "ignore:You're running the worker with superuser", "-m", "celery")
WEB = "--worker-class=gthread --workers=2 --threads=32 --graceful-timeout=3 --log-level=warning --no-control-socket"
LONGEST_FINISH = 15 * 60  # seconds in which a worker may bring its runs to an end


@dataclass(frozen=True)
class Stage:
    """What the programs are started with."""

    settings: Settings
    layout: Layout
    listener: socket.socket
    durable: bool  # False: for tests, whose data need not survive a power cut
    restored: str = ""  # why, if the database was restored from a backup

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    @property
    def environment(self) -> dict[str, str]:
        """Ours, with what was found out here."""
        return {
            **os.environ,
            "PROVISIONER_STATE_DIR": str(self.layout.state_dir),
            "PROVISIONER_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }


Plan = Callable[[Stage], list[Service]]


def servers_needed(stage: Stage) -> list[Service]:
    """Those that nobody else provides."""
    settings, layout = stage.settings, stage.layout
    control = [] if settings.database_url else postgres.control_plane(layout, durable=stage.durable)
    redis = [] if settings.redis_url else [valkey.server(layout)]
    return [*control, *postgres.tenants(layout, durable=stage.durable), *redis]


def programs(stage: Stage) -> list[Service]:
    """Ours, in the order of their start."""
    environment = stage.environment
    web = f"--bind=fd://{stage.listener.fileno()} {WEB}"
    restored = ["--restored", stage.restored] if stage.restored else []
    worker = f"worker --loglevel=WARNING --concurrency={stage.settings.worker_concurrency}"
    return [
        Service("prepare", [*PYTHON, "provisioner", "prepare", *restored], environment, once=True, patience=3600),
        host.supervisor(stage.layout),
        Service(
            "web",
            [*PYTHON, "gunicorn", *web.split(), "provisioner.app:create_app()"],
            environment,
            ready=partial(web_answers, stage.settings.bind, stage.port),
            pass_fds=[stage.listener.fileno()],
        ),
        Service(
            "worker",
            [*CELERY, "--quiet", "--app=worker.main", *worker.split()],
            environment,
            grace=LONGEST_FINISH,
            finishes=True,
        ),
        Service("dispatcher", [*PYTHON, "worker.dispatcher"], environment),
    ]


def run_up(
    settings: Settings,
    *,
    after_ready: Sequence[str] = (),
    plan: Plan = programs,
    durable: bool = True,
    restored: str = "",
) -> None:
    """Run until a signal comes; `after_ready` is a command to run on this terminal once everything answers."""
    layout = Layout(settings.state_dir)
    refuse_if_held(layout.lock)
    with open_listener(settings, layout) as listener:
        check_external(settings)
        _run(Stage(settings, layout, listener, durable, restored), after_ready, plan)


def _run(stage: Stage, after_ready: Sequence[str], plan: Plan) -> None:
    services = [*servers_needed(stage), *plan(stage)]
    console = Console(stage.layout, [service.name for service in services])
    with Keeper(stage.layout, console.show, console.say) as keeper:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, keeper.heed)
        stage.layout.remember_web_port(stage.port)
        for service in services:
            keeper.start(service)
        console.say(f"serving at {address(stage.settings, stage.port)}")
        if after_ready:
            with console.hushed():
                keeper.run(Service("command", after_ready, stage.environment, terminal=True))
        keeper.watch()
        console.say("stopping; playbooks that run come to their end first, unless another signal hurries this")
