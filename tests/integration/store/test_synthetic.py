"""The synthetic store of the benchmark is one that the product could have written."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.synthetic.store import fill
from specreason.embedded import Servers
from specreason.engines.base import Verdict
from specreason.reasoning.steps import Decision, StepRecord
from specreason.store.access.visibility import Viewer
from specreason.store.read.summaries import list_batches
from specreason.store.session import Database, connect
from specreason.store.trace.writer import read_steps
from tests.support.store.databases import own_database
from tests.support.store.queue_rules import RULES_AT_REST, broken_rules
from tests.support.store.schema import described
from tests.support.store.sql import rows_of, scalar

STEPS = 2000
# Of each foreign key: rows that point to none.
DANGLING = """
    SELECT format(
        'SELECT %L, count(*) FROM %s AS one WHERE num_nulls(%s) = 0 AND NOT EXISTS (SELECT FROM %s AS other WHERE %s)',
        conname, conrelid::regclass, string_agg('one.' || quote_ident(here.attname), ', '), confrelid::regclass,
        string_agg(format('one.%I = other.%I', here.attname, there.attname), ' AND ')
    )
    FROM pg_constraint CROSS JOIN unnest(conkey, confkey) AS pair (ours, theirs)
    JOIN pg_attribute AS here ON here.attrelid = conrelid AND here.attnum = ours
    JOIN pg_attribute AS there ON there.attrelid = confrelid AND there.attnum = theirs
    WHERE contype = 'f' AND connamespace = 'public'::regnamespace
    GROUP BY conname, conrelid, confrelid
"""


@pytest.fixture(scope="module")
def store_url(servers: Servers, administration: Database) -> Iterator[str]:
    with own_database(servers, administration) as url:
        yield url


@pytest.fixture(scope="module")
def store(store_url: str) -> Iterator[Database]:
    database = connect(store_url)
    fill(database, STEPS, jobs_per_batch=3)
    yield database
    database.dispose()


def test_every_rule_of_the_queue_holds(store: Database) -> None:
    assert broken_rules(store, RULES_AT_REST) == []


def test_every_foreign_key_finds_its_row(store: Database) -> None:
    counts = [rows_of(store, statement)[0] for (statement,) in rows_of(store, DANGLING)]
    assert len(counts) > 10
    assert [count for count in counts if count[1]] == []


def test_its_schema_is_that_of_the_product(store: Database, store_url: str, database_url: str) -> None:
    assert described(store_url) == described(database_url)


def test_it_has_as_many_steps_as_were_asked_for(store: Database) -> None:
    assert scalar(store, "SELECT count(*) FROM step") == STEPS
    assert scalar(store, "SELECT count(DISTINCT config) FROM batch") >= 4


def test_its_steps_are_read_as_the_records_that_a_run_would_have_written(store: Database) -> None:
    """What the product computes from a record agrees with the columns."""
    for (job_id,) in rows_of(store, "SELECT id FROM job"):
        columns = rows_of(store, f"SELECT * FROM step WHERE job_id = '{job_id}' ORDER BY index")
        for record, row in zip(read_steps(store, job_id), columns, strict=True):
            assert (record.num_kept_tokens, record.num_inserted_tokens, record.num_spent_tokens) == (
                row.kept_tokens,
                row.inserted_tokens,
                row.spent_tokens,
            )
            assert record.finish_reason == row.finish_reason
            assert_texts_belong_together(record)
            if record.verdict is not None:
                assert_verdict_is_that_of_the_row(record.verdict, record.decision, row)


def assert_texts_belong_together(record: StepRecord) -> None:
    if record.kept is not None:
        assert (record.kept.text, record.kept.token_ids) == (record.kept_text, record.kept_ids)
        assert record.kept.num_tokens == len(record.kept_ids)


def assert_verdict_is_that_of_the_row(verdict: Verdict, decision: Decision, row: object) -> None:
    assert verdict.digit == row.utility_score
    assert verdict.expected_score == pytest.approx(row.expected_score)
    assert verdict.non_digit_mass == pytest.approx(row.non_digit_mass)
    if decision is not Decision.REJECTED_NO_DIGIT:
        assert verdict.digit == max(range(10), key=lambda digit: verdict.digit_probs[digit])


def test_its_jobs_have_the_sums_that_the_end_of_a_job_stores(store: Database) -> None:
    stored = "SELECT id, num_thinking, num_by_drafter, drafter_tokens FROM job ORDER BY id"
    summed = """
        SELECT job_id, count(*) FILTER (WHERE phase = 'think' AND author IS NOT NULL),
            count(*) FILTER (WHERE phase = 'think' AND author = 'drafter'),
            coalesce(sum(kept_tokens) FILTER (WHERE author = 'drafter'), 0)
        FROM step GROUP BY job_id ORDER BY job_id
    """
    assert [tuple(row) for row in rows_of(store, stored)] == [tuple(row) for row in rows_of(store, summed)]


def test_its_sums_over_steps_are_those_of_all_steps(store: Database) -> None:
    kept = "SELECT sum(num_steps), sum(kept_tokens), sum(spent_tokens) FROM step_rollup"
    summed = "SELECT count(*), sum(kept_tokens), sum(spent_tokens) FROM step"
    assert tuple(rows_of(store, kept)[0]) == tuple(rows_of(store, summed)[0])


def test_a_draft_is_kept_if_its_score_reaches_the_threshold(store: Database) -> None:
    wrong = """
        SELECT count(*) FROM step JOIN job ON job.id = step.job_id JOIN batch ON batch.id = job.batch_id
        WHERE step.utility_score IS NOT NULL AND (step.decision = 'accepted') <> (step.threshold <= CASE
            batch.config ->> 'score_method' WHEN 'expected' THEN step.expected_score ELSE step.utility_score END)
    """
    assert scalar(store, wrong) == 0


def test_its_batches_have_every_figure_of_a_summary(store: Database) -> None:
    batches = list_batches(store, Viewer.EVERYONE)
    assert {batch.scheme for batch in batches} == {"base", "specreason"}
    assert all(batch.pass_at_1 is not None and batch.mean_latency_s for batch in batches)
    assert scalar(store, "SELECT count(DISTINCT metadata ->> 'dataset') FROM batch") == 2
