"""An instance that has something to do."""

import pytest
from flask import Flask

from provisioner.instances.lifecycle import Action
from provisioner.jobs.attempts import Claim
from tests import factories


@pytest.fixture
def claim(app: Flask) -> Claim:
    """The claimed update of an instance from 1.0 to 2.0."""
    factories.host()
    factories.app()
    instance = factories.instance(factories.administration(), release="1.0")
    factories.asked_to(Action.UPDATE, instance.id)
    return factories.claimed()
