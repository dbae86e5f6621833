"""A store with known answers: four problems, run by the base alone and, twice each, by SpecReason with threshold 7.

A draft has 8 tokens and takes 0.2 s, its verdict 0.1 s; text that the base writes has 10 tokens and takes 1 s; an
answer has 5 tokens, an end of sequence, and takes 0.5 s. The first token of each call takes 0.1 s. So the three kinds
of traces of SpecReason wait 1.1, 2.1 and 3.1 s for engines, and spend 24, 34 and 44 tokens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from specreason.config import RunConfig, SchemeName
from specreason.engines.base import Completion, FinishReason, Role, Verdict
from specreason.reasoning.steps import Decision, Odds, Phase, StepRecord, StopReason
from specreason.store.access.visibility import Viewer
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.queue.problems import NewProblem, check
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.rewards import Reward, write_rewards
from specreason.store.trace.writer import TraceWriter
from tests.support.store.builders import PAIR, append_all, claimed, insert_batch, job_ids, start_worker
from tests.support.store.sql import execute, rows_of

RIGHT, WRONG = "4", "5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The two batches, and the second job of SpecReason's: problem 1, repeat 0."""

    base: UUID
    specreason: UUID
    job: UUID


def completion(text: str, *, tokens: int, latency_s: float, first: int = 0) -> Completion:
    return Completion(
        token_ids=tuple(range(first, first + tokens)),
        text=text,
        finish_reason=FinishReason.DELIMITER,
        num_prompt_tokens=40,
        num_cached_tokens=32,
        ttft_s=0.1,
        latency_s=latency_s,
    )


def drafted(index: int, score: int | None, *, odds: Odds | None = None) -> StepRecord:
    """A draft with this score. The judge is certain of it; without a digit, it is half sure of none."""
    draft = completion(f"I guess {index}.\n\n", tokens=8, latency_s=0.2)
    share = 0.0 if score is not None else 0.05
    probs = tuple(1.0 if digit == score else share for digit in range(10))
    verdict = Verdict(
        digit=score, digit_probs=probs, token_id=7, num_prompt_tokens=50, num_cached_tokens=48, latency_s=0.1
    )
    is_kept = score is not None and score >= 7
    written = completion(f"Wait, it is {index}.\n\n", tokens=10, latency_s=1.0)
    decision = Decision.REJECTED_NO_DIGIT if score is None else Decision.REJECTED
    kept = draft if is_kept else written
    return StepRecord(
        index=index,
        phase=Phase.THINK,
        decision=Decision.ACCEPTED if is_kept else decision,
        author=Role.DRAFTER if is_kept else Role.BASE,
        kept_ids=kept.token_ids,
        kept_text=kept.text,
        threshold=7.0,
        draft=draft,
        verdict=verdict,
        written=None if is_kept else written,
        odds=odds,
    )


def alone(index: int) -> StepRecord:
    written = completion(f"So it is {index}.\n\n", tokens=10, latency_s=1.0)
    return StepRecord(
        index=index,
        phase=Phase.THINK,
        decision=Decision.BASE_ONLY,
        author=Role.BASE,
        kept_ids=written.token_ids,
        kept_text=written.text,
        written=written,
    )


def closing(index: int) -> StepRecord:
    return StepRecord(
        index=index,
        phase=Phase.THINK,
        decision=Decision.CLOSED_TOKEN_BUDGET,
        author=None,
        kept_ids=(2,),
        kept_text="</think>",
    )


def answering(index: int, says: str) -> StepRecord:
    written = completion(rf"\boxed{{{says}}}", tokens=6, latency_s=0.5)
    return StepRecord(
        index=index,
        phase=Phase.ANSWER,
        decision=Decision.ANSWER,
        author=Role.BASE,
        kept_ids=written.token_ids[:-1],
        kept_text=written.text,
        written=written,
    )


def accepting(says: str) -> tuple[StepRecord, ...]:
    return (drafted(0, 9), drafted(1, 8), answering(2, says))


def wavering(says: str) -> tuple[StepRecord, ...]:
    odds = Odds(acceptance=0.25, break_even=0.5, tokens_since_draft=40)
    return (drafted(0, 7), drafted(1, 3, odds=odds), answering(2, says))


def rejecting(says: str) -> tuple[StepRecord, ...]:
    return (drafted(0, None), drafted(1, 2), closing(2), answering(3, says))


def thinking(says: str) -> tuple[StepRecord, ...]:
    return (alone(0), alone(1), answering(2, says))


