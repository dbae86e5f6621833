"""Device time in the store: a stored step counts once, whatever happens to its job, and what is unknown stays so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from specreason.config import RunConfig, SchemeName
from specreason.errors import NotFound
from specreason.evaluation.cost import cost_of_batch
from specreason.evaluation.estimate import Likeness, Past
from specreason.reasoning.steps import StepRecord, StopReason
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.costs import base_only_batch, cost_beside
from specreason.store.analysis.past_jobs import past_jobs
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.controls import cancel_job, requeue_job
from specreason.store.queue.dispatch import expire_leases
from specreason.store.queue.jobs import JobResult, finish, release, retry
from specreason.store.queue.problems import NewProblem, check
from specreason.store.read.results import ended_jobs
from specreason.store.read.summaries import read_batch, read_job
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.regrade import regrade_batch
from specreason.store.trace.steps import read_step_rows
from specreason.store.trace.writer import TraceWriter, read_steps
from specreason.submission.chat import user_turn
from tests.support.store.builders import (
    PAIR,
    accepted,
    answer,
    append_all,
    claim_one,
    claimed,
    closed,
    expire,
    insert_batch,
    job_ids,
    metered,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.grading import grade_all
from tests.support.store.sql import execute, scalar

SUCCEEDED = JobResult(
    state=JobState.SUCCEEDED, stop_reason=StopReason.ANSWERED, answer="4", store_s=0.0, mean_concurrency=4.0
)
SUMS = "SELECT (drafter_device_s, base_device_s, drafter_prefill_s, base_prefill_s)::text FROM job"


async def test_a_step_has_the_device_time_of_its_calls_and_of_the_drafts_dropped_before_it(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    records = (metered(accepted(0)), metered(rejected(1), 2.0, dropped_s=0.5), closed(2), metered(answer(3)))
    await append_all(writer, job, *records)
    rows = read_step_rows(database, Viewer.EVERYONE, job.job_id).rows
    assert [(row.drafter_device_s, row.base_device_s) for row in rows] == [(1, 1), (2.5, 4), (0, 0), (0, 1)]
    assert [(row.drafter_prefill_s, row.base_prefill_s) for row in rows] == [
        *((0.25, 0.25), (0.5, 1.0), (0, 0), (0, 0.25))
    ]
    assert read_steps(database, job.job_id) == records


async def test_what_is_stored_counts_once_through_release_loss_retry_end_requeue_and_regrade(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    await append_all(writer, job, metered(accepted(0)))
    assert release(database, job)
    job = claimed(database, job.job_id, start_worker(database))
    await append_all(writer, job, metered(rejected(1)))
    assert retry(database, job, "the engine lost a request", max_attempts=3, delay_s=0)
    lost = start_worker(database)
    job = claimed(database, job.job_id, lost)
    expire(database, lost)
    expire_leases(database)
    job = claimed(database, job.job_id, start_worker(database, num_devices=2))
    await append_all(writer, job, metered(accepted(2)))
    running = read_job(database, Viewer.EVERYONE, job.job_id)
    assert (running.device_s, running.drafter_device_s, running.base_device_s) == (7, 3, 4)
    assert scalar(database, SUMS) == "(,,,)"
    assert cancel_job(database, Viewer.EVERYONE, job.job_id)
    assert scalar(database, SUMS) == "(3,4,0.75,1)"
    assert requeue_job(database, Viewer.EVERYONE, job.job_id)
    assert scalar(database, SUMS) == "(,,,)"
    job = claimed(database, job.job_id, start_worker(database, num_devices=2))
    await append_all(writer, job, metered(answer(3), dropped_s=1.0))
    assert finish(database, job, SUCCEEDED)
    grade_all(database)
    for _ in range(2):
        assert scalar(database, SUMS) == "(4,5,0.75,1.25)"
        batch = read_batch(database, Viewer.EVERYONE, job.batch_id)
        assert (batch.device_s, batch.drafter_device_s, batch.base_device_s) == (9, 4, 5)
        assert (batch.prefill_s, batch.num_devices, batch.num_metered) == (2, 2, 1)
        regrade_batch(database, Viewer.EVERYONE, job.batch_id)
        grade_all(database)
    ended = read_job(database, Viewer.EVERYONE, job.job_id)
    assert (ended.device_s, ended.prefill_s, ended.num_devices) == (9, 2, 2)
    (result,) = ended_jobs(database, Viewer.EVERYONE, job.batch_id)
    assert (result.device_s, result.num_devices) == (9, 2)


async def test_one_step_of_an_older_version_makes_the_sums_unknown_and_not_smaller(
    database: Database, writer: TraceWriter
) -> None:
    job = claim_one(database)
    await append_all(writer, job, accepted(0), metered(answer(1)))
    assert finish(database, job, SUCCEEDED)
    assert scalar(database, SUMS) == "(,,,)"
    assert read_job(database, Viewer.EVERYONE, job.job_id).device_s is None
    batch = read_batch(database, Viewer.EVERYONE, job.batch_id)
    assert (batch.device_s, batch.prefill_s, batch.num_metered) == (None, None, 0)


async def test_jobs_that_never_ran_cost_nothing_and_count_in_no_mean(
    database: Database, writer: TraceWriter
) -> None:
    batch_id = submit(database, 3)
    assert read_batch(database, Viewer.EVERYONE, batch_id).device_s is None
    for job_id, num_devices in zip(job_ids(database, batch_id), (1, 4), strict=False):
        job = claimed(database, job_id, start_worker(database, num_devices=num_devices))
        await append_all(writer, job, metered(answer(0), 3.0))
        assert finish(database, job, SUCCEEDED)
    cancel_job(database, Viewer.EVERYONE, job_ids(database, batch_id)[2])
    batch = read_batch(database, Viewer.EVERYONE, batch_id)
    assert (batch.device_s, batch.num_metered) == (6, 2)
    # Three seconds of one GPU and three of four.
    assert batch.num_devices == pytest.approx(2.5)


PROBLEMS = [NewProblem(text=f"What is {number}?") for number in range(5)]


async def run_batch(
    database: Database,
    writer: TraceWriter,
    seconds: Sequence[float | None],
    *,
    problems: Sequence[NewProblem] | None = None,
    states: Sequence[JobState] = (),
    owner: str | None = None,
    grid: str | None = None,
    num_devices: int = 1,
    **knobs: object,
) -> UUID:
    """A batch whose jobs, one for each problem, took so much device time; None: without a measure.

    Those without another of the `states` have succeeded. Queued ones are left alone.
    """
    batch_id = insert_batch(
        database,
        NewBatch(
            name="sums",
            pair=PAIR,
            config=RunConfig(**{"threshold": 7.0} | knobs),  # type: ignore[arg-type]
            problems=check(PROBLEMS[: len(seconds)] if problems is None else problems),
            owner=owner,
            metadata={} if grid is None else {"grid_id": grid},
        ),
    )
    worker_id = start_worker(database, num_devices=num_devices)
    every_state = [*states, *[JobState.SUCCEEDED] * (len(seconds) - len(states))]
    for job_id, each, state in zip(job_ids(database, batch_id), seconds, every_state, strict=True):
        if state is JobState.QUEUED:
            continue
        step: StepRecord = answer(0) if each is None else metered(answer(0), each)
        job = claimed(database, job_id, worker_id)
        await append_all(writer, job, step)
        assert finish(database, job, replace(SUCCEEDED, state=state))
    return batch_id


async def test_two_batches_are_set_side_by_side_on_the_jobs_that_both_have_measured(
    database: Database, writer: TraceWriter
) -> None:
    ours = await run_batch(database, writer, [1.0, 2.0, 3.0], num_devices=2, temperature=0.1)
    others = [NewProblem(text="What is something else?"), *PROBLEMS[:2]]
    theirs = await run_batch(database, writer, [4.0, 5.0, None], problems=others, scheme=SchemeName.BASE)
    ratio, unlike = cost_beside(database, Viewer.EVERYONE, ours, theirs)
    assert ratio is not None
    assert (ratio.num_problems, ratio.ratio) == (1, 2.0 / 5.0)
    assert [knob.name for knob in unlike] == ["temperature"]
    itself, nothing = cost_beside(database, Viewer.EVERYONE, ours, ours)
    assert itself is not None
    assert (itself.num_problems, itself.ratio, nothing) == (3, 1, ())
    with pytest.raises(NotFound):
        cost_beside(database, Viewer.of("ada"), ours, theirs)


async def test_the_base_alone_is_found_in_the_same_grid_or_else_as_the_newest_over_the_same_problems(
    database: Database, writer: TraceWriter
) -> None:
    some = [1.0, None, None]
    base = SchemeName.BASE
    ours = await run_batch(database, writer, some, grid="g", owner="ada")
    viewer = Viewer.of("ada")
    assert base_only_batch(database, viewer, ours) is None
    other = [PROBLEMS[0], *(NewProblem(text=f"Of another dataset, {number}") for number in range(2))]
    await run_batch(database, writer, some, problems=other, scheme=base, owner="ada")
    await run_batch(database, writer, some, scheme=base, owner="bob")
    assert base_only_batch(database, viewer, ours) is None
    of_the_grid = await run_batch(database, writer, some, scheme=base, grid="g", owner="ada")
    newest = await run_batch(database, writer, some, problems=PROBLEMS[2::-1], scheme=base, owner="ada")
    assert base_only_batch(database, viewer, ours) == of_the_grid
    assert base_only_batch(database, viewer, newest) is None
    alone = await run_batch(database, writer, some, owner="ada")
    assert base_only_batch(database, viewer, alone) == newest
    with pytest.raises(NotFound):
        base_only_batch(database, Viewer.of("bob"), ours)


async def test_a_batch_of_the_base_alone_counts_once_it_has_ended_with_measured_jobs(
    database: Database, writer: TraceWriter
) -> None:
    base = SchemeName.BASE
    ours = await run_batch(database, writer, [1.0, 1.0])
    await run_batch(database, writer, [None, None], scheme=base)
    await run_batch(database, writer, [1.0, 1.0], scheme=base, states=[JobState.FAILED] * 2)
    queued = [JobState.SUCCEEDED, JobState.QUEUED]
    running = await run_batch(database, writer, [1.0, 1.0], scheme=base, states=queued)
    cancelled = await run_batch(database, writer, [1.0, 1.0], scheme=base, states=[JobState.QUEUED] * 2)
    for job_id in job_ids(database, cancelled):
        cancel_job(database, Viewer.EVERYONE, job_id)
    assert base_only_batch(database, Viewer.EVERYONE, ours) is None
    cancel_job(database, Viewer.EVERYONE, job_ids(database, running)[1])
    assert base_only_batch(database, Viewer.EVERYONE, ours) == running


async def test_chats_are_the_same_problem_only_with_the_same_turns_before_the_last(
    database: Database, writer: TraceWriter
) -> None:
    def chat(first: str) -> list[NewProblem]:
        return [NewProblem(text="And why?", messages=(*user_turn(first), *user_turn("And why?")))]

    ours = await run_batch(database, writer, [1.0], problems=chat("What is 1?"))
    await run_batch(database, writer, [1.0], problems=chat("What is 2?"), scheme=SchemeName.BASE)
    assert base_only_batch(database, Viewer.EVERYONE, ours) is None
    same = await run_batch(database, writer, [1.0], problems=chat("What is 1?"), scheme=SchemeName.BASE)
    assert base_only_batch(database, Viewer.EVERYONE, ours) == same


@pytest.mark.parametrize("golds", ["44", "4-"])
async def test_a_right_answer_has_a_cost_once_all_are_graded_and_none_without_a_gold_answer_is_among_them(
    database: Database, writer: TraceWriter, golds: str
) -> None:
    problems = [
        NewProblem(text=f"What is {number}?", answer=None if gold == "-" else gold)
        for number, gold in enumerate(golds)
    ]
    batch_id = await run_batch(database, writer, [1.0, 3.0], problems=problems)

    def costs() -> tuple[float | None, float | None, float | None]:
        cost = cost_of_batch(read_batch(database, Viewer.EVERYONE, batch_id), None)
        assert cost is not None
        of_view = [
            scalar(database, f"SELECT {name}_per_right_answer FROM cost_by_batch")
            for name in ("device_s", "gpu_hours")
        ]
        return cost.per_right_answer, of_view[0], of_view[1]

    assert costs() == (None, None, None)
    grade_all(database)
    per_right = (2, 2, pytest.approx(2 / 3600)) if golds == "44" else (None, None, None)
    assert costs() == per_right
    regrade_batch(database, Viewer.EVERYONE, batch_id)
    assert costs() == (None, None, None)


async def test_the_past_jobs_are_those_of_the_nearest_configuration_that_the_viewer_may_see(
    database: Database, writer: TraceWriter
) -> None:
    def found(viewer: Viewer, config: dict[str, Any]) -> tuple[Likeness | None, list[float]]:
        past = past_jobs(database, viewer, PAIR, config)
        return past.likeness, sorted(job.device_s for job in past.jobs)

    asked = RunConfig(threshold=7.0).model_dump(mode="json")
    viewer = Viewer.of("ada")
    await run_batch(database, writer, [9.0] * 5, owner="bob")
    await run_batch(database, writer, [8.0] * 5, owner="ada", scheme=SchemeName.BASE)
    assert past_jobs(database, viewer, PAIR, asked) == Past()
    await run_batch(database, writer, [1.0, 2.0, 3.0, 4.0, 5.0], owner="ada", threshold=3.0)
    assert found(viewer, asked) == (Likeness.OTHER, [1, 2, 3, 4, 5])
    await run_batch(database, writer, [6.0, 6.0, 6.0, 6.0, 6.0], owner="ada", temperature=0.1)
    assert found(viewer, asked) == (Likeness.SIMILAR, [6] * 5)
    # A few problems bound nothing: those of a configuration that is less alike tell more.
    await run_batch(database, writer, [7.0, 7.0, 7.0, None, None], owner="ada", seed=5)
    assert found(viewer, asked) == (Likeness.SIMILAR, [6] * 5)
    await run_batch(database, writer, [None, None, None, 8.0, 8.0], owner="ada", seed=6, num_devices=2)
    assert found(viewer, asked) == (Likeness.SAME, [7, 7, 7, 8, 8])
    past = past_jobs(database, viewer, PAIR, asked)
    assert {(job.device_s, job.num_devices, job.concurrency) for job in past.jobs} == {
        (7, 1, 4.0),
        (8, 2, 4.0),
    }
    assert past_jobs(database, viewer, "another pair", asked) == Past()


async def test_the_short_jobs_of_a_batch_that_still_runs_or_was_stopped_count_only_where_there_are_no_others(
    database: Database, writer: TraceWriter
) -> None:
    asked = RunConfig(threshold=7.0).model_dump(mode="json")
    states = [JobState.SUCCEEDED] * 3 + [JobState.QUEUED]
    running = await run_batch(database, writer, [1.0] * 4, states=states)
    past = past_jobs(database, Viewer.EVERYONE, PAIR, asked)
    assert ([job.device_s for job in past.jobs], past.are_cut, past.has_bounds) == ([1] * 3, True, False)
    cancel_job(database, Viewer.EVERYONE, job_ids(database, running)[3])
    assert past_jobs(database, Viewer.EVERYONE, PAIR, asked).are_cut
    await run_batch(database, writer, [2.0] * 2)
    await run_batch(database, writer, [1.0] * 4, states=states)
    past = past_jobs(database, Viewer.EVERYONE, PAIR, asked)
    assert ([job.device_s for job in past.jobs], past.are_cut) == ([2] * 2, False)


async def test_the_time_of_failed_jobs_is_paid_but_a_batch_in_which_all_have_failed_tells_nothing(
    database: Database, writer: TraceWriter
) -> None:
    asked = RunConfig(threshold=7.0).model_dump(mode="json")
    await run_batch(database, writer, [1.0, 9.0], states=[JobState.FAILED, JobState.SUCCEEDED])
    await run_batch(database, writer, [0.5], states=[JobState.FAILED])
    past = past_jobs(database, Viewer.EVERYONE, PAIR, asked)
    assert (sorted(job.device_s for job in past.jobs), past.are_cut) == ([1, 9], False)
    assert sorted(job.device_s for job in past.jobs if job.latency_s is not None) == [9]


async def test_the_same_problem_of_two_batches_is_one_and_a_resumed_job_has_no_latency_that_compares(
    database: Database, writer: TraceWriter
) -> None:
    for _ in range(2):
        await run_batch(database, writer, [1.0, 2.0, 3.0])
    execute(database, "UPDATE job SET resumed = true")
    config = RunConfig(threshold=7.0).model_dump(mode="json")
    found = past_jobs(database, Viewer.EVERYONE, PAIR, config).jobs
    assert (len(found), len({job.problem for job in found})) == (6, 3)
    assert {job.latency_s for job in found} == {None}
    assert found[0] == replace(found[0], device_s=3.0)  # newest first
