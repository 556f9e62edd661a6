"""One process that the keeper runs."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from threading import Thread
from typing import IO

from provisioner.embedded.processes.service import CannotStart, Service

TICK = 0.02
LAST_LINES = 15

Show = Callable[[str, str], None]


class Child:
    """A service, and the process that carries it out at the moment."""

    def __init__(self, service: Service, mark: Mapping[str, str], show: Show) -> None:
        self.service = service
        self._environment = {**service.environment, **mark}
        self._show = show
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: Thread | None = None

    def start(self) -> None:
        self.service.prepare()
        with ExitStack() as files:
            self._process = subprocess.Popen(
                self.service.command,
                stdin=subprocess.DEVNULL,
                stdout=self._output(files),
                stderr=None if self.service.terminal else subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,  # a Ctrl-C is for the keeper, which stops the others in order
                pass_fds=self.service.pass_fds,
            )
        if self._process.stdout:
            self._reader = Thread(target=self._read, args=[self._process.stdout], daemon=True)
            self._reader.start()

    def settle(self, abandoned: Callable[[], bool]) -> None:
        """Wait until it is ready (or, if it runs once, done), unless the wait is abandoned."""
        deadline = time.monotonic() + self.service.patience
        while not abandoned() and not self._settled():
            if time.monotonic() > deadline:
                raise self._failure("is not ready after %(patience)d seconds", patience=self.service.patience)
            time.sleep(TICK)

    def ended(self) -> str | None:
        """How its process ended; None while it runs."""
        status = self._process.poll() if self._process else 0
        if status is None:
            return None
        return f"status {status}" if status >= 0 else signal.Signals(-status).name

    def ask_to_stop(self) -> None:
        if self._process:
            self._process.send_signal(self.service.stop_signal)

    def stop(self, hurried: Callable[[], bool]) -> None:
        """Wait until it has stopped, and insist when its time of grace is over."""
        deadline = time.monotonic() + self.service.grace
        while not self.ended() and not hurried() and time.monotonic() < deadline:
            time.sleep(TICK)
        if self._process:
            self._process.kill()
            self._process.wait()
        self._finish_reading()

    def _output(self, files: ExitStack) -> IO[bytes] | int | None:
        if self.service.terminal:
            return None
        return files.enter_context(self.service.log.open("ab")) if self.service.log else subprocess.PIPE

    def _read(self, output: IO[bytes]) -> None:
        with output:
            for line in output:
                self._show(self.service.name, line.decode(errors="replace").rstrip())

    def _finish_reading(self) -> None:
        if self._reader:
            self._reader.join(timeout=1)  # not for ever: a descendant may still hold the pipe

    def _settled(self) -> bool:
        how = self.ended()
        if how is None:
            return not self.service.once and self.service.ready()
        self._finish_reading()
        if self.service.once and how == "status 0":
            return True
        raise self._failure("stopped during its start (%(how)s)", how=how)

    def _failure(self, message: str, **details: object) -> CannotStart:
        log = self.service.log
        lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:] if log else []
        last = "".join(f"\n  {line}" for line in lines)
        return CannotStart(f"%(name)s {message}.%(last)s", name=self.service.name, last=last, **details)
