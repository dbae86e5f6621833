"""A batch with rows of every kind, all of whose jobs have ended: for tests of what leaves the store and comes back."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from specreason.config import RunConfig, SchemeName
from specreason.reasoning.steps import Odds, StopReason
from specreason.store.access.visibility import Viewer
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.controls import cancel_batch
from specreason.store.queue.jobs import JobResult, finish, retry
from specreason.store.queue.problems import NewProblem, check
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.rewards import Reward, write_rewards
from specreason.store.trace.writer import TraceWriter
from specreason.submission.chat import Message
from tests.support.store.builders import (
    PAIR,
    accepted,
    answer,
    append_all,
    claimed,
    closed,
    insert_batch,
    job_ids,
    rejected,
    start_worker,
)
from tests.support.store.grading import give, waiting_in
from tests.support.store.sql import execute

# What a reader of CSV, JSON or lines may take for something else; the store writes U+FFFD for the NUL.
ODD = 'a "quoted", b\\n\r\n\\.\n,;\t\u2028 ∑ 𝔸 {1,2} NULL \0 \x1b[0m'
CHAT = (Message("system", "Be brief."), Message("user", 'What is "2 + 2"?\n'))
PROBLEMS = (
    NewProblem(text="What is 2 + 2?", answer="4", problem_id="p-0", source={"level": 3, "tags": ["a", None]}),
    NewProblem(text=CHAT[-1].content, messages=CHAT, answer="4", source={"q": 'say "∑"\n'}),
    NewProblem(text="", answer=""),
    NewProblem(text="What is 3 + 3?", problem_id=""),
)


async def ended_batch(database: Database, *, name: str = "first try", right: bool = True) -> UUID:
    """Four problems twice: two jobs succeeded, one was graded twice; one failed, one died, the rest is cancelled."""
    config = RunConfig(scheme=SchemeName.SPECREASON, threshold=7, repeats=2, seed=-(2**63))
    new = NewBatch(
        name=name, pair=PAIR, config=config, problems=check(PROBLEMS), metadata={"who": "ada", "n": 1.5}
    )
    batch_id = insert_batch(database, new)
    worker_id = start_worker(database)
    first, second, third, fourth, *_ = job_ids(database, batch_id)
    writer = TraceWriter(database)
    job = claimed(database, first, worker_id)
    steps = (accepted(0), rejected(1), rejected(2, None), closed(3), answer(4))
    await append_all(writer, job, *steps)
    result = JobResult(state=JobState.SUCCEEDED, stop_reason=StopReason.TOKEN_BUDGET, answer="4")
    assert finish(database, job, replace(result, store_s=1 / 3, mean_concurrency=1.5))
    (waiting,) = (each for each in waiting_in(database) if each.job_id == first)
    assert give(database, waiting, is_correct=not right)
    execute(database, f"UPDATE job SET graded_at = NULL WHERE id = '{first}'")
    (waiting,) = (each for each in waiting_in(database) if each.job_id == first)
    assert give(database, waiting, is_correct=right, given_up=not right)
    job = claimed(database, second, worker_id)
    odds = Odds(acceptance=0.1 + 0.2, break_even=1e-7, tokens_since_draft=12)
    odd = replace(accepted(0, ODD), odds=odds)
    await append_all(writer, job, odd, replace(answer(1), kept_ids=(), kept_text=""))
    assert finish(database, job, JobResult(state=JobState.SUCCEEDED, answer=""))
    job = claimed(database, third, worker_id)
    assert finish(database, job, JobResult(state=JobState.FAILED, error='too "long"\nby far'))
    assert retry(database, claimed(database, fourth, worker_id), "no memory", max_attempts=1)
    cancel_batch(database, Viewer.EVERYONE, batch_id)
    rewards = [
        Reward(job_id=first, step_index=0, score=0.1 + 0.2),
        Reward(job_id=first, step_index=2, score=1.0),
    ]
    for prm in ("org/a model", "org"):
        write_rewards(database, Viewer.EVERYONE, batch_id, rewards, prm=prm, revision="refs/pr/1")
    drafted = Reward(job_id=first, step_index=2, score=1.0, draft_score=1e-9)
    write_rewards(database, Viewer.EVERYONE, batch_id, [drafted], prm="org", revision="refs/pr/1")
    writer.close()
    return batch_id
