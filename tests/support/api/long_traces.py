"""Jobs with traces as long and as eventful as real ones, for the pages that show them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

from specreason.config import RunConfig, SchemeName
from specreason.engines.base import Completion, FinishReason, Role, Verdict
from specreason.reasoning.steps import Decision, Odds, Phase, StepRecord, StopReason
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.claims import ClaimedJob
from specreason.store.queue.dispatch import expire_leases
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.queue.problems import NewProblem, check
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from specreason.submission.chat import Message
from tests.support.store.builders import (
    PAIR,
    append_all,
    claimed,
    closed,
    expire,
    insert_batch,
    job_ids,
    metered,
    start_worker,
)
from tests.support.store.sql import execute

QUESTION = r"""Let $ABC$ be a triangle with $AB = 13$, $BC = 14$ and $CA = 15$. A circle through $B$ and $C$ meets the
sides again in $P$ and $Q$. If $PQ = 7$, what is the area of triangle $APQ$?"""
DRAFTS = (
    r"First, the area of the whole triangle: with $s = \frac{13+14+15}{2} = 21$, Heron's formula gives "
    r"\[ K = \sqrt{21 \cdot 8 \cdot 7 \cdot 6} = 84. \]",
    "Since the four points lie on one circle, the angle at P equals the angle at C, so the two triangles are similar.",
    r"The ratio of the sides is $\frac{PQ}{BC} = \frac{7}{14} = \frac{1}{2}$, and the areas are in the ratio "
    r"\(\frac{1}{2}\).",
    "Wait, let me check that again: a < b & b > c would contradict <b>the picture</b>, so the order is the other one.",
    r"So the area of $APQ$ is $84 \cdot \frac{1}{4} = 21$.",
    "Let me look at the case in which the circle is tangent to a side. Then P and B are one point, which is excluded.",
)
WRITTEN = (
    r"First, the area of the whole triangle: with $s = \frac{13+14+15}{2} = 21$, Heron's formula gives "
    r"\[ K = \sqrt{21 \cdot 8 \cdot 7 \cdot 6} = \sqrt{7056} = 84. \]",
    "Since the four points lie on one circle, the angle APQ equals the angle at C, so APQ and ACB are similar.",
    r"The ratio of the sides is $\frac{PQ}{BC} = \frac{7}{14} = \frac{1}{2}$, and so the areas are in the ratio "
    r"\(\frac{1}{4}\).",
    "Let me check this with coordinates instead: put B at the origin and C at (14, 0), so that A is (5, 12).",
    r"So the area of $APQ$ is $84 \cdot \frac{1}{4} = 21$.",
    "The case in which the circle is tangent to a side is excluded, because then P and B would be the same point.",
)


def eventful_job(database: Database) -> UUID:
    """A graded job of 38 steps, whose first worker was lost after 14; it stands between two others of its batch."""
    batch_id = _batch(database, 3)
    job_id = job_ids(database, batch_id)[1]
    steps = [*_thinking(36), closed(36), _answer(37)]
    first = start_worker(database)
    writer = TraceWriter(database)
    _append(writer, claimed(database, job_id, first), steps[:14])
    expire(database, first)
    expire_leases(database)
    job = claimed(database, job_id, start_worker(database))
    assert job.first_step == 14
    _append(writer, job, steps[14:])
    writer.close()
    _space_out(database, job_id, pause_s=95.0, at=14)
    result = JobResult(
        state=JobState.SUCCEEDED,
        stop_reason=StopReason.TOKEN_BUDGET,
        answer="21",
        store_s=0.4,
        mean_concurrency=3.5,
    )
    assert finish(database, job, result)
    execute(
        database,
        f"""UPDATE job SET latency_s = engine_s + 0.9, graded_at = now(), admission_s = 0.2
            WHERE id = '{job_id}'""",
    )
    for age, right, why in ((2, False, "text: 21 is not 21.0"), (1, True, "number: both are 21")):
        execute(
            database,
            f"""INSERT INTO grade (id, job_id, grader, answer, gold, is_correct, detail, created_at)
                VALUES ('00000000-0000-7000-8000-00000000000{3 - age}', '{job_id}', 'specreason {3 - age}', '21',
                        '21.0', {right}, '{why}', now() - interval '{age} hours')""",
        )
    return job_id


def running_job(database: Database, num_steps: int) -> tuple[ClaimedJob, TraceWriter]:
    """A job with so many steps that still runs."""
    job_id = job_ids(database, _batch(database, 1))[0]
    job, writer = claimed(database, job_id, start_worker(database)), TraceWriter(database)
    _append(writer, job, list(_thinking(num_steps)))
    return job, writer


def long_job(database: Database, num_steps: int) -> UUID:
    """A job that has ended after so many steps."""
    job, writer = running_job(database, num_steps)
    writer.close()
    assert finish(database, job, JobResult(state=JobState.SUCCEEDED, stop_reason=StopReason.MAX_STEPS))
    return job.job_id


def _batch(database: Database, num_problems: int) -> UUID:
    chat = (Message("system", "You are a careful geometer."), Message("user", QUESTION))
    problems = [
        NewProblem(text=QUESTION, messages=chat, answer="21.0", problem_id=f"triangles-{i}")
        for i in range(num_problems)
    ]
    config = RunConfig(scheme=SchemeName.SPECREASON, threshold=7.0, token_budget=4096)
    return insert_batch(
        database, NewBatch(name="triangles <7>", pair=PAIR, config=config, problems=check(problems))
    )


def _append(writer: TraceWriter, job: ClaimedJob, steps: list[StepRecord]) -> None:
    asyncio.run(append_all(writer, job, *steps))


def _thinking(num_steps: int) -> Iterator[StepRecord]:
    """Steps as a good pair takes them: the same at each call."""
    drawn = random.Random(7)
    for index in range(num_steps):
        score = drawn.choice((9, 9, 8, 8, 8, 7, 7, 6, 3))
        ahead_s = drawn.uniform(0.1, 0.3) if drawn.random() < 0.6 else 0.0
        odds = Odds(acceptance=drawn.uniform(0.6, 0.95), break_even=0.42, tokens_since_draft=0)
        yield metered(replace(_drafted(index, score, ahead_s, drawn), odds=odds), 0.1)


def _drafted(index: int, score: int, ahead_s: float, drawn: random.Random) -> StepRecord:
    text, other = DRAFTS[index % len(DRAFTS)] + "\n\n", WRITTEN[index % len(DRAFTS)] + "\n\n"
    draft = _completion(text, latency_s=drawn.uniform(0.4, 1.2), ahead_s=ahead_s)
    weights = [2.0 ** -(abs(digit - score) * drawn.uniform(0.8, 2.0)) for digit in range(10)]
    verdict = Verdict(
        digit=score,
        digit_probs=tuple(0.98 * weight / sum(weights) for weight in weights),
        token_id=77,
        num_prompt_tokens=400 + 40 * index,
        num_cached_tokens=380 + 40 * index,
        latency_s=drawn.uniform(0.1, 0.3),
    )
    is_kept = score >= 7
    written = _completion(other, latency_s=drawn.uniform(2.0, 4.0))
    kept = draft if is_kept else written
    return StepRecord(
        index=index,
        phase=Phase.THINK,
        decision=Decision.ACCEPTED if is_kept else Decision.REJECTED,
        author=Role.DRAFTER if is_kept else Role.BASE,
        kept_ids=kept.token_ids,
        kept_text=kept.text,
        threshold=7.0,
        draft=draft,
        verdict=verdict,
        written=None if is_kept else written,
    )


def _completion(text: str, *, latency_s: float, ahead_s: float = 0.0) -> Completion:
    return Completion(
        token_ids=tuple(range(len(text) // 4)),
        text=text,
        finish_reason=FinishReason.DELIMITER,
        num_prompt_tokens=400,
        num_cached_tokens=384,
        ttft_s=0.05,
        latency_s=latency_s,
        ahead_s=ahead_s,
    )


def _answer(index: int) -> StepRecord:
    written = _completion(r"The area of triangle $APQ$ is \boxed{21}.", latency_s=1.4)
    return metered(
        StepRecord(
            index=index,
            phase=Phase.ANSWER,
            decision=Decision.ANSWER,
            author=Role.BASE,
            kept_ids=written.token_ids,
            kept_text=written.text,
            written=written,
        ),
        0.5,
    )


def _space_out(database: Database, job_id: UUID, *, pause_s: float, at: int) -> None:
    """Set when steps were stored: as after calls that took the time that they say, with a pause before step `at`."""
    execute(
        database,
        f"""UPDATE step SET created_at = spaced.stored_at FROM (
                SELECT index, now() - interval '10 min' + make_interval(secs => sum(
                    greatest(0, coalesce(draft_latency_s, 0) - coalesce(draft_ahead_s, 0))
                    + coalesce(verify_latency_s, 0) + coalesce(written_latency_s, 0) + 0.02
                    + CASE WHEN index = {at} THEN {pause_s} ELSE 0 END
                ) OVER (ORDER BY index)) AS stored_at
                FROM step WHERE job_id = '{job_id}'
            ) AS spaced
            WHERE step.job_id = '{job_id}' AND step.index = spaced.index""",
    )
    for number, started_s, ended in ((1, 601, "interval '528 s'"), (2, 512, "NULL::interval")):
        execute(
            database,
            f"""UPDATE attempt SET started_at = now() - interval '{started_s} s', ended_at = now() - {ended}
                WHERE job_id = '{job_id}' AND number = {number}""",
        )
