"""Submissions by the client and the commands: columns, grids, and the same one again."""

from __future__ import annotations

from pathlib import Path

import pytest

from specreason.client import Client
from specreason.errors import Conflict, InvalidField
from specreason.store.read.query import read_only_query
from specreason.store.session import Database
from tests.support.shell import Shell

QUESTIONS = b'{"question": "What is 2 + 2?", "solution": "4", "level": 3}\n{"question": "What is 3 + 3?"}\n'
MAPPING = {"problem": "question", "answer": "solution"}
LINES = b'{"problem": "What is 2 + 2?"}\n'


def test_columns_are_mapped_and_the_others_kept(client: Client, database: Database) -> None:
    batch = client.submit(QUESTIONS, mapping=MAPPING)
    first, second = client.jobs(batch.batch_id)
    assert (first.problem, first.gold, second.gold) == ("What is 2 + 2?", "4", None)
    sources = read_only_query(database, 'SELECT source FROM problem ORDER BY "index"').rows
    assert sources == (({"level": 3},), ({},))


def test_a_column_that_is_to_be_no_answer_is_kept_as_the_problems_source(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("question,answer\nWhat is 2 + 2?,long text\n")
    assert shell("submit", path, "--answer", "").status == 0
    rows = read_only_query(database, "SELECT text, answer, source FROM problem").rows
    assert rows == (("What is 2 + 2?", None, {"answer": "long text"}),)


def test_the_same_submission_again_says_that_it_is_one(client: Client) -> None:
    first, again = client.submit(LINES), client.submit(LINES)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.batch_id == again.batch_id


def test_knobs_are_arguments_beside_the_configuration(client: Client) -> None:
    batch = client.submit(LINES, scheme="specreason", threshold=5, config={"seed": 3})
    assert (batch.scheme, batch.config["threshold"], batch.config["seed"]) == ("specreason", 5, 3)
    same = client.submit(LINES, config={"seed": 3, "scheme": "specreason", "threshold": 5})
    assert same.batch_id == batch.batch_id
    grid = client.submit_grid(LINES, {"scheme": ["base", "drafter"]}, seed=4)
    assert {batch.config["seed"] for batch in grid.data} == {4}


def test_a_batch_stores_the_sampling_that_its_models_recommend(client: Client, database: Database) -> None:
    """QwQ-32B says top_k 40, its drafter nothing: both are in force, as in vLLM's own server."""
    client.submit(LINES, pair="qwq-32b_r1-1_5b")
    asked = "SELECT config -> 'top_k', config -> 'drafter_top_k', config -> 'min_p' FROM batch"
    assert read_only_query(database, asked).rows == ((40, 0, 0),)


def test_min_p_is_refused_where_the_base_drafts_tokens_itself(client: Client) -> None:
    with pytest.raises(InvalidField) as refused:
        client.submit(LINES, pair="demo-decode", scheme="specdecode", min_p=0.1)
    assert refused.value.field == "config.min_p"


def test_a_key_that_was_used_for_something_else_is_a_conflict(client: Client) -> None:
    client.submit(LINES, idempotency_key="mine")
    with pytest.raises(Conflict):
        client.submit(b'{"problem": "another"}', idempotency_key="mine")


def test_a_grid_is_a_batch_for_each_combination_that_matters(
    client: Client, database: Database, tmp_path: Path, shell: Shell
) -> None:
    choices = {"scheme": ["base", "specreason"], "threshold": [5, 7]}
    grid = client.submit_grid(LINES, choices, name="sweep")
    assert {(batch.scheme, batch.config["threshold"]) for batch in grid.data if batch.scheme != "base"} == {
        ("specreason", 5),
        ("specreason", 7),
    }
    assert len(grid.data) == 3
    assert {batch.metadata["grid_id"] for batch in grid.data} == {str(grid.grid_id)}
    assert client.submit_grid(LINES, choices, name="sweep").grid_id == grid.grid_id
    path = tmp_path / "sums.csv"
    path.write_text("question\nWhat is 2 + 2?\n")
    sent = shell("submit", path, "--grid", "scheme=base,drafter", "--json").json
    assert [batch["scheme"] for batch in sent["data"]] == ["base", "drafter"]
    with pytest.raises(InvalidField):
        client.submit_grid(LINES, {"scheme": ["magic"]})
    assert read_only_query(database, "SELECT count(*) FROM batch").rows == ((5,),)


def test_the_client_leaves_out_invalid_problems_if_asked_and_says_which(client: Client) -> None:
    rows = [{"problem": "1 + 1?", "answer": "2"}, {"problem": " "}]
    with pytest.raises(InvalidField):
        client.submit(rows)
    batch = client.submit(rows, skip_invalid=True)
    assert (batch.num_problems, batch.skipped) == (1, 1)
    assert [(error.where, error.field) for error in batch.errors] == [("line 2", "problem")]
    grid = client.submit_grid(rows, {"scheme": ["base"]}, skip_invalid=True)
    assert (grid.skipped, len(grid.errors)) == (1, 1)


def test_the_client_sends_a_table_as_it_is(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("ID,Question,Answer\n7,1 + 1?,['2']\n")
    (job,) = client.jobs(client.submit(path).batch_id)
    assert (job.problem, job.gold, job.problem_id) == ("1 + 1?", "2", "7")
    assert client.submit(path.read_bytes(), filename="sums.csv").replayed
