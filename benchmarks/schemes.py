"""Every scheme on the demo pair, side by side: `python -m benchmarks.schemes --out DIR [--problems N]`.

Conditions: held-out problems of the demo pair's generator through the product's own step loop on vLLM engines,
without queue and store; one job in flight, greedy decoding. Two pairs are loaded, one of them with token-level
speculation inside the base. Each problem runs under all arms in turn, so that a busy machine disturbs all alike, in
an order that goes round, and with empty prefix caches; comparisons are paired by problem. `useless drafter` samples
the drafter at temperature 2: its drafts are noise.

Rows go to DIR/rows.jsonl, and a second call with the same options adds what is missing. The last line of stdout is one
JSON object: under `schemes` by name and threshold, under `compared` the paired 95 % intervals. `expected score`
decides by the mean over the ten digits, `steps of 16 tokens` merges shorter ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, TextIO

from benchmarks.prefixes import forget_prefixes
from specreason.config import RunConfig, SchemeName
from specreason.demo.exercises import exercises
from specreason.demo.measured_job import MeasuredJob, measure_job, read_jobs
from specreason.engines.base import ModelPair
from specreason.engines.pair import close_pair, load_pair
from specreason.evaluation.clusters import difference_of_shares, figure_of_sums, mean_over_problems
from specreason.evaluation.intervals import Interval, pass_at_1_interval
from specreason.evaluation.scientific import np
from specreason.grading.exercises import Exercise
from specreason.pairs import get_pair, load_pairs
from specreason.reasoning.economics import Economics

# The seed of the exercises. The split, not the seed, keeps them out of training.
SEED = 30_001
COMMON = {"temperature": 0.0, "token_budget": 600, "max_step_tokens": 32, "max_answer_tokens": 24}
PLAIN, SPECULATING = "demo", "demo-decode"


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to run a problem. `key` is its place under `schemes`: name, and threshold where there is one."""

    name: str
    scheme: SchemeName
    pair: str = PLAIN
    threshold: int | None = None
    knobs: dict[str, Any] = field(default_factory=dict)
    # Shared by all problems of the arm, as in a worker.
    economics: Economics = field(default_factory=Economics)

    @property
    def key(self) -> str:
        return self.name if self.threshold is None else f"{self.name}@{self.threshold}"

    @property
    def config(self) -> RunConfig:
        return RunConfig(scheme=self.scheme, threshold=self.threshold, **(COMMON | self.knobs))


