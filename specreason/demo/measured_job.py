"""One exercise through the product's own step loop, one job in flight: how it is timed, and what is kept of it.

`python -m specreason.demo.measure` and `python -m benchmarks.schemes` write these as the lines of their `rows.jsonl`.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from specreason.config import RunConfig, SchemeName
from specreason.engines.base import ModelPair, Role
from specreason.grading.exercises import Exercise, grade_drafts
from specreason.reasoning.economics import Economics
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import ListSink, Phase, StepRecord, kept_thinking_tokens
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import user_turn


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted step: the score it deserves, in one word why, and the digit that the judge gave it."""

    deserved: int
    kind: str
    digit: int | None

    @property
    def right(self) -> bool:
        return self.deserved >= 8


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredJob:
    """One exercise under one arm, that is, one way to run it."""

    problem: str
    arm: str
    correct: bool
    latency_s: float
    # A digest of the kept token ids.
    kept: str
    num_steps: int
    # Kept tokens of the thinking.
    kept_tokens: int
    spent_tokens: int
    num_drafted: int
    num_accepted: int
    verify_s: float
    # The time in which the base wrote `base_tokens`. Both leave out the first token of each call.
    base_s: float
    base_tokens: int
    # Seconds per token of the longest completion of a baseline, after its first token; None for other schemes.
    tpot_s: float | None
    drafts: list[Draft]


async def measure_job(
    pair: ModelPair, exercise: Exercise, arm: str, config: RunConfig, *, economics: Economics | None = None
) -> MeasuredJob:
    """Run one job, timed from prompt to answer."""
    began = time.perf_counter()
    transcript = Transcript(pair, user_turn(exercise.text))
    run = plan_run(config, pair, transcript, seed=0, repeat=0, economics=economics)
    trace = await reason(run, transcript, ListSink())
    latency_s = time.perf_counter() - began
    steps = trace.steps
    by_base = [s.written for s in steps if s.written is not None and s.author is Role.BASE]
    is_baseline = config.scheme in (SchemeName.BASE, SchemeName.DRAFTER)
    return MeasuredJob(
        problem=exercise.text,
        arm=arm,
        correct=f"\\boxed{{{exercise.answer}}}" in (trace.answer_text or ""),
        latency_s=latency_s,
        kept=sha256(repr([s.kept_ids for s in steps]).encode()).hexdigest()[:16],
        num_steps=len(steps),
        kept_tokens=kept_thinking_tokens(steps),
        spent_tokens=_sum(steps, lambda s: s.num_spent_tokens),
        num_drafted=_sum(steps, lambda s: s.decision.drafted),
        num_accepted=_sum(steps, lambda s: s.decision.drafted and s.written is None),
        verify_s=sum(s.verdict.latency_s for s in steps if s.verdict is not None),
        base_s=sum(c.latency_s - c.ttft_s for c in by_base),
        base_tokens=sum(c.num_tokens - 1 for c in by_base),
        tpot_s=_tpot(steps) if is_baseline else None,
        drafts=judged_drafts(exercise, steps),
    )


def judged_drafts(exercise: Exercise, steps: Iterable[StepRecord]) -> list[Draft]:
    """The scored drafts of a trace with the grades that the exercise's own rules give them."""
    thought = [step for step in steps if step.phase is Phase.THINK]
    grades = grade_drafts(exercise, ((s.draft.text if s.draft else None, s.kept_text) for s in thought))
    return [
        Draft(grade.score, grade.kind, step.verdict.digit)
        for step, grade in zip(thought, grades, strict=True)
        if grade is not None and step.verdict is not None
    ]


def read_jobs(path: Path) -> list[MeasuredJob]:
    """The jobs of a `rows.jsonl`, none if the file does not exist."""
    if not path.exists():
        return []
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [MeasuredJob(**{**row, "drafts": [Draft(**draft) for draft in row["drafts"]]}) for row in rows]


def _tpot(steps: Iterable[StepRecord]) -> float | None:
    written = [s.written for s in steps if s.phase is Phase.THINK and s.written and s.written.num_tokens > 1]
    if not written:
        return None
    longest = max(written, key=lambda c: c.num_tokens)
    return (longest.latency_s - longest.ttft_s) / (longest.num_tokens - 1)


def _sum(steps: Iterable[StepRecord], number: Callable[[StepRecord], int]) -> int:
    return sum(number(step) for step in steps)
