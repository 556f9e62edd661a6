"""People at their browsers, as the tests of accounts have them."""

# Fixtures: pytest finds them by being here.
from tests.accounts.conftest import _from_outside, _quick_hashes, person, signed_in  # noqa: F401
