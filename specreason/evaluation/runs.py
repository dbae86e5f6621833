"""What a comparison needs to know of one batch: its problems, and one short row for each of its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProblem:
    """One problem. `problem_id` is the user's own name for it, and `digest` the same for equal texts or chats."""

    index: int
    problem_id: str | None
    gold: str | None
    digest: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    """One job as its row has it. Counts and times are None until it has ended, or where nobody measured them.

    `num_thinking` are the steps of thinking that a model wrote; the drafter kept `num_by_drafter` of them, and
    `drafter_tokens` of the kept tokens are its own. Device times are seconds of the pair, on all of its `num_devices`.
    """

    job_id: UUID
    problem_index: int
    repeat: int
    state: str
    answer: str | None
    is_correct: bool | None
    graded_by: str | None
    is_gradable: bool
    is_final: bool  # its grade is the last one: no other is to come
    resumed: bool
    latency_s: float | None
    concurrency: float | None
    pair_fingerprint: str | None
    num_steps: int | None
    num_thinking: int | None
    num_by_drafter: int | None
    num_drafted: int | None
    num_accepted: int | None
    kept_tokens: int | None
    drafter_tokens: int | None
    spent_tokens: int | None
    drafter_device_s: float | None
    base_device_s: float | None
    drafter_prefill_s: float | None
    base_prefill_s: float | None
    num_devices: int

    @property
    def has_ended(self) -> bool:
        return self.state not in ("queued", "running")

    @property
    def is_timed(self) -> bool:
        """Whether its latency compares with that of others: it succeeded, and in one attempt."""
        return self.state == "succeeded" and not self.resumed and self.latency_s is not None

    @property
    def gpu_s(self) -> float | None:
        """Device time, each device counted."""
        if self.drafter_device_s is None or self.base_device_s is None:
            return None
        return (self.drafter_device_s + self.base_device_s) * self.num_devices


@dataclass(frozen=True, kw_only=True)
class Run:
    """One batch. `problems` are in order, `jobs` by problem and repeat."""

    batch_id: UUID
    name: str
    pair: str
    config: Mapping[str, Any]
    created_at: datetime
    problems: tuple[RunProblem, ...]
    jobs: tuple[RunJob, ...]

    @cached_property
    def jobs_of(self) -> Mapping[int, tuple[RunJob, ...]]:
        """The jobs of each problem, by its index, in the order of their repeats."""
        found: dict[int, list[RunJob]] = {}
        for job in self.jobs:
            found.setdefault(job.problem_index, []).append(job)
        return {index: tuple(jobs) for index, jobs in found.items()}
