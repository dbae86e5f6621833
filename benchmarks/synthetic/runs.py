"""Batches and their jobs as runs of a 32B base and a 1.5B drafter would leave them, as arrays over the jobs.

Jobs have 100 steps in the mean, gamma distributed. A problem has its difficulty in every batch of its dataset; where
it is hard, the judge gives lower scores and answers are wrong more often. 8 % of the jobs use up their token budget,
1 % go round in circles, 1 % fail, and 2 % went on from stored steps after their worker was lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic import texts
from specreason.config import RunConfig, SchemeName, ScoreMethod

Array = NDArray[Any]

JOBS_PER_BATCH = 5000
STEPS_PER_JOB = 100
FEWEST_STEPS = 4
IN_FLIGHT = 16
DAY_US = 86_400_000_000
FIRST_DAY_US = 9800 * DAY_US  # since 2000: the autumn of 2026

REPEATS = (1, 4, 16, 2, 8)
"""Of the batches of each dataset. Four runs of a dataset follow one another."""
RUNS = (
    RunConfig(scheme=SchemeName.BASE),
    RunConfig(scheme=SchemeName.SPECREASON, threshold=7),
    RunConfig(scheme=SchemeName.SPECREASON, threshold=5),
    RunConfig(scheme=SchemeName.SPECREASON, threshold=6.5, score_method=ScoreMethod.EXPECTED, adaptive=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBatch:
    """A batch before it is drawn. `dataset`: batches of one number have the same problems."""

    number: int
    dataset: int
    config: RunConfig
    num_problems: int
    num_steps: int

    @property
    def num_jobs(self) -> int:
        return self.num_problems * self.config.repeats

    @property
    def created_us(self) -> int:
        return FIRST_DAY_US + self.number * DAY_US


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnJobs:
    """One element per job. `answer` is what it says, `gold` what would be right; `first_step` of the last attempt."""

    problem: Array
    repeat: Array
    num_steps: Array
    right: Array
    failed: Array
    cut: Array
    circles: Array
    first_step: Array
    gold: Array
    answer: Array
    started_us: Array


def plan(num_steps: int, *, jobs_per_batch: int = JOBS_PER_BATCH) -> Iterator[PlannedBatch]:
    """Batches with `num_steps` steps in all: at least two, of `jobs_per_batch` jobs or, for few steps, of fewer."""
    num_jobs = max(2, num_steps // STEPS_PER_JOB)
    per_batch = min(jobs_per_batch, num_jobs // 2)
    num_batches = num_jobs // per_batch
    for number in range(num_batches):
        dataset, run = divmod(number, len(RUNS))
        repeats = min(REPEATS[dataset % len(REPEATS)], per_batch)
        left = num_steps % num_batches if number == num_batches - 1 else 0
        yield PlannedBatch(
            number=number,
            dataset=dataset,
            config=RUNS[run].model_copy(update={"repeats": repeats}),
            num_problems=per_batch // repeats,
            num_steps=num_steps // num_batches + left,
        )


def draw_jobs(batch: PlannedBatch, random: np.random.Generator) -> DrawnJobs:
    count = batch.num_jobs
    of_dataset = np.random.default_rng(batch.dataset)
    difficulty = of_dataset.normal(size=batch.num_problems)
    gold = of_dataset.integers(texts.NUM_ANSWERS, size=batch.num_problems)
    problem = np.tile(np.arange(batch.num_problems), batch.config.repeats)
    num_steps = _lengths(batch, random)
    loss = 0.0 if batch.config.threshold is None else (9 - batch.config.threshold) / 10
    right = random.random(count) < 1 / (1 + np.exp(1.5 * difficulty[problem] - 1 + loss))
    fate = random.random(count)
    circles, cut, failed = fate < 0.01, (fate >= 0.01) & (fate < 0.09), (fate >= 0.09) & (fate < 0.10)
    resumed = random.random(count) < 0.02
    wrong = (gold[problem] + random.integers(1, texts.NUM_ANSWERS, size=count)) % texts.NUM_ANSWERS
    job_s = 40.0 / IN_FLIGHT
    return DrawnJobs(
        problem=problem,
        repeat=np.repeat(np.arange(batch.config.repeats), batch.num_problems),
        num_steps=num_steps,
        right=right,
        failed=failed,
        cut=cut,
        circles=circles,
        first_step=np.where(resumed, num_steps // 2, 0),
        gold=gold[problem],
        answer=np.where(right, gold[problem], wrong),
        started_us=batch.created_us + (np.arange(count) * job_s * 1e6).astype(np.int64),
    )


def _lengths(batch: PlannedBatch, random: np.random.Generator) -> Array:
    count = batch.num_jobs
    spare = batch.num_steps - FEWEST_STEPS * count
    assert spare >= 0, "so few steps make no job"
    drawn = random.gamma(4, size=count)
    lengths = FEWEST_STEPS + (drawn / drawn.sum() * spare).astype(np.int64)
    lengths[: batch.num_steps - int(lengths.sum())] += 1
    return lengths
