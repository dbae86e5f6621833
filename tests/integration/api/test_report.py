"""GET /api/report: figures of several batches from their rows, and a copy of the batches has the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.cli.analysis.exporting import Export, Told
from specreason.client import Client
from specreason.embedded import Servers
from specreason.evaluation.report.values import Report
from specreason.store.access.visibility import Viewer
from specreason.store.analysis.checked_folder import CheckedFolder
from specreason.store.analysis.folders import Format
from specreason.store.analysis.load import load_batch
from specreason.store.analysis.report import batches, read
from specreason.store.analysis.report.batches import MOST_BATCHES
from specreason.store.analysis.report.read import read_report
from specreason.store.analysis.row_tables import Table
from specreason.store.read.query import read_only_query
from specreason.store.session import Database, connect
from tests.support.api.guarded import client_of, make_key
from tests.support.api.live import serving
from tests.support.report_rows import cell_of_scheme, figure_of
from tests.support.store.builders import submit
from tests.support.store.databases import own_database
from tests.support.store.known import Known, build
from tests.support.store.sql import execute, rows_of


@pytest.fixture
def known(database: Database) -> Known:
    """Both batches as those of an evaluation, with rewards of some drafts."""
    known = build(database)
    execute(database, """UPDATE batch SET metadata = '{"eval": "first", "dataset": "sums of two"}'""")
    execute(
        database,
        """
        INSERT INTO step_reward (job_id, step_index, prm, revision, score, draft_score)
        SELECT job_id, index, 'prm', 'a', coalesce(utility_score, 0) / 10.0, 0.25 FROM step
        WHERE phase = 'think' AND decision <> 'base_only' AND author IS NOT NULL
        """,
    )
    execute(
        database,
        """
        UPDATE model_pair
        SET config = '{"base": {"model": "/models/Base-8B"}, "drafter": {"model": "owner/Drafter-1B"}}'
        """,
    )
    return known


def report(database: Database, known: Known) -> Report:
    return read_report(database, Viewer.EVERYONE, [known.base, known.specreason])


def test_the_figures_are_those_of_the_rows(database: Database, known: Known) -> None:
    found = report(database, known)
    base, ours = cell_of_scheme(found, "base"), cell_of_scheme(found, "specreason")
    assert (base.num_problems, base.num_jobs, ours.num_problems, ours.num_jobs) == (4, 4, 4, 8)
    measured = (ours.pass_at_1, ours.latency_s, ours.kept_tokens, ours.acceptance, ours.speedup)
    latency_s = (3 * 1.1 + 3 * 2.1 + 2 * 3.1) / 8 + 0.2
    first_repeat_s = (1.1 + 2.1 + 3.1 + 1.1) / 4 + 0.2
    assert [each and each.mean for each in measured] == pytest.approx(
        [6 / 8, latency_s, (3 * 21 + 3 * 23 + 2 * 25) / 8, 9 / 16, 2.7 / first_repeat_s]
    )
    assert all(each is not None and each.bounds is not None for each in measured)
    assert ours.knobs["threshold"] == 7.0
    assert "first_repeat" not in ours.knobs
    row = figure_of(found, "accuracy_latency").dicts()[1]
    assert (row["dataset"], row["base"], row["drafter"]) == ("sums of two", "Base-8B", "Drafter-1B")
    split = figure_of(found, "where_time_goes").dicts()[1]
    # 16 drafts and verdicts, 7 rewritings and 8 answers.
    assert [split[name] for name in ("drafting_s", "verifying_s", "writing_s", "waiting_s")] == pytest.approx(
        [16 * 0.2 / 8, 16 * 0.1 / 8, (7 * 1.0 + 8 * 0.5) / 8, 0.2]
    )
    assert found.configurations[str(known.base)]["name"] == "base"


def test_steps_are_listed_with_their_texts(database: Database, known: Known) -> None:
    found = report(database, known)
    slowest = figure_of(found, "slowest_steps").dicts()
    assert (len(slowest), slowest[0]["decision"], slowest[0]["text"]) == (
        16,
        "rejected",
        "Wait, it is 1.\n\n",
    )
    assert slowest[0]["seconds"] == pytest.approx(0.2 + 0.1 + 1.0)
    assert {row["label"] for row in slowest} == {"specreason"}
    first = figure_of(found, "most_rewritten_steps").dicts()[0]
    assert [
        first[name] for name in ("problem", "num_jobs", "num_drafts", "num_rewritten", "example_step")
    ] == [*("p2", 2, 4, 4, 0)]
    assert first["text"] == "I guess 0.\n\n"


def test_a_kept_draft_has_the_reward_of_the_step_and_a_rejected_one_its_own(
    database: Database, known: Known
) -> None:
    rows = figure_of(report(database, known), "reward").dicts()
    found = {row["bin"]: row for row in rows if row["prm"] == "prm@a"}
    # Scores of 7, 8 and 9 were kept; those of 2 and 3 were rejected, and drafts without a digit have none.
    assert {number: (row["utility_score"], row["num_steps"]) for number, row in found.items()} == {
        **{7: (7.0, 3), 8: (8.0, 3), 9: (9.0, 3)},
        2: (pytest.approx((3 * 3 + 2 * 2) / 5), 5),
    }
    assert [row["share_accepted"] for _, row in sorted(found.items())] == [0.0, 1.0, 1.0, 1.0]


def test_a_reader_can_run_the_sql_of_each_figure_as_it_is_shown(database: Database, known: Known) -> None:
    found = report(database, known)
    for figure in found.figures:
        for statement in figure.sql.split(";\n"):
            if statement.strip():
                assert read_only_query(database, statement).rows, figure.name
    sql = figure_of(found, "accuracy_latency").sql
    mean = "SELECT avg(is_correct::int)::float8, avg(latency_s) FROM ({}) AS jobs WHERE batch_id = '{}'"
    for each in found.cells:
        ((right, latency_s),) = rows_of(
            database, mean.format(sql.rstrip(";\n"), each.batch_ids[0]).replace(":", r"\:")
        )
        assert each.pass_at_1 is not None
        assert each.latency_s is not None
        assert (each.pass_at_1.mean, each.latency_s.mean) == pytest.approx((right, latency_s))


def test_a_copy_of_the_batches_in_another_database_has_the_same_report(
    app: FastAPI, database: Database, known: Known, other: Database, tmp_path: Path
) -> None:
    told = Told(of_rows=lambda _: None, remark=print)
    with serving(app) as url, Client(url) as client:
        for batch_id in (known.specreason, known.base):
            exported = Export(client, client.batch(batch_id), tmp_path, Format.PARQUET, told).run(list(Table))
            load_batch(other, CheckedFolder(exported.folder))
        over_http = client.analysis.report([known.base, known.specreason])
    ours, copied = report(database, known), report(other, known)
    for field in fields(Report):
        assert getattr(copied, field.name) == getattr(ours, field.name), field.name
    assert over_http == ours


@pytest.fixture
def other(servers: Servers, administration: Database) -> Iterator[Database]:
    with own_database(servers, administration) as url:
        database = connect(url)
        yield database
        database.dispose()


def test_an_evaluation_names_its_batches(client: TestClient, database: Database, known: Known) -> None:
    of_eval = client.get("/api/report", params={"eval": "first"}).json()
    named = client.get("/api/report", params={"batch": [str(known.specreason), str(known.base)]}).json()
    assert of_eval["title"] == "Evaluation first"
    assert {**of_eval, "title": "Report"} == named
    missing = client.get("/api/report", params={"eval": "second"})
    assert (missing.status_code, "second" in missing.json()["detail"]) == (404, True)


def test_either_batches_or_an_evaluation_must_be_named_and_not_too_many(client: TestClient) -> None:
    refused: list[dict[str, Any]] = [
        *(
            {},
            {"eval": "first", "batch": str(uuid4())},
            {"batch": [str(uuid4()) for _ in range(MOST_BATCHES + 1)]},
        ),
    ]
    for query in refused:
        answer = client.get("/api/report", params=query)
        assert (answer.status_code, answer.json()["field"]) == (422, "batch")


def test_batches_of_more_jobs_than_fit_into_memory_are_refused(
    client: TestClient, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "MOST_JOBS", 11)
    both: dict[str, Any] = {"batch": [str(known.base), str(known.specreason)]}
    for query, field in ((both, "batch"), ({"eval": "first"}, "eval")):
        answer = client.get("/api/report", params=query)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert "12 jobs, more than 11" in answer.json()["detail"]
    assert client.get("/api/report", params={"batch": str(known.specreason)}).status_code == 200


def test_a_batch_has_the_versions_of_the_pair_that_ran_its_jobs(database: Database, known: Known) -> None:
    execute(
        database,
        """
        INSERT INTO model_pair (fingerprint, name, config) SELECT 'other', name, config FROM model_pair LIMIT 1
        """,
    )
    execute(database, f"UPDATE job SET pair_fingerprint = 'other' WHERE id = '{known.job}'")
    assert any("specreason ran on several versions" in remark for remark in report(database, known).remarks)


def test_an_owner_sees_only_batches_of_their_own(guarded: FastAPI, database: Database, known: Known) -> None:
    ada, eve = (client_of(guarded, make_key(database, name)) for name in ("ada", "eve"))
    execute(database, f"UPDATE batch SET owner = 'ada' WHERE id = '{known.base}'")
    execute(database, f"UPDATE batch SET owner = 'eve' WHERE id = '{known.specreason}'")
    (cell,) = ada.get("/api/report", params={"eval": "first"}).json()["cells"]
    assert cell["batch_ids"] == [str(known.base)]
    both = {"batch": [str(known.base), str(known.specreason)]}
    assert [each.get("/api/report", params=both).status_code for each in (ada, eve)] == [404, 404]
    assert ada.get("/api/report", params={"batch": str(uuid4())}).status_code == 404


def test_a_batch_that_has_not_begun_has_a_report_without_figures(
    client: TestClient, database: Database
) -> None:
    found = client.get("/api/report", params={"batch": str(submit(database))}).json()
    assert found["figures"] == []
    assert len(found["left_out"]) == 10
    assert found["cells"][0]["dataset"] == "sums"


def test_of_very_many_steps_those_of_some_problems_are_read(
    database: Database, known: Known, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = report(database, known)
    monkeypatch.setattr(read, "MOST_STEPS", 16)
    part = report(database, known)
    problems = {row["problem"] for row in figure_of(part, "slowest_steps").dicts()}
    assert 0 < len(problems) < 4
    assert "problems were read" in figure_of(part, "slowest_steps").remarks[0]
    assert figure_of(part, "output_length").rows == figure_of(whole, "output_length").rows


def test_a_threshold_that_no_version_filled_in_is_that_of_the_steps(database: Database, known: Known) -> None:
    execute(database, """UPDATE batch SET config = config || '{"threshold": null}'""")
    assert cell_of_scheme(report(database, known), "specreason").knobs["threshold"] == 7.0


def test_the_ids_of_a_batch_may_come_twice(database: Database, known: Known) -> None:
    twice: list[UUID] = [known.base, known.base, known.specreason]
    assert read_report(database, Viewer.EVERYONE, twice) == report(database, known)
