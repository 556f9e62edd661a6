"""The embedded Valkey, on a unix socket only; it keeps nothing, because nothing in it may be missed."""

from functools import partial

import redis

from provisioner.embedded.binaries import valkey_server
from provisioner.embedded.layout import Layout
from provisioner.embedded.processes.service import Service


def server(layout: Layout) -> Service:
    options = {
        "--port": "0",
        "--unixsocket": str(layout.valkey_socket),
        "--unixsocketperm": "700",
        "--dir": str(layout.valkey),
        "--save": "",
        "--appendonly": "no",
        "--set-proc-title": "no",  # a title would overwrite the mark in its environment
    }
    return Service(
        "valkey",
        [str(valkey_server()), *(word for option in options.items() for word in option)],
        log=layout.log("valkey"),
        ready=partial(_answers, layout),
        vital=True,
    )


def _answers(layout: Layout) -> bool:
    with redis.Redis.from_url(layout.redis_url(), socket_timeout=1) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
