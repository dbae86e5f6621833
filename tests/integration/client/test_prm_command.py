"""`specreason prm`: every step gets the score that the model gives it, once, whatever ends the command."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import pytest

from specreason.cli.rewards import scoring
from specreason.cli.rewards.stored_traces import stored_traces
from specreason.client import Client, RowPage
from specreason.prm.model import RewardModel
from specreason.prm.protocol import Encoded, Marked
from specreason.store.session import Database
from tests.support.messages import names
from tests.support.prm import write_reward_model
from tests.support.shell import Shell
from tests.support.store.builders import answer, closed, job_ids, rejected, submit
from tests.support.store.judged_batches import EXERCISE, judged_batch
from tests.support.store.sql import execute, rows_of

# Of each of three jobs: five kept steps of thinking, and one draft that was rejected.
NUM_TEXTS = 18


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each trace is a little longer than the context of others; this one has room for it."""
    return write_reward_model(tmp_path_factory.mktemp("models") / "tiny-prm", num_context=512)


def stored(database: Database) -> list[tuple[Any, ...]]:
    asked = "SELECT job_id, step_index, prm, score, draft_score, created_at FROM step_reward ORDER BY 1, 2"
    return [tuple(row) for row in rows_of(database, asked)]


def prm(shell: Shell, model: Path, *arguments: object) -> Any:
    ended = shell("prm", *arguments, "--model", model, "--device", "cpu", "--json")
    assert ended.status == 0, ended.err
    return ended.json["data"]


def test_every_kept_step_and_rejected_draft_has_the_models_score_of_it_behind_what_was_kept(
    shell: Shell, database: Database, model: Path
) -> None:
    batch_id = judged_batch(database)
    (found,) = prm(shell, model, batch_id)
    assert (found["scored"]["num_jobs"], found["scored"]["num_new"]) == (3, NUM_TEXTS)
    assert found["rewards"]["models"][0]["num_compared"] == 15
    assert found["rewards"]["models"][0]["rho"] is not None
    rows = stored(database)
    assert [(row[0], row[1]) for row in rows] == [
        (job_id, index) for job_id in job_ids(database, batch_id) for index in range(5)
    ]
    assert {row[2] for row in rows} == {"tiny-prm"}
    assert [row[4] is not None for row in rows[:5]] == [False, True, False, False, False]
    ours = (
        " Step 1: Step A: 47 plus 8 is 55. ки\nStep 2: Step B: 55 times 6 is 30. ки"
        "\nStep 3: Step C: 30 minus 9 is 22. ки\nStep 4: Wait, step C should be: 30 minus 9 is 21. ки"
        "\nStep 5: That was the last step, so the result is 21. ки"
    )
    draft = " Step 1: Step A: 47 plus 8 is 55. ки\nStep 2: Step B: 55 times 6 is 31. ки"
    loaded = RewardModel(model, device="cpu")
    for text, of_rows in ((ours, [row[3] for row in rows[:5]]), (draft, [rows[0][3], rows[1][4]])):
        whole = EXERCISE.text + text
        places = tuple(place for place in range(len(whole)) if whole.startswith("ки", place))
        (expected,) = loaded.scores([loaded.encode(Marked(whole, places))])
        assert of_rows == pytest.approx(expected, abs=1e-5)


def test_a_person_reads_whether_the_base_agrees_and_the_same_again_scores_nothing(
    shell: Shell, database: Database, model: Path
) -> None:
    batch_id = judged_batch(database)
    first = shell("prm", batch_id, "--model", model, "--device", "cpu")
    assert first.status == 0
    assert names(first.out, "Spearman's rho", "tiny-prm", "accepted", "rejected", "15 of 15 steps")
    assert names(first.err, "18 texts of 3 jobs scored and stored")
    before = stored(database)
    again = shell("prm", "judged", "--model", model, "--device", "cpu")
    assert (again.status, names(again.err, "nothing to score in 3 jobs", "18 had a score already")) == (
        0,
        True,
    )
    assert again.out == first.out
    assert stored(database) == before
    (found,) = prm(shell, model, batch_id, "--again")
    assert found["scored"]["num_new"] == NUM_TEXTS


@pytest.mark.parametrize("num_passes", [0, 1, 2])
def test_whenever_it_is_ended_a_second_call_scores_the_rest_and_nothing_twice(
    shell: Shell, database: Database, model: Path, monkeypatch: pytest.MonkeyPatch, num_passes: int
) -> None:
    """A pass has one sequence here, and a job has two: the second and third end it within one."""
    batch_id = judged_batch(database)
    one_pass, asked = RewardModel.scores, []

    def interrupted(self: RewardModel, sequences: Any) -> Any:
        asked.extend(sequences)
        if len(asked) > 2 * num_passes:
            raise KeyboardInterrupt
        return one_pass(self, sequences)

    monkeypatch.setattr(scoring, "PASSES", 2)
    with monkeypatch.context() as patch:
        patch.setattr(RewardModel, "scores", interrupted)
        ended = shell("prm", batch_id, "--model", model, "--device", "cpu", "--batch-size", 1)
    assert (ended.status, names(ended.err, "interrupted", "goes on")) == (130, True)
    before = stored(database)
    assert len(before) == 5 * num_passes
    (found,) = prm(shell, model, batch_id, "--batch-size", 1)
    assert found["scored"]["num_new"] == NUM_TEXTS - 6 * num_passes
    assert stored(database)[: len(before)] == before
    assert len(stored(database)) == 15


