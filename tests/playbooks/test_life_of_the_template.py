"""An instance of a copy of the template, from its first day to its certificate of erasure."""

from .runs import COPIED
from .whole_life import WholeLife


class TestACopyOfTheTemplate(WholeLife):
    app = COPIED