ARMS = (
    Arm("base", SchemeName.BASE),
    Arm("drafter", SchemeName.DRAFTER),
    Arm("specdecode", SchemeName.SPECDECODE, SPECULATING),
    *(Arm("specreason", SchemeName.SPECREASON, threshold=t) for t in (3, 5, 7, 9)),
    Arm("one by one", SchemeName.SPECREASON, threshold=7, knobs={"overlap": False}),
    *(
        Arm("expected score", SchemeName.SPECREASON, threshold=t, knobs={"score_method": "expected"})
        for t in (5, 7)
    ),
    Arm("steps of 16 tokens", SchemeName.SPECREASON, threshold=7, knobs={"min_step_tokens": 16}),
    Arm("specreason+decode", SchemeName.SPECREASON_DECODE, SPECULATING, threshold=7),
    Arm("adaptive", SchemeName.SPECREASON, threshold=7, knobs={"adaptive": True}),
    Arm(
        "useless drafter",
        SchemeName.SPECREASON,
        threshold=7,
        knobs={"adaptive": True, "drafter_temperature": 2.0, "drafter_top_p": 1.0},
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for rows.jsonl")
    parser.add_argument("--problems", type=int, default=200)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    path = arguments.out / "rows.jsonl"
    rows = read_jobs(path)
    with path.open("a") as file:
        asyncio.run(run_all(rows, file, arguments.problems))
    result = {
        "problems": arguments.problems,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "schemes": schemes(rows),
        "compared": compared(rows),
    }
    print(json.dumps(result, default=_rounded))
    return 0


async def run_all(rows: list[MeasuredJob], file: TextIO, num: int) -> None:
    """Add what is missing of `num` problems to `rows` and to `file`."""
    done = {(row.problem, row.arm) for row in rows}
    known = load_pairs()
    pairs = {name: await load_pair(name, get_pair(known, name)) for name in (PLAIN, SPECULATING)}
    try:
        warming = next(exercises(1, held_out=False))
        for arm in ARMS:
            await run_one(pairs[arm.pair], warming, arm)
        for number, exercise in enumerate(islice(exercises(SEED, held_out=True), num), 1):
            # Another arm comes first each time.
            first = number % len(ARMS)
            for arm in ARMS[first:] + ARMS[:first]:
                if (exercise.text, arm.key) not in done:
                    await forget_prefixes(pairs[arm.pair])
                    rows.append(await run_one(pairs[arm.pair], exercise, arm))
                    file.write(json.dumps(asdict(rows[-1])) + "\n")
            file.flush()
            if number % 10 == 0:
                print(f"{number}/{num} problems", flush=True)
    finally:
        for pair in pairs.values():
            await close_pair(pair)


async def run_one(pair: ModelPair, exercise: Exercise, arm: Arm) -> MeasuredJob:
    return await measure_job(pair, exercise, arm.key, arm.config, economics=arm.economics)


def schemes(rows: Sequence[MeasuredJob]) -> dict[str, Any]:
    """Figures of each arm, by name and threshold."""
    base = _by_problem(rows, "base")
    token_s = sum(r.base_s for r in base.values()) / sum(r.base_tokens for r in base.values())
    result: dict[str, Any] = {}
    for arm in ARMS:
        found = _by_problem(rows, arm.key)
        common = sorted(base.keys() & found.keys())
        drafted = sum(r.num_drafted for r in found.values())
        figures = {
            "pass_at_1": pass_at_1_interval(fmean(r.correct for r in found.values()), len(found)),
            "latency_s": fmean(r.latency_s for r in found.values()),
            "speedup": fmean(base[p].latency_s for p in common) / fmean(found[p].latency_s for p in common),
            "pass_at_1_over_base": difference_of_shares(
                [found[p].correct - base[p].correct for p in common], [1] * len(common)
            ),
            "steps": fmean(r.num_steps for r in found.values()),
            "kept_tokens": fmean(r.kept_tokens for r in found.values()),
            "spent_tokens": fmean(r.spent_tokens for r in found.values()),
            "acceptance": sum(r.num_accepted for r in found.values()) / drafted if drafted else None,
            "verification_in_base_tokens": (
                sum(r.verify_s for r in found.values()) / drafted / token_s if drafted else None
            ),
        }
        if arm.threshold is None:
            result[arm.name] = figures
        else:
            result.setdefault(arm.name, {})[str(arm.threshold)] = figures
    return result


def compared(rows: Sequence[MeasuredJob]) -> dict[str, Interval | float | None]:
    """How much of the second's latency the first one saves, paired by problem, as a share of the second's mean."""
    pairs = {
        "overlap saves of one by one": ("specreason@7", "one by one@7"),
        "specreason+decode saves of specreason": ("specreason+decode@7", "specreason@7"),
        "specreason+decode saves of specdecode": ("specreason+decode@7", "specdecode"),
        "adaptive saves of specreason": ("adaptive@7", "specreason@7"),
        "adaptive saves of base, useless drafter": ("useless drafter@7", "base"),
    }
    result: dict[str, Interval | float | None] = {}
    for name, (ours, other) in pairs.items():
        common = _common(rows, ours, other)
        saved = [second.latency_s - first.latency_s for first, second in common]
        result[name] = mean_over_problems(saved, [second.latency_s for _, second in common])
    gains = _common(rows, "adaptive@7", "specreason@7", "base")
    result["adaptive keeps of specreason's gain"] = figure_of_sums(
        lambda sums: sums[0] / sums[1],
        np.array(
            [
                (base.latency_s - adaptive.latency_s, base.latency_s - plain.latency_s)
                for adaptive, plain, base in gains
            ]
        ),
    )
    result["traces that overlap leaves as they are"] = fmean(
        ahead.kept == one_by_one.kept for ahead, one_by_one in _common(rows, "specreason@7", "one by one@7")
    )
    return result


def _common(rows: Sequence[MeasuredJob], *arms: str) -> list[tuple[MeasuredJob, ...]]:
    """One tuple a problem that all `arms` have run."""
    found = [_by_problem(rows, arm) for arm in arms]
    return [tuple(of[p] for of in found) for p in found[0] if all(p in of for of in found)]


def _by_problem(rows: Iterable[MeasuredJob], arm: str) -> dict[str, MeasuredJob]:
    return {row.problem: row for row in rows if row.arm == arm}


def _rounded(value: Interval) -> dict[str, float | None]:
    return {name: None if number is None else round(number, 4) for name, number in asdict(value).items()}


if __name__ == "__main__":
    sys.exit(main())
