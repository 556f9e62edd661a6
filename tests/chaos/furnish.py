"""Puts into an estate what no API enters: `python -m tests.chaos.furnish <administrations> [<host>=<site> ...]`."""

import sys

from provisioner.administrations import service as register
from provisioner.administrations.service import NewAdministration
from provisioner.audit.service import Actor, Via, acting
from provisioner.config import settings
from provisioner.db import transaction
from provisioner.foundation import foundation
from provisioner.hosts import local, service as hosts
from provisioner.hosts.models import Connection
from provisioner.hosts.service import Registration


def main(administrations: int, *places: str) -> None:
    here = local.registration(settings())
    with foundation(settings()).app_context(), acting(Actor(Via.CLI, on_behalf_of="tests")), transaction():
        for place in places:
            name, site = place.split("=")
            ports = (here.port_first, here.port_last)
            hosts.register(Registration(name, "127.0.0.1", Connection.LOCAL, site, *ports, here.facts))
        for number in range(administrations):
            names = {"fr": f"Commune {number}", "ar": f"جماعة {number}"}
            register.register(NewAdministration(kind="commune", slug=f"tortured-{number}", names=names))


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
