"""An estate for the tests of this room: a host, an app, and an administration that runs it."""

import pytest
from flask import Flask

from provisioner.administrations.models import Administration
from provisioner.instances.models import Instance
from tests import factories


@pytest.fixture
def administration(app: Flask) -> Administration:
    """An administration, with a host and an app (releases 1.0 and 2.0) that it could run."""
    factories.host()
    factories.app()
    return factories.administration()


@pytest.fixture
def instance(administration: Administration) -> Instance:
    """Its instance, active on release 1.0."""
    return factories.instance(administration, release="1.0")
