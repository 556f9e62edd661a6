"""Every refusal has a page that explains it: docs/problems.md."""

import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import provisioner
from provisioner.errors import DomainError

PAGE = Path(__file__).parents[2] / "docs" / "problems.md"
# What web.py answers where no room had a say.
OF_THE_DOOR = {
    "internal-error",
    "method-not-allowed",
    "precondition-failed",
    "precondition-required",
    "request-entity-too-large",
}
NOT_MODULES_OF_OURS = ("provisioner.playbooks", "provisioner.migrations.env", "provisioner.__main__")


def kinds(of: type[DomainError]) -> Iterator[type[DomainError]]:
    yield of
    for kind in of.__subclasses__():
        yield from kinds(kind)


def test_the_page_explains_exactly_the_codes_that_there_are_in_order() -> None:
    for module in pkgutil.walk_packages(provisioner.__path__, "provisioner."):
        if not module.name.startswith(NOT_MODULES_OF_OURS):
            import_module(module.name)

    codes = {kind.code for kind in kinds(DomainError) if kind.__module__.startswith("provisioner.")}

    assert re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE) == sorted(codes | OF_THE_DOOR)
