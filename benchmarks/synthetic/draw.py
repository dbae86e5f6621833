"""A whole batch, drawn at random; the same each time."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic.runs import DrawnJobs, PlannedBatch, draw_jobs
from benchmarks.synthetic.steps import DrawnSteps, draw_steps

UNIX_MS = 946_684_800_000  # of the first moment of 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBatch:
    """The ids of jobs are also there as rows of 16 bytes."""

    plan: PlannedBatch
    jobs: DrawnJobs
    steps: DrawnSteps
    batch_id: UUID
    problem_ids: list[UUID]
    job_ids: list[UUID]
    job_id_bytes: NDArray[np.uint8]
    grade_ids: list[UUID]


def draw(plan: PlannedBatch) -> DrawnBatch:
    random = np.random.default_rng(plan.number)
    jobs = draw_jobs(plan, random)
    steps = draw_steps(plan, jobs, random)
    counts = (1, plan.num_problems, plan.num_jobs, plan.num_jobs)
    of_batch, problems, of_jobs, grades = (
        _uuids(plan.created_us + 1_000_000 * place, count, random) for place, count in enumerate(counts)
    )
    return DrawnBatch(
        plan=plan,
        jobs=jobs,
        steps=steps,
        batch_id=_as_uuids(of_batch)[0],
        problem_ids=_as_uuids(problems),
        job_ids=_as_uuids(of_jobs),
        job_id_bytes=of_jobs,
        grade_ids=_as_uuids(grades),
    )


def _uuids(created_us: int, count: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """`count` uuid7 in ascending order, 4,096 to a millisecond, as rows of 16 bytes."""
    number = np.arange(count, dtype=np.uint64)
    milliseconds = np.uint64(UNIX_MS + created_us // 1000) + number // np.uint64(4096)
    high = (milliseconds << np.uint64(16)) | np.uint64(0x7000) | (number % np.uint64(4096))
    ids = np.empty((count, 16), dtype=np.uint8)
    ids[:, :8] = high.astype(">u8").view(np.uint8).reshape(count, 8)
    ids[:, 8:] = random.integers(256, size=(count, 8), dtype=np.uint8)
    ids[:, 8] = ids[:, 8] & 0x3F | 0x80
    return ids


def _as_uuids(ids: NDArray[np.uint8]) -> list[UUID]:
    return [UUID(bytes=one.tobytes()) for one in ids]