BASE = (thinking(RIGHT), thinking(RIGHT), thinking(WRONG), thinking(RIGHT))
SPECREASON = (
    (accepting(RIGHT), wavering(WRONG), rejecting(RIGHT), accepting(RIGHT)),
    (accepting(RIGHT), wavering(RIGHT), rejecting(WRONG), wavering(RIGHT)),
)


def build(database: Database) -> Known:
    """Both batches with ended and graded jobs."""
    base = _batch(database, "base", SchemeName.BASE, repeats=1)
    specreason = _batch(database, "specreason", SchemeName.SPECREASON, repeats=2)
    known = run_both(database, base, specreason)
    _reward(database, known)
    return known


def run_both(database: Database, base: UUID, specreason: UUID) -> Known:
    """Run all jobs, one after the other, and grade them. Times that a clock measured are set to known ones.

    Both batches are over the four problems; SpecReason's has one or two repeats.
    """
    writer, worker_id = TraceWriter(database), start_worker(database, lease_s=600)
    try:
        _run(database, writer, base, worker_id, BASE)
        _run(database, writer, specreason, worker_id, [trace for repeat in SPECREASON for trace in repeat])
    finally:
        writer.close()
    _set_times(database, base, drafter_s=0.0, base_s=2.0, prefill_s=0.5)
    _set_times(database, specreason, drafter_s=0.25, base_s=0.75, prefill_s=0.375)
    execute(
        database, f"UPDATE job SET mean_concurrency = 2 WHERE batch_id = '{specreason}' AND num_steps = 4"
    )
    return Known(base=base, specreason=specreason, job=job_ids(database, specreason)[1])


def _reward(database: Database, known: Known) -> None:
    """A process reward model gives each draft a tenth of its digit, and 0.95 to what the base wrote in its place."""
    asked = f"""SELECT job_id, index, decision, utility_score FROM step_detail
                WHERE batch_id = '{known.specreason}' AND utility_score IS NOT NULL"""
    rewards = [
        Reward(
            job_id=job_id,
            step_index=index,
            score=digit / 10 if decision == "accepted" else 0.95,
            draft_score=None if decision == "accepted" else digit / 10,
        )
        for job_id, index, decision, digit in rows_of(database, asked)
    ]
    write_rewards(database, Viewer.EVERYONE, known.specreason, rewards, prm="prm", revision="1")


def _batch(database: Database, name: str, scheme: SchemeName, *, repeats: int) -> UUID:
    problems = [
        NewProblem(text="2 + 2?", answer=RIGHT, problem_id=f"p{i}", source={"dataset": "sums"})
        for i in range(4)
    ]
    config = RunConfig(scheme=scheme, repeats=repeats, threshold=7.0, top_k=20)
    return insert_batch(database, NewBatch(name=name, pair=PAIR, config=config, problems=check(problems)))


def _run(
    database: Database,
    writer: TraceWriter,
    batch_id: UUID,
    worker_id: UUID,
    traces: Sequence[Sequence[StepRecord]],
) -> None:
    for job_id, trace in zip(job_ids(database, batch_id), traces, strict=False):
        job = claimed(database, job_id, worker_id)
        asyncio.run(append_all(writer, job, *trace))
        says = RIGHT if rf"{{{RIGHT}}}" in trace[-1].kept_text else WRONG
        stop = StopReason.TOKEN_BUDGET if len(trace) == 4 else StopReason.ANSWERED
        result = JobResult(
            state=JobState.SUCCEEDED, stop_reason=stop, answer=says, store_s=0.1, mean_concurrency=1.0
        )
        assert finish(database, job, result)
    execute(
        database,
        f"""INSERT INTO grade (id, job_id, grader, is_correct)
            SELECT gen_random_uuid(), id, 'test', answer = '{RIGHT}' FROM job WHERE batch_id = '{batch_id}'""",
    )


def _set_times(
    database: Database, batch_id: UUID, *, drafter_s: float, base_s: float, prefill_s: float
) -> None:
    """The loop itself takes 0.1 s of each job, and so does storing."""
    execute(
        database,
        f"""UPDATE job SET latency_s = engine_s + 0.2, store_s = 0.1, admission_s = 0, graded_at = now(),
                drafter_device_s = {drafter_s}, base_device_s = {base_s}, drafter_prefill_s = 0,
                base_prefill_s = {prefill_s}
            WHERE batch_id = '{batch_id}'""",
    )
    assert rows_of(database, f"SELECT FROM job WHERE batch_id = '{batch_id}' AND state <> 'succeeded'") == []
