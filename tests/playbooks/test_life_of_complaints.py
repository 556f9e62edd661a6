"""An instance of complaints, from its first day to its certificate of erasure."""

from .whole_life import WholeLife


class TestComplaints(WholeLife):
    app = "complaints"
