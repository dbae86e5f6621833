"""/metrics: what Prometheus reads of an API, who may read it, and what it costs Postgres."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import deployment_figures
from api.native import reads
from specreason.embedded import Servers
from specreason.errors import StoreUnavailable
from specreason.store.read.queues import Queues
from specreason.store.session import Database
from specreason.store.tables.states import Scope
from tests.support.api.apps import make_api
from tests.support.api.guarded import client_of, guarded_app, make_key
from tests.support.api.live import LOCAL
from tests.support.store.builders import PAIR, claim_one, start_worker, submit

Sample = tuple[str, frozenset[tuple[str, str]]]


@pytest.fixture(autouse=True)
def asked_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployment_figures, "FRESH_S", 0.0)


def samples(client: TestClient) -> dict[Sample, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(found: dict[Sample, float], name: str, **labels: str) -> float:
    return found[name, frozenset(labels.items())]


def test_the_queue_is_told_by_pair_and_state(client: TestClient, database: Database) -> None:
    start_worker(database)
    submit(database, 3)
    claim_one(database)
    found = samples(client)
    assert value(found, "specreason_jobs", pair=PAIR, state="queued") == 3
    assert value(found, "specreason_jobs", pair=PAIR, state="running") == 1
    assert value(found, "specreason_workers", pair=PAIR) == 2
    assert value(found, "specreason_queue_age_seconds", pair=PAIR) >= 0
    assert value(found, "specreason_ungraded_answers") == 0
    assert value(found, "specreason_database_up") == 1


def test_events_are_counters_that_begin_at_zero(client: TestClient, database: Database) -> None:
    lost = {"kind": "worker_lost", "outcome": ""}
    assert value(samples(client), "specreason_events_total", **lost) == 0


def test_requests_are_counted_by_route_and_not_by_path(client: TestClient) -> None:
    for path in ("/api/health", "/api/jobs/00000000-0000-0000-0000-000000000000", "/nowhere/1", "/nowhere/2"):
        client.get(path)
    found = samples(client)
    name = "specreason_http_requests_total"
    assert value(found, name, method="GET", route="/api/health", status="200") == 1
    assert value(found, name, method="GET", route="/api/jobs/{job_id}", status="404") == 1
    assert value(found, name, method="GET", route="none", status="404") == 2
    assert not any("nowhere" in route for (_, labels) in found for _, route in labels)
    count = "specreason_http_request_seconds_count"
    assert value(found, count, method="GET", route="/api/health") == 1


def test_a_request_that_a_defect_ended_is_counted_as_500(
    servers: Servers, database: Database, files_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(reads, "list_workers", broken)
    app = make_api(servers, database, files_dir=files_dir)
    with TestClient(app, base_url=LOCAL, raise_server_exceptions=False) as client:
        assert client.get("/api/workers").status_code == 500
        found = samples(client)
    name = "specreason_http_requests_total"
    assert value(found, name, method="GET", route="/api/workers", status="500") == 1


def test_a_client_cannot_make_up_methods_that_become_labels(client: TestClient) -> None:
    for method in ("BREW", "PROPFIND"):
        client.request(method, "/api/health")
    methods = {dict(labels).get("method") for _, labels in samples(client)}
    assert methods <= {None, "GET", "other"}


def test_however_many_ask_postgres_is_asked_once_in_a_while(
    client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment_figures, "FRESH_S", 60.0)
    submit(database, 2)
    before = samples(client)
    submit(database, 2)
    assert value(samples(client), "specreason_jobs", pair=PAIR, state="queued") == 2
    assert value(before, "specreason_jobs", pair=PAIR, state="queued") == 2


def test_while_postgres_is_away_the_rest_is_told_and_nothing_that_is_old(
    client: TestClient, database: Database
) -> None:
    submit(database, 2)
    samples(client)

    def away(database: Database) -> None:
        raise StoreUnavailable("database: away")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployment_figures, "read_queues", away)
        found = samples(client)
    assert value(found, "specreason_database_up") == 0
    assert not any(name == "specreason_jobs" for name, _ in found)
    assert value(samples(client), "specreason_jobs", pair=PAIR, state="queued") == 2


def test_while_one_request_waits_for_postgres_the_others_do_not_wait_for_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployment_figures, "PATIENCE_S", 0.01)
    is_asking, may_go_on = threading.Event(), threading.Event()
    asked = deployment_figures.read_queues

    def slow(database: Database) -> Queues:
        is_asking.set()
        may_go_on.wait(30)
        return asked(database)

    monkeypatch.setattr(deployment_figures, "read_queues", slow)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(samples, client)
        assert is_asking.wait(30)
        second = samples(client)
        may_go_on.set()
        assert value(first.result(), "specreason_database_up") == 1
    assert value(second, "specreason_database_up") == 0


def test_with_keys_a_key_that_reads_is_needed_unless_the_operator_opens_them(
    servers: Servers, database: Database, tmp_path: Path
) -> None:
    guarded = guarded_app(servers, database, tmp_path)
    assert TestClient(guarded).get("/metrics").status_code == 401
    assert client_of(guarded, make_key(database, "eve", (Scope.SUBMIT,))).get("/metrics").status_code == 403
    samples(client_of(guarded, make_key(database, "ada", (Scope.READ,))))
    opened = guarded_app(servers, database, tmp_path, metrics_open=True)
    samples(TestClient(opened))
    assert TestClient(opened).get("/api/queues").status_code == 401
    assert TestClient(opened).get("/metrics/").status_code in (401, 404)


def test_no_metric_names_an_owner_or_a_batch(servers: Servers, database: Database, tmp_path: Path) -> None:
    guarded = guarded_app(servers, database, tmp_path)
    ada = client_of(guarded, make_key(database, "ada-the-owner"))
    ada.post("/api/batches", json={"name": "ada-s-batch", "problems": [{"problem": "ada-s-problem"}]})
    text = client_of(guarded, make_key(database, "bob", (Scope.READ,))).get("/metrics").text
    assert "ada" not in text


def test_the_same_figures_are_there_as_json(servers: Servers, database: Database, files_dir: Path) -> None:
    submit(database, 3)
    start_worker(database)
    with TestClient(make_api(servers, database, files_dir=files_dir), base_url=LOCAL) as client:
        (queue,) = client.get("/api/queues").json()["pairs"]
    assert (queue["pair"], queue["num_queued"], queue["num_workers"], queue["slots"]) == (PAIR, 3, 1, 16)
