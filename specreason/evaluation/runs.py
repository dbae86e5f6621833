"""What a comparison needs to know of one batch: its problems, and some columns of its jobs.

Columns, not rows: a batch has many jobs, and most of what is made of them are sums.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

Columns = Mapping[str, Sequence[Any]]


def is_measured(state: str) -> bool:
    """Whether figures of times, tokens and steps measure such a job: one that did not succeed did part of its work.

    What all jobs took together, such as the cost of a right answer, includes the others.
    """
    return state == "succeeded"


def is_timed(state: str, resumed: bool) -> bool:
    """Whether the job's latency compares with that of others: an earlier attempt did part of a resumed one's work."""
    return is_measured(state) and not resumed


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProblem:
    """One problem. `problem_id` is the user's own name for it, and `digest` the same for equal texts or chats."""

    problem_id: str | None
    gold: str | None
    digest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJob:
    """One job as its row has it. Counts and times are None until it has ended, or where nobody measured them.

    A grade is final unless another one is to come. `num_thinking` are the steps of thinking that a model wrote; the
    drafter kept `num_by_drafter` of them, and `drafter_tokens` of the kept tokens are its own. Device times are seconds
    of the pair, on all of its `num_devices`.
    """

    job_id: UUID
    problem_index: int
    repeat: int
    state: str
    answer: str | None
    is_correct: bool | None
    graded_by: str | None
    is_gradable: bool
    is_final: bool
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
    def timed_s(self) -> float | None:
        """Its latency, if that compares with others."""
        return self.latency_s if is_timed(self.state, self.resumed) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One batch. `problems` are the columns of RunProblem by index, `jobs` those of RunJob by problem and repeat."""

    batch_id: UUID
    name: str
    pair: str
    config: Mapping[str, Any]
    created_at: datetime
    problems: Columns
    jobs: Columns

    @property
    def num_problems(self) -> int:
        return len(self.problems["digest"])

    @property
    def num_jobs(self) -> int:
        return len(self.jobs["job_id"])

    def gpu_s(self) -> list[float | None]:
        """By job, its device time, each device counted; None unless it has succeeded and was measured."""
        columns = ("state", "drafter_device_s", "base_device_s", "num_devices")
        return [
            None
            if not is_measured(state) or drafter_s is None or base_s is None
            else (drafter_s + base_s) * num_devices
            for state, drafter_s, base_s, num_devices in zip(
                *(self.jobs[name] for name in columns), strict=True
            )
        ]

    def job(self, place: int) -> RunJob:
        """The row at a place in the columns."""
        return RunJob(**{field.name: self.jobs[field.name][place] for field in fields(RunJob)})
