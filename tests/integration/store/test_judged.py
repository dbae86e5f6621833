"""The scored drafts of a batch as they are read from the store."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from specreason.config import RunConfig
from specreason.embedded import Servers
from specreason.errors import NotFound
from specreason.evaluation.judge.drafts import JudgedBatch
from specreason.evaluation.judge.judging import judge, present_rule
from specreason.evaluation.judge.replay import decisions
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.judge import columns, judged
from specreason.store.analysis.judge.judged import read_judged
from specreason.store.queue.controls import cancel_batch
from specreason.store.session import Database, connect, transaction
from tests.support.store.builders import accepted, closed, rejected, submit
from tests.support.store.databases import own_database
from tests.support.store.judged_batches import judged_batch
from tests.support.store.sql import execute


@pytest.fixture(scope="module")
def batch(servers: Servers, administration: Database) -> Iterator[JudgedBatch]:
    """A stored batch of three jobs, as it is read."""
    with own_database(servers, administration) as url:
        database = connect(url)
        yield read_judged(database, Viewer.EVERYONE, judged_batch(database))
        database.dispose()


def test_drafts_come_in_the_order_of_their_traces_with_everything_that_was_stored(batch: JudgedBatch) -> None:
    drafts = batch.drafts
    assert drafts.job.tolist() == [number for number in range(3) for _ in range(5)]
    assert drafts.position.tolist() == [0, 1, 2, 3, 4] * 3
    assert drafts.digit.tolist() == [8, 3, 8, 8, 8] * 3
    assert drafts.is_accepted.tolist() == [True, False, True, True, True] * 3
    assert drafts.tokens.tolist() == [3] * 15
    assert drafts.written_tokens.tolist() == [0, 4, 0, 0, 0] * 3
    assert drafts.expected[:2].tolist() == pytest.approx([285 / 45, 3])
    assert np.isnan(drafts.non_digit_mass[1])
    assert batch.jobs.is_correct.tolist() == [1, 1, 0]
    assert batch.jobs.concurrency.tolist() == [2, 2, 2]
    assert not np.isnan(batch.jobs.latency_s).any()
    assert np.isnan(batch.jobs.device_s).all()
    # Of the base's three steps of thought, and none of its answers.
    assert (batch.written.num_calls, batch.written.tokens_after) == (3, 9)


def test_a_stored_trace_replayed_at_its_own_threshold_has_its_own_decisions(batch: JudgedBatch) -> None:
    rule = present_rule(batch.config)
    assert rule is not None
    assert np.array_equal(decisions(batch.drafts, rule), batch.drafts.is_accepted)


def test_the_truth_about_each_draft_is_found_from_the_text_of_its_problem(batch: JudgedBatch) -> None:
    assert batch.graded is not None
    assert batch.graded.is_right.tolist() == [1, 0, 0, 1, 1] * 3
    kinds = [batch.graded.kinds[number][0] for number in batch.graded.kind[:5]]
    assert kinds == ["right", "one_digit", "one_digit", "right", "right"]


def test_other_problems_and_deleted_texts_have_no_truth(database: Database) -> None:
    other = judged_batch(database, ["21"], problem="What is 2 + 2?")
    assert read_judged(database, Viewer.EVERYONE, other).graded is None
    emptied = judged_batch(database, ["21"])
    execute(database, "DELETE FROM step_payload")
    assert read_judged(database, Viewer.EVERYONE, emptied).graded is None


def test_what_a_batch_leaves_to_its_pair_or_does_not_have_is_told_from_the_rest(database: Database) -> None:
    steps = [accepted(0), rejected(1, digit=None), closed(2)]
    batch_id = judged_batch(database, ["21", "99"], config=RunConfig(), steps=steps)
    execute(database, "UPDATE job SET resumed = true WHERE answer = '99'")
    batch = read_judged(database, Viewer.EVERYONE, batch_id)
    assert batch.config.threshold == 7  # as its steps have it
    assert batch.drafts.digit.tolist() == [8, -1] * 2
    assert np.isnan(batch.drafts.expected).tolist() == [False, True] * 2
    assert np.isnan(batch.jobs.latency_s).tolist() == [False, True]


def test_jobs_that_have_not_ended_are_not_among_them(database: Database) -> None:
    batch_id = submit(database, 3)
    batch = read_judged(database, Viewer.EVERYONE, batch_id)
    assert (len(batch.jobs.problem), len(batch.drafts), batch.num_open) == (0, 0, 3)
    assert "no job has ended" in judge(batch).summary[0]


def test_a_job_that_was_cancelled_before_it_ran_is_no_cheap_job(database: Database) -> None:
    batch_id = judged_batch(database, ["21", "21"], num_unstarted=2)
    assert read_judged(database, Viewer.EVERYONE, batch_id).num_open == 2
    cancel_batch(database, Viewer.EVERYONE, batch_id)
    execute(database, "UPDATE job SET drafter_device_s = 1, base_device_s = 2 WHERE state = 'succeeded'")
    batch = read_judged(database, Viewer.EVERYONE, batch_id)
    assert (batch.num_open, batch.jobs.device_s.tolist()) == (0, [3, 3])


def test_batches_over_the_same_problems_have_the_same_digest(database: Database) -> None:
    one, same, other, fewer = (
        read_judged(database, Viewer.EVERYONE, batch_id).problems_digest
        for batch_id in (
            judged_batch(database, ["21", "99"]),
            judged_batch(database, ["99", "21"]),
            judged_batch(database, ["21", "99"], problem="What is 2 + 2?"),
            judged_batch(database, ["21"]),
        )
    )
    assert one == same
    assert len({one, other, fewer}) == 3


def test_of_a_very_large_batch_whole_problems_are_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = judged_batch(database, ["21"] * 12)
    execute(database, "UPDATE job SET num_steps = 6")
    monkeypatch.setattr(judged, "MOST_STEPS", 36)
    batch = read_judged(database, Viewer.EVERYONE, batch_id)
    assert batch.share_read == 0.5
    assert 0 < len(batch.jobs.problem) < 12
    assert len(batch.drafts) == 5 * len(batch.jobs.problem)
    assert any("50%" in remark for remark in judge(batch).remarks)


def test_another_owners_batch_is_not_found(database: Database) -> None:
    batch_id = judged_batch(database, ["21"])
    execute(database, "UPDATE batch SET owner = 'ada'")
    with pytest.raises(NotFound, match=str(batch_id)):
        read_judged(database, Viewer.of("eve"), batch_id)
    assert len(read_judged(database, Viewer.of("ada"), batch_id).drafts) == 5


def test_columns_of_many_blocks_are_joined_in_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "_BLOCK", 1000)
    wanted = {
        "small": ("int2", "n %% 7 - 3"),
        "number": ("int8", "n * 10000000000"),
        "half": ("float4", "n / 2.0"),
        "third": ("float8", "n / 3.0::float8"),
    }
    with transaction(database) as connection:
        found = columns.read_columns(
            connection, wanted, "FROM generate_series(1, %(most)s) AS n ORDER BY n", {"most": 5000}
        )
    numbers = np.arange(1, 5001)
    assert np.array_equal(found["small"], numbers % 7 - 3)
    assert np.array_equal(found["number"], numbers * 10**10)
    assert np.array_equal(found["half"], numbers / 2)
    assert np.array_equal(found["third"], numbers / 3)
