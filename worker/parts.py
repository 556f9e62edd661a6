"""What each job of a run has to do with it: which events are its own, and how it ended. Pure: no clock, no database."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from provisioner.db import Json
from provisioner.jobs import events
from provisioner.jobs.attempts import Claim, Outcome
from provisioner.jobs.events import Event, Told
from provisioner.jobs.lifecycle import End
from worker.passing import ARRIVING, instance_of
from worker.progress import Progress

ENDS = {"successful": End.SUCCEEDED, "failed": End.FAILED}
RECAP = "playbook_on_stats"
RECAP_OF = re.compile(r"(\S+)\s+: ok=")  # the name of a host in the table that ends a run


@dataclass
class Part:
    """One job's part of a run. `name`: of its instance in the inventory."""

    claim: Claim
    name: str
    begun: bool = False  # the database knows that its turn has come
    refused: bool = False  # its turn will not come
    ending: End | None = None  # it is being stopped, for this reason
    end: End | None = None
    stopped: Json | None = None
    target_silent: bool = False
    report: Json = field(default_factory=dict)
    waiting: list[Event] = field(default_factory=list)
    emitted: int = 0

    def take(self, event: Event) -> None:
        self.emitted += 1
        self.waiting.append(replace(event, counter=self.emitted))

    def learn(self, event: Event) -> None:
        report = events.printable(event.result.get("prov_report"))
        self.report |= report if isinstance(report, dict) else {}

    def outcome(self, *, touched: bool) -> Outcome:
        return Outcome(self.end or End.BROKEN, touched, self.report, self.emitted, self.stopped, self.target_silent)


class Parts:
    """All jobs of one run, by the names of their instances."""

    def __init__(self, claims: dict[str, Claim]) -> None:
        self._parts = {name: Part(claim, name) for name, claim in claims.items()}
        self.progress = Progress(claims)

    def __getitem__(self, name: str) -> Part:
        return self._parts[name]

    def __iter__(self) -> Iterator[Part]:
        """Those that go on."""
        return (part for part in self._parts.values() if part.end is None)

    @property
    def waiting(self) -> int:
        """How many events are not stored yet."""
        return sum(len(part.waiting) for part in self._parts.values())

    @property
    def busy(self) -> set[str]:
        """Hosts on which something is done, but for those that have been stopped."""
        return {host for host in self.progress.underway if host not in self._parts or self._parts[host].end is None}

    def hear(self, event: Event) -> None:
        """An event of an instance belongs to its job; what the run does for all of them, to each."""
        event = replace(event, host=instance_of(event.host))
        self.progress.hear(event)
        own = self._parts.get(event.host)
        if own is None:
            for part in self:
                part.take(self._recap(event, part) if event.kind == RECAP else event)
        elif own.end is None:
            own.take(event)
            own.learn(event)

    def _recap(self, event: Event, part: Part) -> Event:
        """Without the lines that tell of others."""
        lines = event.stdout.splitlines(keepends=True)
        others = self._parts.keys() - {part.name}
        return replace(event, stdout="".join(line for line in lines if instance_of(_whose(line)) not in others))

    def next(self, most: int) -> list[Told]:
        """Events to be stored, up to so many."""
        told = []
        for part in self._parts.values():
            if most > 0 and part.waiting:
                told.append(Told(part.claim, part.waiting[:most], part.emitted))
                most -= len(part.waiting)
        return told

    def stored(self, told: Iterable[Told]) -> None:
        kept = {each.held: len(each.events) for each in told}
        for part in self._parts.values():
            del part.waiting[: kept.get(part.claim, 0)]

    def end(self, message: dict[str, Any], servers: Collection[str]) -> None:
        """The run has come to its own end, and tells which hosts failed or did not answer, if it looked at any."""
        for part in self:
            part.end = self._end_of(part, message, servers)
            part.target_silent = self._is_target_silent(part, message, servers)
            if message.get("reason"):
                part.report |= {"reason": message["reason"]}

    def _end_of(self, part: Part, message: dict[str, Any], servers: Collection[str]) -> End:
        failed, dark = set(message.get("failed", ())), set(message.get("unreachable", ()))
        concerned = {part.name, *servers}
        if not concerned & (failed | dark):  # then nothing has settled what happened where the instance comes to
            concerned.add(part.name + ARRIVING)
        if part.ending and concerned & (failed | dark):
            return part.ending  # it was stopped, and not too late
        if concerned & dark:
            return End.NOT_ADMITTED if concerned & self.progress.not_admitted else End.UNREACHABLE
        if part.refused and not part.begun:
            return End.NOT_BEGUN
        if concerned & failed:
            return End.FAILED
        if message.get("looked") or message["end"] == "successful":
            return End.SUCCEEDED if part.name in self.progress.reached else End.BROKEN  # nothing ran on the instance
        return part.ending or ENDS.get(message["end"], End.BROKEN)

    def _is_target_silent(self, part: Part, message: dict[str, Any], servers: Collection[str]) -> bool:
        """Whether it was not the host that the instance leaves, the first one of the servers, that did not answer."""
        dark, names = set(message.get("unreachable", ())), list(servers)
        return not dark & {part.name, *names[:1]} and bool(dark & {part.name + ARRIVING, *names[1:]})

    def too_late(self, part: Part) -> End:
        """What it means for a job that its time is over: others may have taken it."""
        return End.DEADLINE if part.begun or not self._somebody_began else End.NOT_BEGUN

    def break_off(self, end: End) -> None:
        """The run has been stopped, or fell silent. Where others had begun, it was not the fault of who had not."""
        for part in self:
            innocent = self._somebody_began and not part.begun
            part.end = part.ending or (End.NOT_BEGUN if innocent else end)

    @property
    def _somebody_began(self) -> bool:
        return any(part.begun for part in self._parts.values())


def _whose(line: str) -> str:
    found = RECAP_OF.match(events.printable(line))
    return found[1] if found else ""
