"""Every question of the cookbook has the answer that is known of a small store (`tests.support.store.known`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from specreason.embedded import Servers
from specreason.store.migrate import VIEWS
from specreason.store.read.query import read_only_query
from specreason.store.session import Database, connect
from tests.support.store.databases import own_database
from tests.support.store.known import Known, build
from tests.support.store.sql import scalar

PAGE = (Path(__file__).parents[2] / "docs" / "sql-cookbook.md").read_text()
QUESTION = re.compile(r"^\*\*(?P<question>[^*\n]+\?)\*\*.*?(?=^\*\*|^## |\Z)", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```sql\n(.*?)^```$", re.MULTILINE | re.DOTALL)
STATEMENTS = {
    found["question"]: [
        statement.strip()
        for block in BLOCK.findall(found[0])
        for statement in block.split(";")
        if statement.strip()
    ]
    for found in QUESTION.finditer(PAGE)
}
SQL = {question: statements for question, statements in STATEMENTS.items() if statements}

GUESS, WAIT = "I guess {}.\n\n", "Wait, it is {}.\n\n"
# What the comment of `tests.support.store.known` says, added up by hand.
ANSWERS: dict[str, list[tuple[Any, ...]]] = {
    "How do my batches compare?": [
        ("specreason", "specreason", 8, 8, 6 / 8, 17.4 / 8, 10 / 8, 9 / 16, 182, 262),
        ("base", "base", 4, 4, 3 / 4, 2.7, 1, None, 100, 104),
    ],
    "How good is each scheme on each dataset, over all batches?": [
        ("sums", "scripted", "base", None, 3 / 4, 1 / 4, 4, 4),
        ("sums", "scripted", "specreason", 7, 6 / 8, (4 / 3) ** 0.5 / 8, 4, 8),
    ],
    "By how much do two batches over the same file differ?": [(4, 1, 1, 0, 1.96 * (0.5 / 3) ** 0.5 / 2)],
    "Which problems did the base alone get right and SpecReason get wrong?": [("p1", "4", "5", "4")],
    "Which problems are right in some repeats only?": [(1, "p1", 1, 2), (2, "p2", 1, 2)],
    "How often is at least one repeat right, and how often the most frequent answer?": [(4, 1, 3 / 4)],
    "Where does a job's time go?": [(8, 17.4 / 8, 15.8 / 8, 0.1, 0.1, 0)],
    "Which calls of the engines took it?": [
        ("think", "rejected", 5, 1.0, 0.5, 5.0, 6.5 / 15.8),
        ("answer", "answer", 8, 0, 0, 4.0, 4.0 / 15.8),
        ("think", "accepted", 9, 1.8, 0.9, 0, 2.7 / 15.8),
        ("think", "rejected_no_digit", 2, 0.4, 0.2, 2.0, 2.6 / 15.8),
        ("think", "closed_token_budget", 2, 0, 0, 0, 0),
    ],
    "How many seconds went into drafts that were rejected?": [(2.1, 0.3)],
    "How long do jobs take, at the median and at worst?": [(8, 17.4 / 8, 2.3, 3.3, 10 / 8)],
    "How does latency grow with the jobs in flight?": [
        (1, 6, 10.8 / 6, (1.3 / 21 + 2.3 / 23) / 2),
        (2, 2, 3.3, 3.3 / 25),
    ],
    "How fast does each model write?": [
        ("base", 15, 0.1, (7 * 0.9 + 8 * 0.4) / (7 * 9 + 8 * 5)),
        ("drafter", 16, 0.1, 0.1 / 7),
    ],
    "Where do the tokens go?": [
        ("base", 104, 100, 0, 0, 4, 4 / 104),
        ("specreason", 262, 182, 56, 16, 8, 80 / 262),
    ],
    "How much of the reasoning does the drafter write?": [(9 / 24, 72 / 182, 72, 110)],
    "What does a right answer cost?": [
        ("base", 4, 3, 8, 2, 8 / 3, 2, 6, 8 / 3600),
        ("specreason", 8, 6, 8, 1, 8 / 6, 3, 5, 8 / 3600),
    ],
    "Are wrong answers longer than right ones?": [
        (True, 6, 19 / 6, 134 / 6, 11.8 / 6),
        (False, 2, 3.5, 24, 2.8),
    ],
    "Which share of a batch's drafts would another threshold accept?": [
        (threshold, threshold == 7, accepted, 16, accepted / 16, accepted / 16)
        for threshold, accepted in enumerate((14, 14, 14, 12, 9, 9, 9, 9, 6, 3))
    ],
    "And with the mean of the ten digits in place of the digit?": [
        (5 + half / 2, accepted / 16, accepted / 16)
        for half, accepted in enumerate((9, 9, 9, 9, 9, 6, 6, 3, 3))
    ],
    "Does a high score mean a right answer?": [
        (2, 2, 0, 1 / 2, 2),
        (3, 3, 0, 2 / 3, 3),
        (7, 3, 3, 2 / 3, 3),
        (8, 3, 3, 1, 3),
        (9, 3, 3, 1, 3),
        (None, 2, 0, 1 / 2, 2),
    ],
    "Are drafts rejected more often late in a trace?": [(0, 0, 8, 6, 6 / 8), (1, 1, 8, 3, 3 / 8)],
    "Are long drafts rejected more often?": [(8, 15, 16, 9 / 16)],
    "How sure was the judge?": [(2, 2, 2, 0), (3, 3, 3, 0), (7, 3, 7, 0), (8, 3, 8, 0), (9, 3, 9, 0)],
    "Does the base agree with a process reward model?": [
        ("prm", digit, 3 if digit != 2 else 2, digit / 10, int(digit >= 7)) for digit in (2, 3, 7, 8, 9)
    ],
    "How often does the judge give no digit?": [(2, 2 / 16)],
    "Which drafts did the judge let through in traces that went wrong?": [(1, 0, 0, 7, GUESS.format(0))],
    "Which drafts only measured whether drafting pays again?": [
        (problem, repeat, 1, 0.25, 0.5, 40, "rejected") for problem, repeat in ((1, 0), (1, 1), (3, 1))
    ],
    "Why did the jobs stop, and how often were they right?": [
        ("answered", 6, 5 / 6),
        ("token_budget", 2, 1 / 2),
    ],
    "Which wrong jobs spent the most tokens?": [(2, 1, "5", "4", 44, 4), (1, 0, "5", "4", 34, 3)],
    "Does doubt help?": [(0, 3, 1), (1, 3, 2 / 3), (2, 2, 1 / 2)],
    "What does a trace say?": [
        (0, "accepted", 7, GUESS.format(0), GUESS.format(0)),
        (1, "rejected", 3, GUESS.format(1), WAIT.format(1)),
        (2, "answer", None, None, r"\boxed{5}"),
    ],
    "What happened to a job?": [
        ("job_claimed", "running", None),
        ("job_ended", "succeeded", "succeeded"),
        (1, 0, "succeeded", None),
    ],
    "How did the attempts at a batch's jobs end?": [("succeeded", 8)],
    "With which `top_k` did the base sample?": [("20",)],
}


@pytest.fixture(scope="module")
def store(servers: Servers, administration: Database) -> Iterator[tuple[Database, Known]]:
    with own_database(servers, administration) as url:
        database = connect(url)
        yield database, build(database)
        database.dispose()


def with_ids(statement: str, known: Known) -> str:
    ids = {"BATCH": known.specreason, "SPECREASON": known.specreason, "BASE": known.base, "JOB": known.job}
    return re.sub(r"'([A-Z]+)'", lambda word: f"'{ids[word[1]]}'", statement)


def asked(store: tuple[Database, Known], question: str) -> list[tuple[Any, ...]]:
    """The rows of all statements below the question. Times of a clock, which nobody knows ahead, are left out."""
    database, known = store
    rows: list[tuple[Any, ...]] = []
    for statement in SQL[question]:
        answer = read_only_query(database, with_ids(statement, known))
        clock = [name == "created_at" for name in answer.columns]
        rows += [tuple(cell for cell, out in zip(row, clock, strict=True) if not out) for row in answer.rows]
    return rows


def plain(cell: object) -> object:
    """A number as one that can be compared with what was added up by hand."""
    number = float(cell) if isinstance(cell, Decimal) else cell
    return pytest.approx(number, abs=1e-6) if isinstance(number, float) else number


@pytest.mark.parametrize("question", ANSWERS)
def test_a_question_of_the_cookbook_has_the_known_answer(
    store: tuple[Database, Known], question: str
) -> None:
    found = [tuple(map(plain, row)) for row in asked(store, question)]
    assert ANSWERS[question] == found


def test_every_question_of_the_cookbook_is_asked() -> None:
    assert set(SQL) == set(ANSWERS)
    assert len(SQL) >= 20


def test_the_views_agree_with_the_steps_and_with_each_other(store: tuple[Database, Known]) -> None:
    database, known = store
    sums = f"""
        SELECT (sum(engine_s) - (SELECT engine_s FROM batch_summary WHERE batch_id = '{known.specreason}'))::text
            FROM latency_breakdown WHERE batch_id = '{known.specreason}'
    """
    assert abs(float(str(scalar(database, sums)))) < 1e-5
    tokens = """
        SELECT bool_and((token_use.kept_tokens, token_use.spent_tokens, token_use.inserted_tokens)
            = (batch_summary.kept_tokens, batch_summary.spent_tokens, batch_summary.inserted_tokens))
        FROM token_use JOIN batch_summary USING (batch_id)
    """
    assert scalar(database, tokens) is True
    acceptance = """
        SELECT bool_and(acceptance_by_threshold.step_acceptance = batch_summary.step_acceptance)
        FROM acceptance_by_threshold JOIN batch_summary USING (batch_id) WHERE threshold = batch_threshold
    """
    assert scalar(database, acceptance) is True
    results = """
        SELECT count(*) FROM job_result JOIN job_summary USING (job_id)
        WHERE (job_result.num_steps, job_result.kept_tokens, job_result.spent_tokens, job_result.is_correct)
            IS DISTINCT FROM (job_summary.num_steps, job_summary.kept_tokens, job_summary.spent_tokens,
                job_summary.is_correct)
    """
    assert scalar(database, results) == 0


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_and_each_of_its_columns_is_explained(store: tuple[Database, Known], view: str) -> None:
    database, _ = store
    # The columns of the table itself are explained there.
    of_job = {column["name"] for column in inspect(database).get_columns("job")}
    unexplained = f"""
        SELECT array_agg(attname::text) FROM pg_attribute
        WHERE attrelid = '{view}'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL
    """
    missing = set(scalar(database, unexplained) or ())
    assert not missing - (of_job if view == "job_with_grade" else set())
    assert scalar(database, f"SELECT obj_description('{view}'::regclass)")


@pytest.mark.parametrize(
    ("change", "dataset"),
    [
        ("SELECT 1", "sums"),
        ("UPDATE problem SET source = '{}'", "base"),
        ("UPDATE problem SET source = '{}'; UPDATE batch SET metadata = '{\"dataset\": \"mine\"}'", "mine"),
        (
            "UPDATE problem SET source = '{}'; UPDATE batch SET name = 'try base', metadata = '{\"grid_id\": \"1\"}'",
            "try",
        ),
        (
            "UPDATE problem SET source = '{}'; "
            "UPDATE batch SET name = 'try specreason+decode threshold=7.5', metadata = '{\"grid_id\": \"1\"}'",
            "try",
        ),
        (
            """UPDATE problem SET source = '{}';
               WITH new AS (
                   INSERT INTO file (id, filename, num_bytes, sha256, purpose)
                   VALUES (gen_random_uuid(), 'aime.2024.jsonl', 1, '', 'batch') RETURNING id)
               UPDATE batch SET file_id = new.id FROM new""",
            "aime.2024",
        ),
        (
            """UPDATE problem SET source = '{}';
               WITH new AS (
                   INSERT INTO file (id, filename, num_bytes, sha256, purpose)
                   VALUES (gen_random_uuid(), 'problems.jsonl', 1, '', 'batch') RETURNING id)
               UPDATE batch SET file_id = new.id FROM new""",
            "base",
        ),
    ],
)
def test_a_dataset_is_what_the_user_says_it_is(
    store: tuple[Database, Known], change: str, dataset: str
) -> None:
    database, _ = store
    with database.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(change)
        cursor.execute("SELECT dataset FROM pass_at_1_by_dataset WHERE scheme = 'base'")
        assert cursor.fetchall() == [(dataset,)]
        connection.rollback()


DIFFER = "By how much do two batches over the same file differ?"
MOST = "How often is at least one repeat right, and how often the most frequent answer?"


@pytest.mark.parametrize(
    ("change", "statement", "known_answer"),
    [
        # All right or all wrong: the spread that is seen is none, and nobody knows the other.
        *(
            (
                f"UPDATE grade SET is_correct = {grade}",
                "SELECT DISTINCT pass_at_1, standard_error FROM pass_at_1_by_dataset",
                [(share, None)],
            )
            for grade, share in (("true", 1), ("false", 0))
        ),
        # One repeat of two is right in each problem, and so in all.
        (
            "UPDATE grade SET is_correct = repeat = 0 FROM job WHERE job.id = job_id",
            "SELECT pass_at_1, standard_error FROM pass_at_1_by_dataset WHERE scheme = 'specreason'",
            [(0.5, None)],
        ),
        ("UPDATE grade SET is_correct = true", SQL[DIFFER][0], [(4, 0, 0, 0, None)]),
        # The wrong answer of the first repeat is taken away from the problem that votes one to one.
        ("UPDATE job SET answer = NULL WHERE answer = '5' AND repeat = 0", SQL[MOST][0], [(4, 1, 1)]),
        ("UPDATE job SET answer = NULL; UPDATE grade SET is_correct = false", SQL[MOST][0], [(4, 0, 0)]),
    ],
)
def test_what_does_not_vary_has_no_error_and_what_is_missing_no_vote(
    store: tuple[Database, Known], change: str, statement: str, known_answer: list[tuple[Any, ...]]
) -> None:
    database, known = store
    with database.connect() as connection:
        cursor = connection.connection.cursor()
        cursor.execute(change)
        cursor.execute(with_ids(statement, known))
        assert [tuple(map(plain, row)) for row in cursor.fetchall()] == known_answer
        connection.rollback()


def test_the_cookbook_and_the_views_agree_on_what_another_threshold_accepts(
    store: tuple[Database, Known],
) -> None:
    by_threshold = {
        row[0]: row[4]
        for row in asked(store, "Which share of a batch's drafts would another threshold accept?")
    }
    by_digit = asked(store, "And with the mean of the ten digits in place of the digit?")
    shared = {float(at): float(share) for at, share, _ in by_digit if at in by_threshold}
    assert shared == {at: by_threshold[at] for at in (5, 6, 7, 8, 9)}


@pytest.mark.parametrize(
    ("knob", "num_rows"), [("token_budget", 2), ("score_method", 2), ("seed", 1), ("repeats", 1)]
)
def test_only_runs_of_one_configuration_make_one_accuracy(
    store: tuple[Database, Known], knob: str, num_rows: int
) -> None:
    database, known = store
    with database.connect() as connection:
        cursor = connection.connection.cursor()
        other = f"""UPDATE batch SET config = (SELECT config FROM batch WHERE id = '{known.base}') || '{{"{knob}": 77}}'
            WHERE id = '{known.specreason}'"""
        cursor.execute(other)
        cursor.execute(
            "SELECT num_graded FROM pass_at_1_by_dataset WHERE scheme = 'base' ORDER BY num_graded"
        )
        assert [row[0] for row in cursor.fetchall()] == ([4, 8] if num_rows == 2 else [12])
        connection.rollback()


def test_questions_about_an_empty_store_are_answered_with_no_row_or_nothing_known(
    database: Database,
) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    for statements in SQL.values():
        for statement in statements:
            rows = read_only_query(database, re.sub(r"'[A-Z]+'", f"'{nobody}'", statement)).rows
            assert all(cell in (None, 0) for row in rows for cell in row)
