"""What the protocol keeps: the rows of its tables, as far as they decide anything."""

from dataclasses import dataclass, field

from provisioner.instances.lifecycle import Action, State
from provisioner.jobs.lifecycle import Cause, End, JobState, SlotScope
from provisioner.workers.lifecycle import DrainScope

LEASE, QUIESCE, HEARTBEAT, PROBE_EVERY, TIMEOUT = 60.0, 30.0, 5.0, 15.0, 600.0
PATIENCE = LEASE * 2 / 3  # of a run that hears no proof; worker.tasks.MARGIN is the rest


class Fenced(Exception):
    """The attempt is not the newest one any more."""


class NotAllowed(Exception):
    """What was asked makes no sense in this state."""


class Busy(Exception):
    """Another open job has the instance."""

    def __init__(self, holder: int) -> None:
        super().__init__(holder)
        self.holder = holder


@dataclass
class Instance:
    app: str
    host: str
    state: State = State.ACTIVE
    applied: bool = True  # some release is in place


@dataclass
class Job:
    id: int
    instance: str
    app: str
    host: str
    site: str
    action: Action
    retry_safe: bool
    background: bool
    queued_at: float
    target: str | None = None  # the host to which it moves the instance
    timeout: float = TIMEOUT
    state: JobState = JobState.QUEUED
    giving_way: bool = False
    touched: bool = False  # an attempt may have changed something
    attempt: int = 0
    max_attempts: int = 3
    not_before: float | None = None
    deadline: float | None = None
    finished_at: float | None = None
    owner: str | None = None
    fence: int | None = None
    run: int = 0  # of the newest attempt
    begun: bool = False  # its turn in that run has come
    lease_until: float | None = None
    cancel_requested: bool = False
    cause: Cause | None = None
    events_emitted: int = 0
    events_stored: int = 0

    @property
    def hosts(self) -> list[str]:
        """Those that it acts on."""
        return [self.host, self.target] if self.target else [self.host]


@dataclass(frozen=True)
class Claim:
    job: int
    instance: str
    action: Action
    attempt: int
    fence: int


@dataclass(frozen=True)
class Batch:
    claims: tuple[Claim, ...]
    forks: int


@dataclass(frozen=True)
class Beat:
    cancel_requested: bool
    past_deadline: bool


@dataclass(frozen=True)
class Outcome:
    """`serving`: the playbook reported that the release of before serves again."""

    end: End
    touched: bool = True
    serving: bool = False
    emitted: int = 0


@dataclass
class Host:
    site: str
    probe_at: float | None = None  # set while it is parked


@dataclass(frozen=True)
class Setup:
    """An estate: instances by name, hosts with their sites, how much may happen at once, what may be repeated."""

    instances: dict[str, Instance]
    sites: dict[str, str]
    caps: dict[tuple[SlotScope, str], int]
    retry_safe: dict[str, frozenset[Action]]


@dataclass
class Tables:
    """The whole database: what a backup holds."""

    instances: dict[str, Instance]
    hosts: dict[str, Host]
    caps: dict[tuple[SlotScope, str], int]
    retry_safe: dict[str, frozenset[Action]]
    jobs: dict[int, Job] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)
    slots: dict[tuple[SlotScope, str], list[int | None]] = field(default_factory=dict)
    events: set[tuple[int, int, int]] = field(default_factory=set)  # job, attempt, counter
    drains: set[tuple[DrainScope, str]] = field(default_factory=set)
