"""Two batches with known answers, compared over HTTP: figures, pairs of jobs, and where traces part."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from specreason.embedded import Servers
from specreason.store.session import Database, connect
from specreason.store.trace.writer import TraceWriter
from tests.support.api.apps import make_api
from tests.support.api.guarded import client_of, guarded_app, make_key
from tests.support.api.live import LOCAL
from tests.support.store.builders import (
    accepted,
    append_all,
    claimed,
    job_ids,
    rejected,
    start_worker,
    submit,
)
from tests.support.store.databases import own_database
from tests.support.store.known import Known, build
from tests.support.store.sql import execute


@pytest.fixture(scope="module")
def shared(servers: Servers, administration: Database) -> Iterator[Database]:
    """One database for the tests here that only read."""
    with own_database(servers, administration) as url:
        database = connect(url)
        yield database
        database.dispose()


@pytest.fixture(scope="module")
def known(shared: Database) -> Known:
    return build(shared)


@pytest.fixture(scope="module")
def reader(
    servers: Servers, shared: Database, known: Known, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    with TestClient(
        make_api(servers, shared, files_dir=tmp_path_factory.mktemp("files")), base_url=LOCAL
    ) as client:
        yield client


def asked(client: TestClient, path: str = "", **query: Any) -> Any:
    answer = client.get(f"/api/compare{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def means(figure: dict[str, Any]) -> list[float | None]:
    return [
        None if figure[name] is None else figure[name]["mean"] for name in ("a", "b", "difference", "ratio")
    ]


def test_every_figure_is_the_one_by_hand(reader: TestClient, known: Known) -> None:
    compared = asked(reader, a=known.base, b=known.specreason, price=3600)
    figures = compared["figures"]
    assert (compared["matched_by"], compared["num_problems"], compared["num_pairs"]) == ("id", 4, 4)
    assert (compared["a"]["num_jobs_left_out"], compared["b"]["num_jobs_left_out"]) == (0, 4)
    assert means(figures["pass_at_1"]) == [0.75, 0.75, 0.0, None]
    assert means(figures["latency_s"]) == pytest.approx([2.7, 2.05, -0.65, 2.05 / 2.7])
    assert figures["speedup"]["mean"] == pytest.approx(2.7 / 2.05)
    assert means(figures["kept_tokens"]) == pytest.approx([25, 22.5, -2.5, 0.9])
    assert means(figures["spent_tokens"]) == pytest.approx([26, 31.5, 5.5, 31.5 / 26])
    assert means(figures["wasted_tokens"]) == pytest.approx([1, 9, 8, 9])
    assert means(figures["gpu_s"]) == pytest.approx([2, 1, -1, 0.5])
    assert means(figures["price_per_right_answer"]) == pytest.approx([8 / 3, 4 / 3, -4 / 3, 0.5])
    assert means(figures["step_acceptance"]) == [None, 0.625, None, None]
    assert means(figures["drafter_steps"]) == [0.0, 0.625, 0.625, None]
    assert means(figures["drafter_tokens"]) == pytest.approx([0, 40 / 90, 40 / 90, None])
    outcomes = compared["outcomes"]
    assert [outcomes[f"num_{each}"] for each in ("won", "lost", "tied", "ungraded")] == [1, 1, 2, 0]
    assert {"scheme", "repeats"} == {knob["name"] for knob in compared["knobs"]}
    assert compared["says"][0].startswith("No difference in right answers is shown: 0.0 points")
    # Without a price there is none.
    assert asked(reader, a=known.base, b=known.specreason)["figures"]["price"] is None


def test_with_repeats_there_are_pass_and_majority_at_k(reader: TestClient, known: Known) -> None:
    compared = asked(reader, a=known.specreason, b=known.specreason)
    assert compared["k"] == 2
    # Of both repeats: right, right; wrong, right; right, wrong; right, right.
    assert means(compared["figures"]["pass_at_k"]) == [1.0, 1.0, 0.0, None]
    assert means(compared["figures"]["majority_at_k"]) == [0.75, 0.75, 0.0, None]
    refused = reader.get("/api/compare", params={"a": str(known.base), "b": str(known.specreason), "k": 5})
    assert (refused.status_code, refused.json()["field"]) == (422, "k")


def test_pairs_come_page_by_page_with_the_jobs_of_both(reader: TestClient, known: Known) -> None:
    ids = {"a": known.specreason, "b": known.specreason}
    whole = asked(reader, "/problems", **ids)
    assert [(row["index_a"], row["repeat"]) for row in whole["data"]] == [
        (i, r) for i in range(4) for r in range(2)
    ]
    assert whole["next"] is None
    paged: list[Any] = []
    after: dict[str, Any] = {}
    while True:
        page = asked(reader, "/problems", limit=3, **ids, **after)
        paged += page["data"]
        if page["next"] is None:
            break
        after = {"after": page["next"]}
    assert paged == whole["data"]
    (won,) = asked(reader, "/problems", a=known.base, b=known.specreason, outcome="won")["data"]
    assert (won["problem_id"], won["is_correct_a"], won["is_correct_b"]) == ("p2", False, True)
    assert (won["answer_a"], won["answer_b"], won["gold"], won["problem"]) == ("5", "4", "4", "2 + 2?")
    (lost,) = asked(reader, "/problems", a=known.base, b=known.specreason, outcome="lost")["data"]
    assert lost["job_b"] == str(known.job)


def test_a_problem_is_found_by_its_id_or_its_index(reader: TestClient, known: Known) -> None:
    both = {"a": known.base, "b": known.specreason}
    by_id, by_index = (asked(reader, "/problems", problem=ref, **both)["data"] for ref in ("p3", "3"))
    assert by_id == by_index
    missing = reader.get(
        "/api/compare/problems", params={name: str(id_) for name, id_ in both.items()} | {"problem": "x"}
    )
    assert (missing.status_code, missing.json()["detail"][:8]) == (404, "problem:")
    wrong = reader.get(
        "/api/compare/problems", params={"a": str(known.base), "b": str(known.base), "after": str(uuid4())}
    )
    assert (wrong.status_code, wrong.json()["field"]) == (422, "after")


def test_the_first_step_that_differs_is_found_with_both_of_its_texts(
    reader: TestClient, known: Known
) -> None:
    first, wavering = _jobs(reader, known, 0), str(known.job)
    parting = asked(reader, "/traces", a=first, b=wavering)
    assert (parting["index"], parting["num_steps_a"], parting["num_steps_b"]) == (1, 3, 3)
    # Step 0 has the same draft, with another score.
    assert parting["decided"] == 0
    assert (parting["step_a"]["kept_text"], parting["step_b"]["kept_text"]) == (
        "I guess 1.\n\n",
        "Wait, it is 1.\n\n",
    )
    assert (parting["step_b"]["decision"], parting["step_b"]["draft_text"]) == ("rejected", "I guess 1.\n\n")
    assert (parting["num_same_characters"], parting["same_problem"]) == (0, True)
    same = asked(reader, "/traces", a=first, b=first)
    assert (same["index"], same["decided"], same["step_a"]) == (None, None, None)


def _jobs(client: TestClient, known: Known, index: int) -> str:
    (row,) = asked(client, "/problems", a=known.base, b=known.specreason, problem=str(index))["data"]
    return str(row["job_b"])


def test_a_trace_that_ends_early_parts_where_it_ends(client: TestClient, database: Database) -> None:
    batch_id = submit(database, 2)
    worker_id, writer = start_worker(database), TraceWriter(database)
    one, other = job_ids(database, batch_id)
    asyncio.run(
        append_all(writer, claimed(database, one, worker_id), accepted(0, "So far.\n\n"), accepted(1, "More"))
    )
    asyncio.run(append_all(writer, claimed(database, other, worker_id), accepted(0, "So far.\n\n")))
    writer.close()
    parting = asked(client, "/traces", a=one, b=other)
    assert (parting["index"], parting["num_steps_b"], parting["step_b"]) == (1, 1, None)
    assert (parting["step_a"]["kept_text"], parting["num_same_characters"]) == ("More", None)
    assert parting["same_problem"] is False


def test_traces_without_texts_are_not_called_the_same(client: TestClient, database: Database) -> None:
    """A batch that was imported without its table `payload`."""
    batch_id = submit(database, 2)
    worker_id, writer = start_worker(database), TraceWriter(database)
    one, other = job_ids(database, batch_id)
    for job_id, steps in ((one, (accepted(0), accepted(1))), (other, (accepted(0), rejected(1)))):
        asyncio.run(append_all(writer, claimed(database, job_id, worker_id), *steps))
    writer.close()
    assert asked(client, "/traces", a=one, b=other)["lacks_texts"] is False
    execute(database, f"DELETE FROM step_payload WHERE job_id = '{other}'")
    parting = asked(client, "/traces", a=one, b=other)
    assert (parting["lacks_texts"], parting["index"], parting["decided"]) == (True, None, 1)
    assert (parting["num_steps_a"], parting["num_steps_b"]) == (2, 2)


def test_batches_without_a_common_problem_are_refused_and_those_that_run_are_doubted(
    client: TestClient, database: Database
) -> None:
    running, other = submit(database, 3), submit(database, 3)
    compared = asked(client, a=running, b=other)
    assert (compared["matched_by"], compared["num_pairs"]) == ("text", 3)
    assert "3 jobs of A have not ended: these figures will change." in compared["warnings"]
    assert all(figure is None for figure in compared["figures"].values())
    execute(database, f"UPDATE problem SET text = 'another ' || index WHERE batch_id = '{other}'")
    refused = client.get("/api/compare", params={"a": str(running), "b": str(other)})
    assert refused.status_code == 422
    assert "no problem in common" in refused.json()["detail"]


def test_another_owners_batches_and_jobs_are_not_there(
    servers: Servers, database: Database, tmp_path: Any
) -> None:
    app: FastAPI = guarded_app(servers, database, tmp_path)
    ours, theirs = submit(database), submit(database)
    for batch_id, owner in ((ours, "ada"), (theirs, "bob")):
        execute(database, f"UPDATE batch SET owner = '{owner}' WHERE id = '{batch_id}'")
    (our_job,), (their_job,) = job_ids(database, ours), job_ids(database, theirs)
    ada = client_of(app, make_key(database, "ada"))

    def status(path: str, a: UUID, b: UUID) -> int:
        return ada.get(f"/api/compare{path}", params={"a": str(a), "b": str(b)}).status_code

    for path, mine, other in (
        ("", ours, theirs),
        ("/problems", ours, theirs),
        ("/traces", our_job, their_job),
    ):
        assert status(path, mine, mine) == 200, path
        assert [status(path, mine, other), status(path, other, mine), status(path, mine, uuid4())] == [
            404
        ] * 3, path
