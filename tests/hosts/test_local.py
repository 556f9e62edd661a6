"""This machine as a host."""

import socket
from dataclasses import replace

from flask import Flask

from provisioner.config import settings
from provisioner.db import transaction
from provisioner.hosts import local, queries, service


def test_services_side_by_side_get_ports_of_their_own(app: Flask) -> None:
    alone = local.registration(settings())
    with socket.socket() as instance:
        instance.bind((alone.address, alone.port_first + 1))
        instance.listen()

        beside = local.registration(settings())

    assert beside.port_first > alone.port_last or beside.port_last < alone.port_first
    assert local.registration(settings()) == alone


def test_a_host_keeps_its_ports_when_what_is_known_of_it_changes(app: Flask) -> None:
    first = local.registration(settings())
    with transaction():
        service.register(first)

    changed = replace(first, port_first=1024, port_last=1100, facts=first.facts | {"python": "/opt/python"})
    with transaction():
        service.register(changed)

    (host,) = queries.every()
    assert (host.port_first, host.port_last) == (first.port_first, first.port_last)
    assert host.facts["python"] == "/opt/python"
