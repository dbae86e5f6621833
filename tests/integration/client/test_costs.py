"""What batches cost and what submissions will, through API, client and commands."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from specreason.cli import batch as cli_batch
from specreason.client import Batch, Client, short_id
from specreason.errors import InvalidField, NotFound, Unreachable
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.api.guarded import make_key
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import (
    accepted,
    answer,
    append_all,
    claimed,
    job_ids,
    metered,
    start_worker,
)
from tests.support.store.grading import grade_all
from tests.support.store.sql import execute

PROBLEMS = [{"problem": f"What is 2 + 2, {number}?", "answer": gold} for number, gold in enumerate("44544")]


def run(client: Client, database: Database, writer: TraceWriter, *seconds: float, scheme: str) -> Batch:
    """A batch of the first PROBLEMS whose jobs have all answered 4, each call with so much device time."""
    batch = client.submit(PROBLEMS[: len(seconds)], name=f"sums {scheme}", scheme=scheme)
    worker_id = start_worker(database, pair="demo", num_devices=2)
    for job_id, each in zip(job_ids(database, batch.batch_id), seconds, strict=True):
        job = claimed(database, job_id, worker_id)
        steps = [metered(accepted(0), each), metered(answer(1), each)]
        asyncio.run(
            append_all(writer, job, *(steps if scheme == "specreason" else [metered(answer(0), each)]))
        )
        result = JobResult(state=JobState.SUCCEEDED, answer="4", store_s=0.0, mean_concurrency=4.0)
        assert finish(database, job, result)
    grade_all(database)
    execute(database, "UPDATE job SET latency_s = 5 WHERE latency_s IS NOT NULL")
    return client.batch(batch.batch_id)


def test_a_batch_costs_so_much_per_job_and_right_answer_and_beside_the_base_alone(
    client: Client, shell: Shell, database: Database, writer: TraceWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = run(client, database, writer, 6.0, 6.0, 6.0, scheme="base")
    ours = run(client, database, writer, 1.0, 1.0, 1.0, scheme="specreason")
    assert (ours.device_s, ours.num_metered, ours.num_devices, ours.num_correct) == (9, 3, 2, 2)
    found = client.analysis.cost(ours.batch_id, price=200.0)
    assert found.cost is not None
    assert (found.cost.per_job, found.cost.per_right_answer) == (3, 4.5)
    assert found.cost.price == pytest.approx(1.0)  # 18 GPU-seconds
    assert found.beside is not None
    assert found.beside.ratio is not None
    assert (found.beside.batch_id, found.beside.ratio.num_problems) == (base.batch_id, 3)
    assert found.beside.ratio.ratio == pytest.approx(0.5)
    assert client.analysis.cost(base.batch_id).beside is None
    ref = short_id(ours.batch_id)
    plain = shell("batch", "show", ref).out
    assert names(plain, "9.00 s of device time on 2 GPUs of 3 jobs", "3.00 per job", "4.50 per right answer")
    assert names(plain, "drafter 33%, base 67%", "prefill 25%, decode 75%")
    assert names(plain, "0.50 (3 problems, no interval)", "the base alone", "4.0 and 4.0 in flight")
    assert "price" not in plain
    assert names(
        shell("batch", "show", ref, "--price", 200).out, "price", "1.00: 0.33 per job, 0.50 per right"
    )
    monkeypatch.setenv("SPECREASON_GPU_HOUR_PRICE", "400")
    assert names(shell("batch", "show", ref).out, "2.00: 0.67 per job")
    whole = shell("batch", "show", ref, "--against", ref, "--json").json
    assert (whole["device_s"], whole["cost"]["price"], whole["beside"]["ratio"]["ratio"]) == (9, 2, 1)
    head, row, *_ = shell("batch", "list").out.splitlines()
    assert names(head, "device s/job", "total price")
    assert names(row, "3.00", "2.00")
    job = shell("job", "show", f"{ref}/0", "--price", 3600)
    assert names(job.out, "3.00 s of device time on 2 GPUs", "price", "6.00")
    assert shell("job", "show", f"{ref}/0", "--json").json["cost"]["per_job"] == 3
    lines = list(client.results(ours.batch_id))
    assert [(line.device_s, line.num_devices) for line in lines] == [(3, 2)] * 3
    watched = shell("batch", "watch", ref, "--json").json
    assert watched == shell("batch", "show", ref, "--json").json
    assert watched["beside"]["batch_id"] == str(base.batch_id)


def test_the_ratio_of_a_batch_beside_another_is_that_of_their_comparison(
    client: Client, database: Database, writer: TraceWriter
) -> None:
    base = run(client, database, writer, 6.0, 5.0, 4.0, 3.0, scheme="base")
    ours = run(client, database, writer, 1.0, 2.0, 1.5, scheme="specreason")
    beside = client.analysis.cost(ours.batch_id, against=base.batch_id).beside
    compared = client.analysis.compare(base.batch_id, ours.batch_id).figures.gpu_s
    assert beside is not None
    assert beside.ratio is not None
    assert compared is not None
    assert compared.ratio is not None
    assert (beside.ratio.ratio, beside.ratio.low, beside.ratio.high) == (
        compared.ratio.mean,
        compared.ratio.low,
        compared.ratio.high,
    )


def test_a_price_is_looked_at_first_and_refused_where_nothing_has_one(
    client: Client, shell: Shell, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("problem\nWhat is 2 + 2?\n")
    for command in (
        ("batch", "show", "nobody", "--price", "nan"),
        ("submit", path, "--wait", "--price", "inf"),
        ("compare", "nobody", "none", "--price", "nan"),
        ("submit", path, "--price", 1),
        ("submit", path, "--wait", "--json", "--price", 1),
        ("batch", "list", "--json", "--price", 1),
        ("plan", "--price", 1),
    ):
        refused = shell(*command)
        assert (refused.status, names(refused.err + refused.out, "--price")) == (2, True), command
    assert list(client.batches()) == []


def test_a_batch_that_has_ended_is_printed_also_if_the_api_does_not_tell_its_cost(
    client: Client, shell: Shell, database: Database, writer: TraceWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = short_id(run(client, database, writer, 1.0, scheme="base").batch_id)

    def away(*_: object) -> None:
        raise Unreachable("the API does not answer")

    silent = threading.Event()
    monkeypatch.setattr(cli_batch, "known_cost", away)
    told = shell("batch", "watch", ref)
    assert (told.status, names(told.out, "1 succeeded"), names(told.err, "the cost is left out")) == (
        0,
        True,
        True,
    )
    monkeypatch.setattr(cli_batch, "known_cost", lambda *_: silent.wait(60))
    told = shell("batch", "watch", ref, "--timeout", 3, "--json")
    silent.set()
    assert (told.status, told.json["num_succeeded"], told.json["cost"]) == (0, 1, None)
    assert names(told.err, "the cost is left out", "in time")


def test_a_batch_of_which_nothing_is_known_costs_nothing_yet(client: Client, shell: Shell) -> None:
    batch = client.submit(PROBLEMS, scheme="base")
    assert client.analysis.cost(batch.batch_id).cost is None
    shown = shell("batch", "show", short_id(batch.batch_id))
    assert shown.status == 0
    assert "cost" not in shown.out
    assert shell("batch", "show", short_id(batch.batch_id), "--json").json["cost"] is None
    assert shell("batch", "show", short_id(batch.batch_id), "--against", "nobody").status == 4
    ref = short_id(batch.batch_id)
    told = shell("batch", "show", ref, "--against", ref)
    assert (told.status, names(told.err, f"nothing is set beside {ref}", "not known")) == (0, True)


def test_a_dry_run_tells_what_past_jobs_let_expect_or_that_there_are_none(
    client: Client, shell: Shell, database: Database, writer: TraceWriter, tmp_path: Path
) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("problem\n" + "".join(f"What is {number}?\n" for number in range(60)))
    dry = ("submit", path, "--dry-run", "--scheme", "base", "--repeats", 2)
    none = shell(*dry)
    assert (none.status, names(none.err, "no estimate", "no job", "`specreason plan`")) == (0, True)
    assert shell(*dry, "--json").json["estimates"][0]["num_past_jobs"] == 0
    run(client, database, writer, 1.0, 2.0, 2.0, 2.0, 3.0, scheme="base")
    (found,) = shell(*dry, "--json", "--price", 3.6).json["estimates"]
    assert (found["num_jobs"], found["num_past_jobs"], found["likeness"]) == (120, 5, "same")
    assert (found["concurrency"], found["num_workers"], found["latency_s"]) == (4, 1, 5)
    assert (found["device_s"]["mean"], found["wall_s"]["mean"]) == (240, 240)
    assert found["gpu_hours"]["mean"] == pytest.approx(480 / 3600)
    assert found["price"]["mean"] == pytest.approx(0.48)
    assert found["price"]["low"] < 0.48 < found["price"]["high"]
    words = shell(*dry, "--price", 3.6, "--token-budget", 99)
    assert names(words.out, "min", "GPU-hours", "the scheme", "0.48")
    assert names(words.err, "alike in the scheme alone have no bounds", "1 worker")
    assert "95 %" not in words.err
    other = shell(*dry[:-4], "--grid", "scheme=base,specreason", "--json").json["estimates"]
    assert [one["num_past_jobs"] for one in other] == [5, 0]


def test_without_an_api_a_dry_run_still_counts(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "sums.csv"
    path.write_text("problem\nWhat is 2 + 2?\n")
    ended = shell("submit", path, "--dry-run", "--api", "http://127.0.0.1:1")
    assert ended.status == 0
    assert names(ended.out, "1 problem", "nothing was sent")
    assert names(ended.err, "no estimate", "API")


def test_an_estimate_refuses_what_a_submission_would(client: Client) -> None:
    for asked, field in (
        ({"pair": "nobody"}, "pair"),
        ({"config": {"treshold": 3}}, "config.treshold"),
        ({"config": {"scheme": "specdecode"}}, "config.scheme"),
        ({"price": -1.0}, "price"),
    ):
        with pytest.raises(InvalidField) as refused:
            client.analysis.estimate(num_problems=3, **asked)  # type: ignore[arg-type]
        assert refused.value.field == field
    with pytest.raises(InvalidField):
        client.analysis.estimate(num_problems=0)


def test_another_owner_learns_neither_a_cost_nor_that_jobs_have_run(
    locked: Shell, database: Database, writer: TraceWriter
) -> None:
    ada, bob = (make_key(database, owner).secret for owner in ("ada", "bob"))
    with Client(locked.url, ada) as client:
        ours = run(client, database, writer, 1.0, 2.0, 3.0, scheme="base")
        assert client.analysis.estimate(num_problems=1, config={"scheme": "base"}).num_past_jobs == 3
        with Client(locked.url, bob) as other:
            assert other.analysis.estimate(num_problems=1, config={"scheme": "base"}).num_past_jobs == 0
            with pytest.raises(NotFound):
                other.analysis.cost(ours.batch_id)
            theirs = other.submit(PROBLEMS, scheme="base")
            with pytest.raises(NotFound):
                other.analysis.cost(theirs.batch_id, against=ours.batch_id)
