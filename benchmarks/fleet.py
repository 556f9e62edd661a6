"""What one instance costs when many are brought to new settings and texts.

The files, settings and roles are those of a real app. The modules that look after services and health are the same on
every side.
"""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

sys.path.append(str(Path(__file__).parents[1]))

from estate import APP, Cost, Estate, estate, named
from machine import load

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


def through_the_service(_estate: Estate, _turn: int) -> Cost | None:
    """Not measured: jobs do not share a run yet."""
    return None


Way = Callable[[Estate, int], Cost | None]
ALONE = "one ansible-playbook each, plain tasks"
CHANGES: dict[str, Way] = {
    ALONE: one_by_one,
    "one ansible-playbook for all, plain tasks": plain_batch,
    "one ansible-playbook for all, our roles": coarse_batch,
    "the service": through_the_service,
}
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
            if cost := way(estate, turn):
                costs[name].append(cost)
    return costs


def show(costs: dict[str, list[Cost]], first: str) -> None:
    print(f"\n{'':44}{'instances':>10}{'CPU s each':>11}{'of the first':>13}{'a minute':>10}{'supervisord':>12}")
    base = median(cost.each for cost in costs[first])
    for name, taken in costs.items():
        if not taken:
            print(f"{name:44}{'-':>10}")
            continue
        each, speed = median(cost.each for cost in taken), median(cost.a_minute for cost in taken)
        served = median(cost.served / cost.instances for cost in taken)
        print(f"{name:44}{taken[0].instances:10}{each:11.3f}{f'1/{base / each:.1f}':>13}{speed:10.0f}{served:12.3f}")


def grow(estate: Estate) -> None:
    print(f"\n{'one run, our roles':44}{'instances':>10}{'CPU s':>10}{'CPU s each':>11}{'wall s':>10}{'peak MiB':>10}")
    for turn, number in enumerate(GROWTH, start=10):
        estate.run("coarse.yml", "ansible.cfg", named("c", number), 2 * turn)
        cost = estate.run("coarse.yml", "ansible.cfg", named("c", number), 2 * turn + 1)
        print(f"{'':44}{number:10}{cost.cpu:10.1f}{cost.each:11.3f}{cost.wall:10.1f}{cost.peak >> 20:10}")


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--instances", type=int, default=50, help="of one run with our roles; %(default)s")
    wanted.add_argument("--growth", action="store_true", help="also up to 2,000 instances in one run; takes long")
    given = wanted.parse_args()
    print(f"New settings and texts for instances of {APP}, {ROUNDS} times by turns; {load()}")
    with estate(max(given.instances, PLAIN_BATCH)) as here:
        by_turns(here, CHANGES, range(1))  # the first time they are made
        changes = by_turns(here, CHANGES, range(1, ROUNDS + 1))
        same_effect(here)
        show(changes, ALONE)
        # They find nothing, as they mostly do.
        show(by_turns(here, LOOKS, [ROUNDS] * ROUNDS), LOOKED)
        if given.growth:
            grow(here)


if __name__ == "__main__":
    main()
