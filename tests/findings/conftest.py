"""A host with two instances."""

import pytest
from flask import Flask

from provisioner.hosts.models import Host
from provisioner.instances.models import Instance
from tests import factories


@pytest.fixture
def host(app: Flask) -> Host:
    """With a worker of its site, and an app (releases 1.0 and 2.0) in the catalogue."""
    factories.worker()
    factories.app()
    return factories.host()


@pytest.fixture
def instance(host: Host) -> Instance:
    """On the host, active on release 1.0."""
    return factories.instance(factories.administration("rabat"), release="1.0")


@pytest.fixture
def other(host: Host, instance: Instance) -> Instance:
    return factories.instance(factories.administration("sale"), release="1.0")
