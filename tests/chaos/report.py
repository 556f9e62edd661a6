"""What a torture found, as JSON and as a page."""

import os
import platform
from dataclasses import asdict, dataclass
from typing import Any

from tests.chaos.checker import Verdict


@dataclass(frozen=True)
class Report:
    seed: int
    seconds: float  # of torture; getting quiet afterwards not included
    machine: str
    jobs: int
    states: dict[str, int]  # in which the jobs ended
    runs: int  # that made the newest attempts
    together: int  # jobs that shared their newest run with others
    largest: int  # jobs of one run
    put_back: int  # attempts that were put back before their turn had come
    attempts: int  # that began to act
    repeated: int  # attempts after the first of their job
    calls_repeated: int
    faults: dict[str, int]
    verdict: Verdict
    leaked: list[str]  # slots, processes and private folders that were left
    defects: list[str]  # answers that nobody should ever get
    longest_recovery: float  # seconds from the end of a fault to the next conclusion of a job
    hardest_fault: str

    @property
    def sins(self) -> list[str]:
        return self.verdict.sins + self.leaked + self.defects

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"faults_caused": sum(self.faults.values())}

    def as_markdown(self) -> str:
        counted = [
            ("jobs accepted", self.jobs),
            *((f"... {state}", number) for state, number in sorted(self.states.items())),
            ("runs of their newest attempts", self.runs),
            ("jobs that shared such a run", self.together),
            ("jobs of the largest of them", self.largest),
            ("attempts that began to act", self.attempts),
            ("attempts put back before their turn", self.put_back),
            ("attempts repeated", self.repeated),
            ("calls that people had to repeat", self.calls_repeated),
            ("faults", sum(self.faults.values())),
            ("**lost**", len(self.verdict.lost)),
            ("**done twice**", len(self.verdict.doubled)),
            ("**two at once on an instance**", len(self.verdict.overlaps)),
            ("**more at once than there are slots**", len(self.verdict.crowds)),
            ("**stuck**", len(self.verdict.stuck)),
            ("slots, processes, folders left", len(self.leaked)),
            ("answers with a defect", len(self.defects)),
            ("longest recovery", f"{self.longest_recovery:.1f} s, after: {self.hardest_fault}"),
        ]
        rows = [f"| {what} | {number} |" for what, number in counted]
        kinds = [f"| {name} | {number} |" for name, number in sorted(self.faults.items())]
        return "\n".join(
            [
                f"{self.seconds:.0f} s with seed {self.seed} on {self.machine}.",
                "\n| | |\n|---|---|", *rows, "\n| fault | times |\n|---|---|", *kinds,
                *(f"\n- {sin}" for sin in self.sins), "",
            ]
        )  # fmt: skip


def machine() -> str:
    return f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
