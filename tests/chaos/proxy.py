"""A proxy that stands between programs on TCP and a server on a unix socket, and does to them what networks do."""

import asyncio
import re
import socket
import struct
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from threading import Thread
from typing import Any

from tests.chaos.ports import free_port

CHUNK = 1 << 16
FORGOTTEN = 60  # seconds until a server learns that a client has vanished
AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset, and not the rest
# COMMIT of the PostgreSQL protocol: as a simple query, or parsed and executed.
COMMIT = re.compile(rb"Q\0\0\0.COMMIT;?\0|P\0\0\0.\w*\0COMMIT;?\0", re.DOTALL)


class Mode(StrEnum):
    PASS = "pass"
    REFUSE = "refuse"  # nobody listens, and whoever is connected is not any more
    BLACKHOLE = "blackhole"  # nothing ever comes back; the server does not even learn that its client is gone
    RESET = "reset"  # connections break in the middle of an answer
    CUT_COMMIT = "cut commit"  # the server commits; whoever asked for it never learns of it


class Link:
    """One client and its connection to the server."""

    def __init__(self, proxy: "Proxy", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = (reader, writer)
        self._writers = [writer]
        self._committing = False
        self.swallowed = False

    async def run(self) -> None:
        try:
            server = await asyncio.open_unix_connection(self._proxy.target)
            self._writers.append(server[1])
            up, down = self._upwards(self._client[0], server[1]), self._downwards(server[0], self._client[1])
            ways = [asyncio.ensure_future(up), asyncio.ensure_future(down)]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass  # the server is away
        finally:
            self.cut()

    def cut(self) -> None:
        """Break it off at both ends; of a connection that was swallowed the server learns that much later."""
        client, *server = self._writers
        if not client.transport.is_closing():
            client.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
            client.transport.abort()
        for writer in server:
            if self.swallowed:
                self._proxy.forget(writer)
            else:
                writer.transport.abort()

    async def _upwards(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            if self._swallow():
                continue
            self._committing = self._proxy.mode is Mode.CUT_COMMIT and bool(COMMIT.search(chunk))
            writer.write(chunk)
            await writer.drain()

    async def _downwards(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            if self._swallow():
                continue
            if self._committing and self._proxy.cutting():
                self._proxy.cuts += 1
                return
            broken = self._proxy.mode is Mode.RESET
            writer.write(chunk[: len(chunk) // 2] if broken else chunk)
            await writer.drain()
            if broken:
                self._proxy.cuts += 1
                return

    def _swallow(self) -> bool:
        self.swallowed |= self._proxy.mode is Mode.BLACKHOLE
        return self.swallowed


class Proxy:
    """Listens at an address until it is stopped; `mode` says what it does, `cuts` how many answers it has cut off."""

    def __init__(self, address: str, target: Path) -> None:
        self.address, self.port, self.target = address, free_port(address), str(target)
        self.mode = Mode.PASS
        self.cuts = 0
        self.cutting: Callable[[], bool] = lambda: True  # asked about each COMMIT whose answer could be cut
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._forgotten: set[asyncio.StreamWriter] = set()
        self._listener: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._wait(self._listen())

    def stop(self) -> None:
        self._wait(self._close())
        self._wait(self._bury())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def behave(self, mode: Mode) -> None:
        """Change the mode, for those who are connected as well."""
        self._wait(self._become(mode))

    def forget(self, writer: asyncio.StreamWriter) -> None:
        """Its client has vanished, and the server may go on waiting for it for a while."""
        self._forgotten.add(writer)
        self._loop.call_later(FORGOTTEN, writer.transport.abort)

    def _wait(self, doing: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(30)

    async def _become(self, mode: Mode) -> None:
        before, self.mode = self.mode, mode
        if mode is Mode.REFUSE:
            await self._close()
        elif before is Mode.REFUSE:
            await self._listen()
        for link in list(self._links):
            if mode is Mode.BLACKHOLE:
                link.swallowed = True
            elif link.swallowed:
                link.cut()  # what was swallowed is missing

    async def _listen(self) -> None:
        self._listener = await asyncio.start_server(self._serve, self.address, self.port, reuse_address=True)

    async def _close(self) -> None:
        if self._listener:
            self._listener.close()
        for link in list(self._links):
            link.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _bury(self) -> None:
        for writer in self._forgotten:
            writer.transport.abort()
        await asyncio.sleep(0.1)  # the loop closes what was aborted

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link, task = Link(self, reader, writer), asyncio.current_task()
        assert task
        self._links.add(link)
        self._tasks.add(task)
        try:
            await link.run()
        finally:
            self._links.discard(link)
            self._tasks.discard(task)
