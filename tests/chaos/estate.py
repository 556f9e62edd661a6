"""An estate to be tortured: real servers behind proxies, and each program of the service in a process of its own."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit
from uuid import uuid4

from provisioner.embedded import postgres, valkey
from provisioner.embedded.layout import APPLICATION, DATABASE, OWNER
from provisioner.embedded.listener import web_answers
from provisioner.embedded.processes import guardian
from provisioner.embedded.processes.child import Child
from provisioner.embedded.processes.service import Service as Program
from provisioner.embedded.up import PYTHON, WEB
from tests.chaos.ports import listener
from tests.chaos.proxy import Proxy
from tests.conftest import superuser
from tests.running import Service, processes, wait_for, worker_command
from worker.run import PREFIX

PLAYBOOKS = Path(__file__).with_name("playbooks")
# Recovery takes seconds and not minutes.
IMPATIENT = {"heartbeat": "1", "lease": "9", "quiesce": "2", "playbooks_dir": str(PLAYBOOKS), "log_format": "json"}
REPOSITORY = Path(__file__).parents[2]
LIMIT = "8m"  # of a small disk
OWN_DISK = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o size={LIMIT} tmpfs /dev/shm && exec "$@"', "sh")


@dataclass(frozen=True)
class Member:
    """A worker of the estate; in a network namespace it has an address of its own and reaches only the proxies."""

    name: str
    sites: str = "local"
    namespace: str = ""


@dataclass
class Estate(Service):
    """Like `provisioner up`, but nothing is ever given up: whatever dies is started again, unless it is held back."""

    crew: Sequence[Member] = (Member("worker-1"), Member("worker-2"))
    dispatchers: int = 1
    address: str = "127.0.0.1"  # where the proxies listen
    own_disks: bool = os.geteuid() == 0  # small ones for the host and for each worker's runs; only root may mount them
    children: dict[str, Child] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    def start(self) -> None:
        self.state_dir.mkdir(parents=True, exist_ok=True)
        if self.own_disks:
            self.layout.host_root.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={LIMIT}", "tmpfs", self.layout.host_root], check=True)
        self.layout.create()
        self.run_name = uuid4().hex
        self._guardian = guardian.start(str(self.state_dir), self.run_name)
        for program in [*postgres.control_plane(self.layout, durable=False), valkey.server(self.layout)]:
            self.keep(program)
        self._open_proxies()
        self.keep(self._program("prepare", *PYTHON, "provisioner", "prepare", once=True))
        self._listener = listener("127.0.0.1")
        self.layout.remember_web_port(self._listener.getsockname()[1])
        for program in self._programs():
            self.keep(program)
        self._leaving = Event()
        self._nanny = Thread(target=self._mend, daemon=True)
        self._nanny.start()
        wait_for("the service to answer", self.answers, 240)

    def stop(self) -> None:
        self._leaving.set()
        self._nanny.join()
        for child in reversed(self.children.values()):
            for pid in self.group(child.service.name):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            child.ask_to_stop()
        for child in reversed(self.children.values()):
            child.stop(lambda: False)
        self._guardian.communicate()
        for proxy in self.proxies:
            proxy.stop()
        self._listener.close()
        if self.own_disks:
            subprocess.run(["umount", "--lazy", self.layout.host_root], check=True)

    def keep(self, program: Program) -> None:
        """Start it, and wait until it is ready."""
        child = Child(program, {guardian.MARK: guardian.mark(str(self.state_dir), self.run_name, program.name)}, _hide)
        child.start()
        child.settle(lambda: False)
        if not program.once:
            self.children[program.name] = child

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """For as long as the block lasts, it is not started again."""
        self.held.add(name)
        try:
            yield
        finally:
            self.held.discard(name)

    @contextmanager
    def stopped(self, but: Sequence[str] = ()) -> Iterator[None]:
        """The programs of the service do not run while the block lasts; then it is prepared and started as ever."""
        programs = [name for name in self.children if name not in {"postgres", "valkey", *but}]
        self.held.update(programs)
        for name in reversed(programs):
            self.children[name].ask_to_stop()
            self.children[name].stop(lambda: False)
        yield
        self.keep(self._program("prepare", *PYTHON, "provisioner", "prepare", once=True))
        self.held.difference_update(programs)
        wait_for("the service to answer", self.answers, 90)

    def pid(self, name: str) -> int:
        process = self.children[name]._process
        assert process
        return process.pid

    def group(self, name: str) -> set[int]:
        """All processes of a program, but not the runs that a worker has started."""
        return guardian.belonging(str(self.state_dir), self.run_name, name)

    def pool(self, name: str) -> list[int]:
        """The processes in which a worker carries out its jobs."""
        return sorted(self.group(name) - {self.pid(name)})

    def runs(self) -> list[int]:
        """The supervisors of runs that workers of this estate have started; those that wait for one do not count."""
        pools = [f"{PREFIX}{pid}-" for member in self.crew for pid in self.pool(member.name)]
        return [pid for pool in pools for pid in processes("worker.supervisor", pool, " run ")]

    def kill(self, *names: str, number: signal.Signals = signal.SIGKILL) -> None:
        for name in names:
            os.kill(self.pid(name), number)

    def signal_all(self, name: str, number: signal.Signals) -> None:
        for pid in self.group(name):
            os.kill(pid, number)

    def module(self, name: str, *arguments: str) -> None:
        """A program of the tests, with the settings of the service."""
        done = subprocess.run(
            [*PYTHON, name, *arguments],
            env=self.environment,
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def sql(self, query: str, *values: object) -> list[tuple]:
        """Past the proxies, as the superuser."""
        with superuser(self.layout, DATABASE) as connection:
            done = connection.execute(query, values)
            return done.fetchall() if done.description else []

    def answers(self) -> bool:
        """Whether somebody serves the pages."""
        return web_answers("127.0.0.1", self.layout.web_port() or 0)

    @property
    def proxies(self) -> tuple[Proxy, Proxy, Proxy]:
        return self.database, self.web_database, self.valkey

    def _open_proxies(self) -> None:
        """The web has a way to the database of its own, so that it can be hurt alone."""
        cluster = self.layout.run_dir / ".s.PGSQL.5432"
        self.database = Proxy(self.address, cluster)
        self.web_database = Proxy(self.address, cluster)
        self.valkey = Proxy(self.address, self.layout.valkey_socket)
        for proxy in self.proxies:
            proxy.start()
        self.settings |= {
            "database_url": self._behind(self.database, APPLICATION),
            "owner_database_url": self._behind(self.database, OWNER),
            "redis_url": f"redis://{self.address}:{self.valkey.port}/0",
        }

    def _behind(self, proxy: Proxy, role: str) -> str:
        login = urlsplit(self.layout.database_url(role)).netloc
        return f"postgresql://{login}{proxy.address}:{proxy.port}/{DATABASE}?sslmode=disable"

    def _programs(self) -> Iterator[Program]:
        number = self._listener.fileno()
        web = f"--bind=fd://{number} {WEB}"
        url = self._behind(self.web_database, APPLICATION)
        application = "provisioner.app:create_app()"
        yield self._program("web", *PYTHON, "gunicorn", *web.split(), application, fds=[number], database_url=url)
        for member in self.crew:
            yield self._worker(member)
        for number in range(1, self.dispatchers + 1):
            yield self._program(f"dispatcher-{number}", *PYTHON, "worker.dispatcher")

    def _worker(self, member: Member) -> Program:
        prefix = ["ip", "netns", "exec", member.namespace] if member.namespace else []
        prefix += OWN_DISK if self.own_disks else ()
        command = [*prefix, *worker_command(member.name)]
        return self._program(member.name, *command, worker_name=member.name, sites=member.sites)

    def _program(
        self, name: str, *command: str, once: bool = False, fds: Sequence[int] = (), **settings: str
    ) -> Program:
        ours = {f"PROVISIONER_{setting.upper()}": value for setting, value in settings.items()}
        environment = self.environment | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(REPOSITORY)} | ours
        return Program(name, command, environment, log=self.layout.log(name), once=once, pass_fds=fds, grace=20)

    def _mend(self) -> None:
        while not self._leaving.wait(0.2):
            for name, child in self.children.items():
                if name not in self.held and child.ended():
                    child.start()


def _hide(*_: str) -> None:
    """Each program has a log."""
