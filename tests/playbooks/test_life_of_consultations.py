"""An instance of consultations, from its first day to its certificate of erasure."""

from .whole_life import WholeLife


class TestConsultations(WholeLife):
    app = "consultations"
