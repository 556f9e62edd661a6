"""What one instance costs when many are brought to new settings and texts, by hand and through the service.

The files, settings and roles are those of a real app. The modules that look after services and health are the same on
every side.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1]))

from estate import APP, Cost, Estate, estate, named
from fleet_service import Fleet, served
from machine import load
from served import ENGINE, RUNS, Course

PLAIN_BATCH = 6  # a run of plain tasks grows by the instance: more would only take longer
SAMPLE = 2  # runs for one instance each, likewise
ROUNDS = 2
GROWTH = (50, 200, 1000, 2000)


def total(costs: list[Cost]) -> Cost:
    return Cost(
        sum(cost.instances for cost in costs),
        sum(cost.cpu for cost in costs),
        sum(cost.wall for cost in costs),
        max(cost.peak for cost in costs),
        sum(cost.served for cost in costs),
    )


def one_by_one(estate: Estate, turn: int, *options: str) -> Cost:
    ids = named("p", PLAIN_BATCH + SAMPLE)[PLAIN_BATCH:]
    return total([estate.run("plain.yml", "plain.cfg", [short_id], turn, *options) for short_id in ids])


def plain_batch(estate: Estate, turn: int, *options: str) -> Cost:
    return estate.run("plain.yml", "plain.cfg", named("p", PLAIN_BATCH), turn, *options)


def coarse_batch(estate: Estate, turn: int) -> Cost:
    return estate.run("coarse.yml", "ansible.cfg", named("c", estate.batch), turn)


def coarse_check(estate: Estate, turn: int) -> Cost:
    return estate.run("check.yml", "ansible.cfg", named("c", estate.batch), turn)


def plain_check(estate: Estate, turn: int) -> Cost:
    return one_by_one(estate, turn, "--check", "--diff")


def warm_batch(estate: Estate, turn: int) -> Cost:
    return estate.run_warm("coarse.yml", named("c", estate.batch), turn)


Way = Callable[[Estate, int], Cost]
WARM = "the same with warm interpreters"
ALONE = "one ansible-playbook each, plain tasks"
CHANGES: dict[str, Way] = {
    ALONE: one_by_one,
    "one ansible-playbook for all, plain tasks": plain_batch,
    "one ansible-playbook for all, our roles": coarse_batch,
    WARM: warm_batch,
}
SERVED = "the service"
LOOKED = "--check --diff each, plain tasks"
LOOKS: dict[str, Way] = {LOOKED: plain_check, "check for all, our roles": coarse_check}


def same_effect(estate: Estate) -> None:
    for plain, coarse in zip(named("p", PLAIN_BATCH), named("c", PLAIN_BATCH), strict=True):
        if estate.tree(plain) != estate.tree(coarse):
            raise SystemExit(f"{plain} and {coarse} should be the same, and are not")


def by_turns(estate: Estate, ways: dict[str, Way], turns: Iterable[int]) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for turn in turns:
        for name, way in ways.items():
            costs[name].append(way(estate, turn))
    return costs


def show(costs: dict[str, list[Cost]], first: str) -> None:
    print(f"\n{'':44}{'instances':>10}{'CPU s each':>11}{'of the first':>13}{'a minute':>10}{'supervisord':>12}")
    base = median(cost.each for cost in costs[first])
    for name, taken in costs.items():
        each, speed = median(cost.each for cost in taken), median(cost.a_minute for cost in taken)
        served = median(cost.served / cost.instances for cost in taken)
        print(f"{name:44}{taken[0].instances:10}{each:11.3f}{f'1/{base / each:.1f}':>13}{speed:10.0f}{served:12.3f}")


def show_parts(courses: list[Course], raw: list[Cost], number: int) -> None:
    """Where its time goes. What the runs take beyond ansible-playbook is its callback, supervisor and gate."""
    total = median(course.cpu for course in courses)
    warm = median(cost.each for cost in raw) * number
    print(f"\n{'the service':44}{'CPU s':>10}{'ms each':>10}{'share':>9}")
    for name in (RUNS, *ENGINE):
        told(f"  {name}", median(course.spent[name] for course in courses), total, number)
    told("engine: all but the runs", median(course.engine for course in courses), total, number)
    told("all beyond ansible-playbook, warm too", total - warm, total, number)


def told(name: str, spent: float, total: float, number: int) -> None:
    print(f"{name:44}{spent:10.2f}{spent / number * 1000:10.1f}{spent / total:9.1%}")


def show_nothing(costs: list[Counter[str]], number: int) -> None:
    spent = median(sum(cost.values()) for cost in costs)
    print(f"\nnothing to do for {number} instances, asked through the service: {spent:.2f} CPU s")


def grow(estate: Estate, fleet: Fleet) -> None:
    """The first line is of instances that begin, all others of what they do next. One run is no larger than above."""
    print(f"\n{'growth':44}{'instances':>10}{'CPU s':>10}{'CPU s each':>11}{'wall s':>10}{'peak MiB':>10}")
    grown("the service, for the first time", fleet.reconfigure(max(GROWTH)).cost(max(GROWTH)))
    for turn, number in enumerate(GROWTH, start=10):
        if number <= estate.batch:
            grown("one run, warm", estate.run_warm("coarse.yml", named("c", number), turn))
        grown(SERVED, fleet.reconfigure(number).cost(number))
        spent = sum(fleet.nothing(number).values())
        print(f"{'nothing to do, through the service':44}{number:10}{spent:10.2f}{spent / number:11.5f}", flush=True)


def grown(name: str, cost: Cost) -> None:
    print(
        f"{name:44}{cost.instances:10}{cost.cpu:10.1f}{cost.each:11.3f}{cost.wall:10.1f}{cost.peak >> 20:10}",
        flush=True,
    )


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--instances", type=int, default=50, help="of one run with our roles; %(default)s")
    wanted.add_argument("--rounds", type=int, default=ROUNDS, help="by turns; %(default)s")
    wanted.add_argument("--growth", action="store_true", help="also up to 2,000 instances; takes long")
    given = wanted.parse_args()
    number = max(given.instances, PLAIN_BATCH)
    print(f"New settings and texts for instances of {APP}, {given.rounds} times by turns; {load()}")
    with estate(number) as here, served(max(GROWTH) if given.growth else number) as fleet:
        by_turns(here, CHANGES, range(1))  # the first time they are made
        fleet.reconfigure(number)
        costs: dict[str, list[Cost]] = {name: [] for name in CHANGES}
        courses, nothing = [], []
        for turn in range(1, given.rounds + 1):
            for name, cost in by_turns(here, CHANGES, [turn]).items():
                costs[name] += cost
            courses.append(fleet.reconfigure(number))
            nothing.append(fleet.nothing(number))
        same_effect(here)
        costs[SERVED] = [course.cost(number) for course in courses]
        show(costs, ALONE)
        show_parts(courses, costs[WARM], number)
        show_nothing(nothing, number)
        # They find nothing, as they mostly do.
        looks = by_turns(here, LOOKS, [given.rounds] * given.rounds)
        looks["check for all, through the service"] = [fleet.check(number).cost(number) for _ in range(given.rounds)]
        show(looks, LOOKED)
        if given.growth:
            grow(here, fleet)


if __name__ == "__main__":
    main()
