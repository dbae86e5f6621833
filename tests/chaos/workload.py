"""The submissions of the run: batches of several sizes and priorities that arrive while the monkey works."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from specreason.submission.problem import BUNDLED_PROBLEMS
from tests.chaos.deployment.api import ApiProcess
from tests.chaos.deployment.scripted_pair import PROBLEM
from tests.chaos.profiles import DEMO, Profile

SIZES = (2, 3, 5, 8, 12, 20, 40)
LEAST_BATCHES = 6
PRIORITIES = (0, 0, 0, 5, 9)
LOOK_EVERY_S = 0.1
SHARE_OF_TIME = 0.9  # the last batch arrives then


@dataclass(frozen=True, slots=True)
class Arrival:
    at_s: float  # from the start
    batch: dict[str, Any]  # as the API takes it


def plan(profile: Profile, num_jobs: int, duration_s: float, rng: random.Random) -> tuple[Arrival, ...]:
    """`num_jobs` jobs of one problem each, the first batch at once."""
    problems = iter(_problems(profile, num_jobs))
    sizes = [min(size, max(2, num_jobs // LEAST_BATCHES)) for size in SIZES]
    batches: list[list[dict[str, str]]] = []
    while some := list(islice(problems, rng.choice(sizes))):
        batches.append(some)
    moments = sorted(rng.uniform(0, SHARE_OF_TIME * duration_s) for _ in batches[1:])
    return tuple(
        Arrival(at_s, _batch(profile, index, some, rng))
        for index, (at_s, some) in enumerate(zip([0.0, *moments], batches, strict=True))
    )


class Submitter:
    """Submits each batch when it is due, and repeats the request until the API confirms it. It has its own thread."""

    def __init__(self, api: ApiProcess, arrivals: Iterable[Arrival]) -> None:
        self._api = api
        self._waiting = list(arrivals)
        self._started = time.monotonic()
        self.num_jobs = sum(len(arrival.batch["problems"]) for arrival in self._waiting)
        self.num_unanswered = 0
        self.may_submit = threading.Event()
        self.hurry = threading.Event()
        self._thread = threading.Thread(target=self._submit, name="submitter", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def _submit(self) -> None:
        for arrival in self._waiting:
            while (
                not (self.hurry.is_set() or self._elapsed_s >= arrival.at_s) or not self.may_submit.is_set()
            ):
                time.sleep(LOOK_EVERY_S)
            # The key makes an uncertain commit harmless: asked again, it is the same batch.
            while not self._api.post("/api/batches", arrival.batch, key=arrival.batch["name"]):
                self.num_unanswered += 1
                time.sleep(LOOK_EVERY_S)

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started


def _problems(profile: Profile, num_jobs: int) -> list[dict[str, str]]:
    if profile is DEMO:
        known = [json.loads(line) for line in BUNDLED_PROBLEMS.read_text().splitlines()]
        chosen = [known[number % len(known)] for number in range(num_jobs)]
        return [{"problem": each["problem"], "answer": str(each["answer"])} for each in chosen]
    # A third of them have a gold answer, so that graders work too.
    return [
        {"problem": PROBLEM.format(number=number)} | ({} if number % 3 else {"answer": str(number)})
        for number in range(num_jobs)
    ]


def _batch(
    profile: Profile, index: int, problems: list[dict[str, str]], rng: random.Random
) -> dict[str, Any]:
    return {
        "name": f"chaos {index}",
        "pair": profile.pair,
        "config": profile.config.model_dump(mode="json")
        | {"seed": rng.randrange(2**31), "overlap": rng.random() < 0.5},
        "problems": problems,
        "priority": rng.choice(PRIORITIES),
    }
