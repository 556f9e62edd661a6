"""What the tests of requests start from: something to ask for, somebody to ask."""

import pytest
from flask import Flask

from provisioner.accounts.policy import Role
from provisioner.administrations.models import Administration
from tests import factories
from tests.factories import Api

TITLE = {"name": "title", "type": "str", "required": True, "label": {"en": "Title"}, "max_length": 20}
DAYS = {"name": "days", "type": "int", "default": 30, "minimum": 1, "maximum": 90, "label": {"en": "Days"}}


@pytest.fixture
def administration(app: Flask) -> Administration:
    """An administration, `commune-a`; a host, and an app that wants a title and perhaps days."""
    factories.host()
    factories.app(parameters=(TITLE, DAYS))
    return factories.administration("commune-a", identifiers={"hcp": "09.1"})


@pytest.fixture
def api(app: Flask) -> Api:
    return Api(app, Role.OPERATOR)
