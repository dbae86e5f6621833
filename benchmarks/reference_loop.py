"""Ours against the flow that the paper's authors published: `python -m benchmarks.reference_loop [--problems N]`.

Conditions: the demo pair, held-out problems of its generator, one job in flight, threshold 7, greedy decoding, the
same limits of step and budget. *Theirs*: `benchmarks/published_flow.py`, two `vllm serve` processes, with and without
a request for the list of models before each other request. *Ours*: the step loop on the two engines of this process,
as it is by default, and `ours one by one` without overlap. All four engines have the same settings and the same
cores; each problem runs all four ways in turn, in an order that goes round, and with empty prefix caches.

`prefilled_per_step`: prompt tokens that were computed and not found in the prefix cache, per kept step, both models
together. With overlap, drafts that were begun ahead in vain are not in it; `ours one by one` has none. `speedup`: their
mean latency per job over ours. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from statistics import fmean
from typing import Any

from benchmarks.prefixes import forget_prefixes
from benchmarks.published_flow import Outcome, PublishedFlow, served, with_planned_caches
from specreason.config import RunConfig
from specreason.demo.exercises import exercises
from specreason.engines.base import ModelPair
from specreason.engines.machine.cores import available_cores, split_cores
from specreason.engines.pair import close_pair, load_pair
from specreason.evaluation.clusters import difference_of_shares, ratio_of_means
from specreason.evaluation.intervals import Interval
from specreason.grading.exercises import Exercise
from specreason.pairs import PairConfig, get_pair, load_pairs
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import ListSink
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn

PAIR = "demo"
SEED = 50_001
THRESHOLD = 7
CONFIG = RunConfig(
    threshold=THRESHOLD, temperature=0.0, token_budget=600, max_step_tokens=32, max_answer_tokens=24
)
ONE_BY_ONE = CONFIG.model_copy(update={"overlap": False})

Way = Callable[[Exercise], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Row:
    """One exercise, one way."""

    correct: bool
    latency_s: float
    num_steps: int
    num_prefilled: int


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=60)
    num = parser.parse_args().problems
    pair = with_planned_caches(get_pair(load_pairs(), PAIR))
    drafter_cores, base_cores = split_cores(available_cores())
    with (
        served(pair.drafter, pair, drafter_cores) as drafter_url,
        served(pair.base, pair, base_cores) as base_url,
    ):
        theirs = PublishedFlow(
            drafter_url=drafter_url,
            base_url=base_url,
            judge_suffix=pair.judge_suffix or "",
            config=CONFIG,
            threshold=THRESHOLD,
        )
        rows = asyncio.run(run_all(theirs, pair, num))
    conditions = {
        "problems": num,
        "threshold": THRESHOLD,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
    }
    print(json.dumps(figures(rows) | conditions, default=rounded))
    return 0


async def run_all(flow: PublishedFlow, config: PairConfig, num: int) -> dict[str, list[Row]]:
    """Rows of each way, in the order of the problems."""
    pair = await load_pair(PAIR, config)
    ways: dict[str, Way] = {
        "ours": lambda exercise: ours(pair, exercise, CONFIG),
        "ours one by one": lambda exercise: ours(pair, exercise, ONE_BY_ONE),
        "theirs": lambda exercise: theirs(flow, exercise, asks_for_models=True),
        "theirs without model list": lambda exercise: theirs(flow, exercise, asks_for_models=False),
    }
    rows: dict[str, list[Row]] = {name: [] for name in ways}
    try:
        warming = next(exercises(1, held_out=False))
        for way in ways.values():
            await way(warming)
        for number, exercise in enumerate(islice(exercises(SEED, held_out=True), num), 1):
            names = list(ways)
            first = number % len(names)  # none always comes first
            for name in names[first:] + names[:first]:
                await forget_prefixes(pair)
                await asyncio.to_thread(flow.forget_prefixes)
                rows[name].append(await timed(ways[name], exercise))
            if number % 10 == 0:
                print(f"{number}/{num} problems", flush=True)
    finally:
        await close_pair(pair)
    return rows


async def timed(way: Way, exercise: Exercise) -> Row:
    began = time.perf_counter()
    outcome = await way(exercise)
    return Row(
        correct=f"\\boxed{{{exercise.answer}}}" in outcome.answer,
        latency_s=time.perf_counter() - began,
        num_steps=outcome.num_steps,
        num_prefilled=outcome.num_prefilled,
    )


async def ours(pair: ModelPair, exercise: Exercise, config: RunConfig) -> Outcome:
    transcript = Transcript(pair, user_turn(exercise.text))
    trace = await reason(plan_run(config, pair, transcript, seed=0, repeat=0), transcript, ListSink())
    calls = [c for step in trace.steps for c in (step.draft, step.verdict, step.written) if c is not None]
    return Outcome(
        answer=trace.answer_text or "",
        num_steps=len(trace.steps),
        num_prefilled=sum(call.num_prompt_tokens - call.num_cached_tokens for call in calls),
    )


async def theirs(flow: PublishedFlow, exercise: Exercise, *, asks_for_models: bool) -> Outcome:
    return await asyncio.to_thread(flow.run, exercise.text, asks_for_models=asks_for_models)


def figures(rows: dict[str, list[Row]]) -> dict[str, Any]:
    def seconds(name: str) -> Sequence[float]:
        return [row.latency_s for row in rows[name]]

    correct = {name: [row.correct for row in found] for name, found in rows.items()}
    return {
        "speedup": ratio_of_means(seconds("theirs"), seconds("ours")),
        "speedup_without_model_list": ratio_of_means(seconds("theirs without model list"), seconds("ours")),
        "speedup_one_by_one": ratio_of_means(seconds("theirs"), seconds("ours one by one")),
        "latency_s": {name: round(fmean(seconds(name)), 4) for name in rows},
        "pass_at_1": {name: round(fmean(found), 4) for name, found in correct.items()},
        "pass_at_1_over_theirs": difference_of_shares(
            [a - b for a, b in zip(correct["ours"], correct["theirs"], strict=True)], [1] * len(rows["ours"])
        ),
        "steps": {name: round(fmean(row.num_steps for row in found), 2) for name, found in rows.items()},
        "prefilled_per_step": {
            name: round(sum(r.num_prefilled for r in found) / sum(r.num_steps for r in found), 1)
            for name, found in rows.items()
        },
    }


def rounded(value: Interval) -> dict[str, float | None]:
    return {name: None if number is None else round(number, 4) for name, number in asdict(value).items()}


if __name__ == "__main__":
    sys.exit(main())
