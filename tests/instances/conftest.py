"""An instance on a server, and somebody who may act on it."""

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.instances.models import Instance
from tests import factories
from tests.factories import Api


@pytest.fixture
def api(app: Flask) -> Api:
    factories.host()
    factories.app("complaints")
    return Api(app, Role.OPERATOR)


@pytest.fixture
def instance(api: Api) -> Instance:
    return factories.instance(factories.administration(), release="1.0")