def test_drafts_that_were_left_out_are_added_later(shell: Shell, database: Database, model: Path) -> None:
    batch_id = judged_batch(database)
    (kept,) = prm(shell, model, batch_id, "--kept-only")
    assert kept["scored"]["num_new"] == 15
    assert kept["rewards"]["models"][0]["num_compared"] == 12
    (both,) = prm(shell, model, batch_id)
    assert (both["scored"]["num_new"], both["scored"]["num_there"]) == (3, 15)
    assert both["rewards"]["models"][0]["num_compared"] == 15


def test_a_part_of_the_jobs_is_scored_and_what_is_stored_needs_no_model(
    shell: Shell, database: Database, model: Path
) -> None:
    batch_id = judged_batch(database)
    (found,) = prm(shell, model, batch_id, "--limit", 2)
    assert (found["scored"]["num_jobs"], found["scored"]["num_new"]) == (2, 12)
    seen = shell("prm", batch_id, "--stored", "--model", "/nowhere", "--json")
    assert seen.json["data"][0]["rewards"] == found["rewards"]
    assert "scored" not in seen.json["data"][0]


def test_what_has_no_score_is_said(shell: Shell, database: Database, model: Path) -> None:
    nothing = submit(database)
    ended = shell("prm", nothing, "--model", model, "--device", "cpu")
    assert (ended.status, names(ended.err, "nothing to score", "1 job not ended")) == (0, True)
    assert "no process reward model" in ended.out
    batch_id = judged_batch(database, ["21"], steps=[rejected(0), closed(1), answer(2)], num_unstarted=1)
    (found,) = prm(shell, model, batch_id)
    # The closing, which the loop wrote, and the answer are no steps of anyone's thinking.
    assert (found["scored"]["num_new"], found["scored"]["num_open"]) == (2, 1)
    other = judged_batch(database, ["21", "21"])
    execute(database, f"DELETE FROM step_payload WHERE job_id = '{job_ids(database, other)[0]}'")
    (found,) = prm(shell, model, other)
    assert (found["scored"]["num_without_text"], found["scored"]["num_new"]) == (5, 6)


def test_the_end_of_a_trace_that_is_longer_than_the_context_has_no_score(
    shell: Shell, database: Database, tmp_path: Path, client: Client
) -> None:
    short = write_reward_model(tmp_path / "short", num_context=100)
    batch_id = judged_batch(database, ["21"])
    (found,) = prm(shell, short, batch_id)
    counts = found["scored"]
    assert counts["num_new"] > 0
    assert counts["num_too_long"] > 0
    assert counts["num_new"] + counts["num_too_long"] == 6
    assert names(
        shell("prm", batch_id, "--model", short, "--device", "cpu").err, "end of the model's context"
    )
    scored = client.frame(batch_id, "reward").column("step_index").to_pylist()
    assert scored == list(range(len(scored)))


def test_wrong_options_end_it_before_anything_is_scored(
    shell: Shell, database: Database, model: Path, tmp_path: Path
) -> None:
    batch_id = judged_batch(database)
    for arguments, status, option in (
        (("--model", tmp_path / "nothing"), 2, "--model"),
        (("--model", model, "--revision", "main"), 2, "--revision"),
        (("--model", model, "--device", "tpu9"), 2, "--device"),
        (("--model", model, "--dtype", "int8"), 2, "--dtype"),
        (("--model", model, "--batch-size", 0), 2, "--batch-size"),
    ):
        ended = shell("prm", batch_id, *arguments)
        assert (ended.status, names(ended.err, option)) == (status, True)
    assert shell("prm", "ffffffff", "--model", model).status == 4
    assert stored(database) == []


class Meanwhile:
    """A client at whose first look at the steps something happens."""

    def __init__(self, client: Client, happens: Callable[[], object]) -> None:
        self._client, self._happens = client, happens

    def rows(self, batch_id: UUID, table: str, after: str | None = None) -> Iterator[RowPage]:
        pages = list(self._client.rows(batch_id, table, after))
        if table == "step":
            self._happens()
        yield from pages


def test_a_job_that_ends_while_its_steps_are_read_is_left_for_the_next_time(
    client: Client, database: Database
) -> None:
    """What was read of them may be a part."""
    batch_id = submit(database)
    cancelling = Meanwhile(client, lambda: client.cancel(batch_id))
    model = scoring.Model("a", "1")
    (trace,) = stored_traces(cast("Client", cancelling), batch_id, model)
    assert not trace.has_ended
    (later,) = stored_traces(client, batch_id, model)
    assert later.has_ended


class Halves:
    """Says one half of everything."""

    num_context = 4096

    def encode(self, text: Marked) -> Encoded:
        return Encoded((0,) * len(text.text), text.tags)

    def scores(self, sequences: Any) -> list[list[float]]:
        return [[0.5] * len(each.places) for each in sequences]


def test_a_batch_of_many_pages_and_jobs_is_read_page_by_page(
    client: Client, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job of whose rows each page has a part. Another model's scores lie beside these."""
    monkeypatch.setattr("specreason.store.analysis.rows.PAGE_ROWS", 2)
    batch_id: UUID = judged_batch(database)
    for prm_name in ("a", "b", "a"):
        model = scoring.Model(prm_name, "1")
        counts = scoring.Scoring(client, batch_id, model, Halves(), scoring.Wish(batch_size=2)).run(
            lambda _: None
        )
    assert (counts.num_new, counts.num_there) == (0, NUM_TEXTS)
    assert len(stored(database)) == 30
