"""What is submitted, and when: batches of several sizes and priorities that arrive while the monkey works."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from specreason.cli.demo import PROBLEMS
from specreason.errors import StoreUnavailable
from specreason.store.batches import IdempotencyKey, NewBatch, NewProblem, insert_batch
from specreason.store.session import Database
from tests.chaos.profiles import DEMO, Profile
from tests.chaos.scripted_pair import PROBLEM

SIZES = (2, 3, 5, 8, 12, 20, 40)
LEAST_BATCHES = 6
PRIORITIES = (0, 0, 0, 5, 9)
SHARE_OF_TIME = 0.9  # the last batch arrives then


@dataclass(frozen=True, slots=True)
class Arrival:
    at_s: float  # from the start
    batch: NewBatch


def plan(profile: Profile, num_jobs: int, duration_s: float, rng: random.Random) -> tuple[Arrival, ...]:
    """`num_jobs` jobs of one problem each, the first batch at once."""
    problems = iter(_problems(profile, num_jobs))
    sizes = [min(size, max(2, num_jobs // LEAST_BATCHES)) for size in SIZES]
    batches: list[list[NewProblem]] = []
    while some := list(islice(problems, rng.choice(sizes))):
        batches.append(some)
    moments = sorted(rng.uniform(0, SHARE_OF_TIME * duration_s) for _ in batches[1:])
    return tuple(
        Arrival(at_s, _batch(profile, index, some, rng))
        for index, (at_s, some) in enumerate(zip([0.0, *moments], batches, strict=True))
    )


class Submitter:
    """Submits what is due, again and again until Postgres has said that it has it."""

    def __init__(self, database: Database, arrivals: Iterable[Arrival]) -> None:
        self._database = database
        self._waiting = list(arrivals)
        self._started = time.monotonic()
        self.num_jobs = sum(len(arrival.batch.problems) for arrival in self._waiting)

    def tick(self, *, all_of_them: bool = False) -> None:
        elapsed_s = time.monotonic() - self._started
        while self._waiting and (all_of_them or self._waiting[0].at_s <= elapsed_s):
            try:
                # The key makes an uncertain commit harmless: asked again, it is the same batch.
                insert_batch(self._database, self._waiting[0].batch)
            except StoreUnavailable:
                return
            del self._waiting[0]

    @property
    def done(self) -> bool:
        return not self._waiting


def _problems(profile: Profile, num_jobs: int) -> list[NewProblem]:
    if profile is DEMO:
        known = [json.loads(line) for line in PROBLEMS.read_text().splitlines()]
        chosen = [known[number % len(known)] for number in range(num_jobs)]
        return [NewProblem(text=each["problem"], answer=str(each["answer"])) for each in chosen]
    # A third of them have a gold answer, so that graders work too.
    return [
        NewProblem(text=PROBLEM.format(number=number), answer=None if number % 3 else str(number))
        for number in range(num_jobs)
    ]


def _batch(profile: Profile, index: int, problems: list[NewProblem], rng: random.Random) -> NewBatch:
    return NewBatch(
        name=f"chaos {index}",
        pair=profile.pair,
        config=profile.config.model_copy(update={"seed": rng.randrange(2**31)}),
        problems=problems,
        priority=rng.choice(PRIORITIES),
        idempotency=IdempotencyKey(key=f"chaos-{index}", body_hash=str(len(problems))),
    )
