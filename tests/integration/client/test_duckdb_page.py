"""Every query of the page on DuckDB runs over exported files and finds what is known of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb
import pytest

from specreason.client import Client
from specreason.store.session import Database
from tests.support.shell import Shell
from tests.support.store.traces import ended_batch

PAGE = Path(__file__).parents[3] / "docs" / "duckdb.md"
QUERIES = dict(
    re.findall(
        r"^\*\*([^*]+)\*\*(?:(?!\*\*|```).)*?^```sql duckdb\n(.*?)^```$", PAGE.read_text(), re.M | re.S
    )
)


@pytest.fixture
async def answers(
    shell: Shell, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, list[tuple[Any, ...]]]:
    """What each query answers, by its question. The second batch has wrong what the first has right."""
    await ended_batch(database)
    await ended_batch(database, name="second try", right=False)
    monkeypatch.chdir(tmp_path)
    assert shell("export", "first try", "second try").status == 0
    return {question: duckdb.sql(query).fetchall() for question, query in QUERIES.items()}


def test_the_queries_of_the_page_answer_their_questions(answers: dict[str, list[tuple[Any, ...]]]) -> None:
    """Each batch has four drafts by known rules: two accepted with an 8, one rejected with a 3, one without a digit."""
    assert len(answers) >= 6
    assert answers["Which batches are here?"] == [
        ("first try", "specreason", "7.0", 8),
        ("second try", "specreason", "7.0", 8),
    ]
    right, wrong = answers["How many answers are right, and how long did they take?"]
    assert (right[:3], wrong[:3]) == (("first try", 1, 1.0), ("second try", 1, 0.0))
    assert right[3] > 0
    shares = answers["Which share of the drafts would another threshold accept?"]
    assert [(at, round(share, 3), n) for at, share, n in shares] == [
        *((at, 0.75, 8) for at in range(4)),
        *((at, 0.5, 8) for at in range(4, 9)),
        (9, 0.0, 8),
    ]
    assert answers["Does the drafter do worse deep in a trace?"] == [(0, 8, 0.5)]
    assert answers["Who wrote the kept tokens, and what was spent for them?"] == [
        ("base", 8, 26, 56),
        ("drafter", 4, 12, 16),
        (None, 2, 0, 0),
    ]
    (drafter, base) = answers["How fast is each model?"]
    assert (drafter[0], base[0]) == ("drafter", "base")
    assert drafter[1] == pytest.approx([0.0123] * 2)
    assert drafter[2] == pytest.approx((1 / 3 - 0.0123) / 2)
    sure = answers["How sure was the judge?"]
    assert [(score, n) for score, n, _ in sure] == [(3, 2), (8, 4)]
    assert [p for *_, p in sure] == pytest.approx([0.5, 8 / 45.1])
    corrected = answers["In which steps does a model correct itself?"]
    assert [(index, text[:5]) for _, index, text in corrected] == [(1, "Wait,"), (2, "Wait,")] * 2
    assert answers["Which problems did one batch get right and another wrong?"] == [(0, 0)]


def test_a_frame_is_a_table_of_duckdb(client: Client, database: Database, answers: object) -> None:
    frame = client.frame(client.find_batch("first try"), "step")
    steps = duckdb.from_arrow(frame)
    assert steps.aggregate("count(*), sum(kept_tokens)").fetchall() == [(7, 19)]
