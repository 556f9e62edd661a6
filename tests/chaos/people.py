"""People who keep asking, whatever happens: through the API, and again with the same key when no answer comes."""

import random
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from threading import Event, Lock, Thread
from typing import Any
from uuid import uuid4

from tests.chaos.estate import Estate
from tests.running import Answer

MOST_WAITING = 20  # jobs; people wait while so many wait already
APPS = ["sleeper", "sleeper", "dozer"]
NEWEST = "5.0"
NOTHING_TO_DO = {"unchanged": True}
IN_THE_WAY = 409


@dataclass
class Ledger:
    """What the API has told people."""

    accepted: dict[str, Any] = field(default_factory=dict)  # jobs, by id
    instances: dict[str, list[str]] = field(default_factory=lambda: {app: [] for app in APPS})
    cancels: set[str] = field(default_factory=set)  # jobs that somebody wanted to cancel
    retries: dict[str, int] = field(default_factory=dict)  # how often somebody sent "try again", by job
    repeated: int = 0  # calls that had to be sent again
    defects: list[str] = field(default_factory=list)  # answers that nobody should ever get
    lock: Lock = field(default_factory=Lock)


@dataclass
class People:
    """Some who ask for things and one who settles what needs attention, until they are told to stop."""

    estate: Estate
    seed: int
    administrations: int
    askers: int = 5
    ledger: Ledger = field(default_factory=Ledger)

    def start(self) -> None:
        self._enough, self._closed = Event(), Event()
        self._new = iter(range(self.administrations))
        self._threads = [Thread(target=self._ask_on, args=[self.seed + number]) for number in range(self.askers)]
        self._settler = Thread(target=self._settle_on)
        for thread in [*self._threads, self._settler]:
            thread.start()

    def stop_asking(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    def stop_settling(self) -> None:
        self._closed.set()
        self._settler.join()

    def insist(self, method: str, path: str, body: Any = None) -> Answer:
        """Call until there is an answer; every repetition carries the same key."""
        key, answer = str(uuid4()), None
        while answer is None:
            answer = self._try(method, path, body, key)
        return answer

    def _try(self, method: str, path: str, body: Any, key: str) -> Answer | None:
        try:
            answer = self.estate.call(method, path, body, **{"Idempotency-Key": key})
        except (OSError, HTTPException, ValueError):  # no answer, or half of one
            return self._again(0.3)
        if answer.status == 503:
            if "Retry-After" not in answer.headers:
                self.ledger.defects.append(f"503 without Retry-After: {method} {path}")
            return self._again(0.5)  # sooner than it asks for: the more happens during the fault
        if answer.status == IN_THE_WAY and answer.body["code"] == "idempotency-key-in-use":
            return self._again(0.3)
        if answer.status >= 500 or "Traceback" in str(answer.body):
            self.ledger.defects.append(f"{answer.status}: {method} {path}: {answer.body}")
        return answer

    def _again(self, pause: float) -> None:
        self.ledger.repeated += 1
        time.sleep(pause)

    def _ask_on(self, seed: int) -> None:
        chance = random.Random(seed)
        acts = {self._provision: 30, self._act: 30, self._act_on_many: 30, self._cancel: 20}
        while not self._enough.wait(chance.uniform(0.1, 0.8)):
            if self._waiting() < MOST_WAITING:
                (act,) = chance.choices(list(acts), list(acts.values()))
                act(chance)

    def _waiting(self) -> int:
        return len(self.insist("GET", "/jobs?state=queued&page_size=50").body.get("items", []))

    def _provision(self, chance: random.Random) -> None:
        """Some at a time, so that there is soon something to be done to many."""
        for _ in range(chance.choice([1, 3, 6])):
            with self.ledger.lock:
                number = next(self._new, None)
            if number is None:
                return
            settings = {"seconds": chance.choice([1, 1, 2, 4]), "guarded": chance.random() < 0.5}
            wish = {"administration": f"tortured-{number}", "app": chance.choice(APPS), "release": "1.0"}
            answer = self.insist("POST", "/requests", wish | {"settings": settings, "reason": "torture"})
            self._accepted(answer)
            if answer.status == 202:
                with self.ledger.lock:
                    self.ledger.instances[wish["app"]].append(answer.body["instance_id"])

    def _act(self, chance: random.Random) -> None:
        """On one instance; half of the checks as a sweep does, which gives way to people."""
        action, more = chance.choice(
            [
                ("update", {"release": chance.choice(["2.0", "3.0", "4.0", NEWEST])}),
                ("reconfigure", {"settings": {"seconds": chance.choice([1, 2, 3])}}),
                ("check", {"background": chance.random() < 0.5}),
            ]
        )
        for instance in self._some(chance, chance.choice(APPS), 1):
            self._accepted(self.insist("POST", f"/instances/{instance}/{action}", {"reason": "torture"} | more))

    def _act_on_many(self, chance: random.Random) -> None:
        """Checks of many are a sweep; everything else is a person's."""
        app, action = chance.choice(APPS), chance.choice(["update", "reconfigure", "check"])
        instances = self._some(chance, app, chance.choice([4, 8, 12]))
        if not instances:
            return
        wish = {"app": app, "action": action, "instances": instances, "reason": "torture"}
        answer = self.insist("POST", "/instances/actions", wish)
        if answer.status != 202:
            self.ledger.defects.append(f"{answer.status}: {answer.body}")
            return
        asked = f"/jobs?request_id={answer.body['request_id']}&page_size=200"
        jobs = self.insist("GET", asked).body["items"]
        self._promised(jobs)
        if len(jobs) != answer.body["counts"]["accepted"]:
            self.ledger.defects.append(f"{len(jobs)} jobs instead of those promised: {answer.body}")

    def _some(self, chance: random.Random, app: str, most: int) -> list[str]:
        """Instances of the app."""
        with self.ledger.lock:
            known = self.ledger.instances[app]
            return chance.sample(known, min(most, len(known)))

    def _accepted(self, answer: Answer) -> None:
        if answer.status == 202:
            self._promised([answer.body])
        elif answer.status != IN_THE_WAY and answer.body != NOTHING_TO_DO:
            self.ledger.defects.append(f"{answer.status}: {answer.body}")

    def _promised(self, jobs: list[Any]) -> None:
        with self.ledger.lock:
            self.ledger.accepted |= {job["id"]: job for job in jobs}

    def _cancel(self, chance: random.Random) -> None:
        with self.ledger.lock:
            recent = list(self.ledger.accepted)[-12:]
            job_id = chance.choice(recent) if recent else None
            if job_id:
                self.ledger.cancels.add(job_id)
        if job_id:
            self.insist("POST", f"/jobs/{job_id}/cancel", {"reason": "torture"})

    def _settle_on(self) -> None:
        chance = random.Random(self.seed - 1)
        while not self._closed.wait(0.5):
            for job in self.insist("GET", "/jobs?state=needs_attention&page_size=50").body.get("items", []):
                self._settle(job["id"], chance.choice(["retry", "retry", "failed"]))

    def _settle(self, job_id: str, resolution: str) -> None:
        if resolution == "retry":
            self.ledger.retries[job_id] = self.ledger.retries.get(job_id, 0) + 1
        self.insist("POST", f"/jobs/{job_id}/resolve", {"resolution": resolution, "reason": "torture"})
