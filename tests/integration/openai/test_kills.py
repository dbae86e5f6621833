"""OpenAI's batches after an API is killed, and while two APIs run."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from fastapi import FastAPI
from openai import OpenAI

from api.deployment import Deployment
from api.serve import listen
from specreason.children import spawn_module
from specreason.embedded import Servers
from specreason.store.openai.batches import one_at_a_time
from specreason.store.session import Database
from tests.support.api.apps import scripted_app
from tests.support.api.live import serving
from tests.support.api.openai import create, num_jobs, reaches, sdk_of
from tests.support.api.openai_builders import jsonl, line
from tests.support.store.sql import rows_of, scalar
from tests.support.workers.processes import wait_for


def num_copying(database: Database) -> int:
    """Connections in the middle of a submission."""
    copying = "query LIKE 'COPY job%' AND state = 'active' AND datname = current_database()"
    ((number,),) = rows_of(database, f"SELECT count(*) FROM pg_stat_activity WHERE {copying}")
    return int(number)


def test_what_a_killed_api_left_unfinished_the_next_one_finishes(
    app: FastAPI, openai: OpenAI, servers: Servers, database: Database, tmp_path: Path
) -> None:
    deployment: Deployment = app.state.deployment
    deployment.advancer.close()  # it takes batches and never gets to them, like one that is killed in between
    ids = [create(openai, jsonl([line("a"), line("b")])).id for _ in range(2)]
    assert openai.batches.cancel(ids[1]).status == "cancelling"
    assert openai.batches.retrieve(ids[0]).status == "validating"
    assert num_jobs(database) == 0
    with sdk_of(scripted_app(servers, database, tmp_path)) as openai_after:
        wait_for(lambda: num_jobs(database) == 2)
        for batch_id, status in zip(ids, ("in_progress", "cancelled"), strict=True):
            reaches(openai_after, batch_id, status)


def test_an_api_that_is_killed_while_it_queues_leaves_all_jobs_or_none(
    app: FastAPI, servers: Servers, database_url: str, tmp_path: Path
) -> None:
    database: Database = app.state.deployment.database
    with listen("127.0.0.1", 0) as listener, (tmp_path / "api.log").open("wb") as log:
        api = spawn_module(
            "specreason.cli.main",
            *("api", "--listen-fd", str(listener.fileno())),
            environment={
                "SPECREASON_DATABASE_URL": database_url,
                "SPECREASON_BROKER_URL": servers.broker_url,
                "SPECREASON_PAIRS_FILE": str(tmp_path / "pairs.toml"),
                "SPECREASON_FILES_DIR": str(app.state.deployment.settings.files_dir),
            },
            pass_fds=(listener.fileno(),),
            output=log,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with OpenAI(base_url=url, api_key="x", timeout=60) as openai:
            made = create(openai, jsonl([line(f"line-{number}") for number in range(20_000)]))
        wait_for(lambda: num_copying(database) > 0)
        api.kill()
        api.wait()
    wait_for(lambda: num_copying(database) == 0)
    assert num_jobs(database) == 0
    assert scalar(database, "SELECT count(*) FROM batch") == 0
    with serving(app) as url, OpenAI(base_url=f"{url}/v1", api_key="x") as openai:
        assert reaches(openai, made.id, "in_progress").request_counts.total == 20_000  # type: ignore[union-attr]
    assert num_jobs(database) == 20_000


def test_two_apis_are_never_at_one_batch(database: Database) -> None:
    batch_id = uuid4()
    with (
        one_at_a_time(database, batch_id) as first,
        one_at_a_time(database, batch_id) as second,
        one_at_a_time(database, uuid4()) as other,
    ):
        assert (first, second, other) == (True, False, True)
    with one_at_a_time(database, batch_id) as again:
        assert again
