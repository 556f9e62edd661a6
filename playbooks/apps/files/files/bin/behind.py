"""Passes on what comes over a unix socket to a program that knows only ports: `behind.py SOCKET PORT COMMAND...`.

Release 1.9 is such a program. It listens on a loopback that it has for itself (docs/operators/hosts.md).
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from functools import partial

CHUNK = 1 << 16


async def pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(CHUNK):
            target.write(chunk)
            await target.drain()
    with suppress(OSError):
        target.write_eof()


async def meet(port: int, near: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
    try:
        far, ask = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        answer.close()
        return
    await asyncio.gather(pass_on(near, ask), pass_on(far, answer))
    for end in (ask, answer):
        end.close()


async def main(socket: str, port: str, *command: str) -> int:
    program = await asyncio.create_subprocess_exec(*command)
    await asyncio.start_unix_server(partial(meet, int(port)), socket)
    return await program.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
