"""/v1/batches with the unmodified `openai` SDK: a real server, a real worker with scripted models, and bad files."""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from openai import APIStatusError, NotFoundError, OpenAI
from openai.types import Batch
from sqlalchemy import text

from api.app import create_app
from api.openai.settler import Settler
from api.publisher import Publisher
from specreason.children import spawn_module
from specreason.cli.services import listen
from specreason.config import load_pairs
from specreason.embedded import Servers
from specreason.settings import Settings
from specreason.store.controls import requeue_job
from specreason.store.dispatch import expire_deadlines
from specreason.store.jobs import JobResult
from specreason.store.openai_batches import one_at_a_time
from specreason.store.session import Database, connect
from specreason.store.states import JobState
from tests.integration.conftest import TEMPLATE, database_called
from tests.integration.live_api import serving
from tests.integration.openai_builders import ENDPOINT, end_all, jsonl, line, succeeded
from tests.integration.scripted_child import HOLDS
from tests.integration.store_builders import execute, scalar
from tests.integration.worker_house import House, rows_of
from tests.processes import wait_for
from worker.app import make_app

ROOT = Path(__file__).parents[2]
PAIRS = """
[scripted]
judge_suffix = "?"
base = { model = "none", max_model_len = 4096, kv_cache_memory_bytes = 1048576 }
drafter = { model = "none", max_model_len = 4096, kv_cache_memory_bytes = 1048576 }
"""


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pairs") / "pairs.toml"
    path.write_text(PAIRS)
    return path


@pytest.fixture
def app(servers: Servers, database: Database, pairs: Path, tmp_path: Path) -> FastAPI:
    settings = Settings(files_dir=tmp_path / "files")
    return create_app(database, Publisher(servers.broker_url), load_pairs(pairs), settings)


@pytest.fixture
def openai(app: FastAPI) -> Iterator[OpenAI]:
    with serving(app) as url, OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as openai:
        yield openai


def create(openai: OpenAI, content: bytes, **asked: Any) -> Batch:
    file_id = openai.files.create(file=("sums.jsonl", content), purpose="batch").id
    return openai.batches.create(input_file_id=file_id, endpoint=ENDPOINT, completion_window="24h", **asked)


def reaches(openai: OpenAI, batch_id: str, *words: str) -> Batch:
    wait_for(lambda: openai.batches.retrieve(batch_id).status in words, 60)
    return openai.batches.retrieve(batch_id)


def lines_of(openai: OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id is not None
    return [json.loads(each) for each in openai.files.content(file_id).text.splitlines()]


def num_jobs(database: Database) -> object:
    return scalar(database, "SELECT count(*) FROM job")


def num_copying(database: Database) -> int:
    """Connections in the middle of a submission."""
    copying = "query LIKE 'COPY job%' AND state = 'active' AND datname = current_database()"
    ((number,),) = rows_of(database, f"SELECT count(*) FROM pg_stat_activity WHERE {copying}")
    return int(number)


# With a worker


@pytest.fixture(scope="module")
def house(servers: Servers, administration: Database, pairs: Path) -> Iterator[House]:
    name = "test_openai_batches"
    with administration.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    database_url = database_called(servers, name)
    database = connect(database_url)
    celery = make_app(servers.broker_url)
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "PYTHONPATH": str(ROOT),
            "SPECREASON_DATABASE_URL": database_url,
            "SPECREASON_BROKER_URL": servers.broker_url,
            "SPECREASON_PAIRS_FILE": str(pairs),
            "SPECREASON_SLOTS": "4",
            HOLDS: folder,
        }
        house = House(database, database_url, celery, environment, Path(folder))
        house.lose_messages()
        yield house
        house.let_go_of_all()
        house.close()
        sys.stdout.write((Path(folder) / "workers.log").read_text())  # shown where a test has failed
    celery.close()
    database.dispose()
    with administration.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def worked(house: House, servers: Servers, pairs: Path, tmp_path: Path) -> Iterator[OpenAI]:
    """The API on a database where a worker runs what is submitted."""
    house.worker()
    settings = Settings(files_dir=tmp_path / "files")
    app = create_app(house.database, Publisher(servers.broker_url), load_pairs(pairs), settings)
    with serving(app) as url, OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as openai:
        yield openai


def test_a_batch_runs_from_upload_to_download(worked: OpenAI, house: House) -> None:
    lines = [
        line("first", "What is 1 + 1?", temperature=0.7, max_tokens=2000),
        line("second", "What is 2 + 2?", n=3, seed=5),
        line("third\u2028", "What is 3 + 3?", specreason={"scheme": "base", "seed": 9}),
    ]
    made = create(worked, jsonl(lines), metadata={"who": "me"})
    assert (made.object, made.endpoint, made.metadata) == ("batch", ENDPOINT, {"who": "me"})
    assert made.status in ("validating", "in_progress")
    assert made.expires_at == pytest.approx(made.created_at + 86_400, abs=2)
    done = reaches(worked, made.id, "completed")
    assert done.request_counts is not None
    counts = done.request_counts
    assert (counts.total, counts.completed, counts.failed) == (3, 3, 0)
    moments = [done.created_at, done.in_progress_at, done.finalizing_at, done.completed_at]
    assert moments == sorted(moment or 0 for moment in moments)
    assert done.error_file_id is None
    assert worked.files.retrieve(done.output_file_id or "").purpose == "batch_output"
    by_id = {each["custom_id"]: each for each in lines_of(worked, done.output_file_id)}
    assert set(by_id) == {"first", "second", "third\u2028"}
    for each in by_id.values():
        assert each["error"] is None
        assert each["response"]["status_code"] == 200
        body = each["response"]["body"]
        usage = body["usage"]
        thinking = usage["completion_tokens_details"]["reasoning_tokens"]
        assert 0 < thinking < usage["completion_tokens"]
        assert usage["prompt_tokens"] > 10
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    choices = by_id["second"]["response"]["body"]["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in choices}) == 3
    (choice,) = by_id["first"]["response"]["body"]["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"].startswith("\\boxed{")
    assert choice["message"]["reasoning_content"].startswith("The ")
    assert choice["message"]["reasoning_content"].endswith("So it is.")
    ours = by_id["third\u2028"]["response"]["body"]["specreason"]
    rows = rows_of(
        house.database,
        f"""SELECT job.seed, batch.config ->> 'scheme', batch.id::text, batch.metadata ->> 'openai_batch_id'
            FROM job JOIN batch ON batch.id = job.batch_id WHERE job.id = '{ours["job_id"]}'""",
    )
    assert rows == [(9, "base", ours["batch_id"], made.id)]
    config = rows_of(
        house.database,
        f"""SELECT (config ->> 'token_budget')::int, (config ->> 'max_answer_tokens')::int, config -> 'temperature'
            FROM batch WHERE id = '{by_id["first"]["response"]["body"]["specreason"]["batch_id"]}'""",
    )
    assert config == [(1500, 500, 0.7)]


def test_a_cancelled_batch_gives_what_had_ended(worked: OpenAI, house: House) -> None:
    house.hold("late")
    made = create(worked, jsonl([line("quick"), line("slow", "Wait for late at 2.")]))
    wait_for(lambda: (worked.batches.retrieve(made.id).request_counts or made).completed == 1, 60)  # type: ignore[union-attr]
    cancelling = worked.batches.cancel(made.id)
    assert cancelling.status in ("cancelling", "cancelled")
    done = reaches(worked, made.id, "cancelled")
    house.let_go_of_all()
    assert (done.cancelled_at or 0) >= (done.cancelling_at or 0) > 0
    assert [each["custom_id"] for each in lines_of(worked, done.output_file_id)] == ["quick"]
    (error,) = lines_of(worked, done.error_file_id)
    assert (error["custom_id"], error["response"], error["error"]["code"]) == (
        "slow",
        None,
        "batch_cancelled",
    )
    assert worked.batches.cancel(made.id).status == "cancelled"


# Without one


def test_the_list_has_every_batch_once_newest_first(openai: OpenAI) -> None:
    ids = [create(openai, jsonl([line("a")])).id for _ in range(5)]
    assert [batch.id for batch in openai.batches.list(limit=2)] == ids[::-1]
    first = openai.batches.list(limit=2)
    assert (len(first.data), first.has_more) == (2, True)


def test_models_are_the_pairs(openai: OpenAI) -> None:
    assert [model.id for model in openai.models.list()] == ["scripted"]
    assert openai.models.retrieve("scripted").object == "model"
    with pytest.raises(NotFoundError):
        openai.models.retrieve("gpt-5")


def test_lines_share_a_batch_of_ours_where_they_share_a_configuration(
    openai: OpenAI, database: Database
) -> None:
    lines = [line(f"{number}", seed=number, temperature=(number % 2) / 2) for number in range(10)]
    reaches(openai, create(openai, jsonl(lines)).id, "in_progress")
    rows = rows_of(
        database,
        """SELECT config -> 'temperature', string_agg(problem.problem_id || '=' || seed, ' ' ORDER BY job.id)
           FROM batch JOIN job ON job.batch_id = batch.id JOIN problem ON problem.id = job.problem_id
           GROUP BY 1 ORDER BY 1""",
    )
    assert rows == [(0.0, "0=0 2=2 4=4 6=6 8=8"), (0.5, "1=1 3=3 5=5 7=7 9=9")]


def test_a_line_completes_if_a_repeat_succeeds_and_fails_if_none_does(
    openai: OpenAI, database: Database
) -> None:
    made = create(openai, jsonl([line("some", n=2), line("none", n=2)]))
    reaches(openai, made.id, "in_progress")
    failed = JobResult(state=JobState.FAILED, error="too long")
    end_all(database, lambda number: succeeded(number) if number == 2 else failed)  # the second of the first
    done = reaches(openai, made.id, "completed")
    assert done.request_counts is not None
    assert (done.request_counts.completed, done.request_counts.failed) == (1, 1)
    (output,) = lines_of(openai, done.output_file_id)
    assert [choice["index"] for choice in output["response"]["body"]["choices"]] == [1]
    assert [job["state"] for job in output["response"]["body"]["specreason"]["jobs"]] == [
        "failed",
        "succeeded",
    ]
    (error,) = lines_of(openai, done.error_file_id)
    assert error["error"] == {"code": "request_failed", "message": "too long"}


def test_at_the_end_of_its_window_a_batch_expires_and_gives_what_had_ended(
    openai: OpenAI, database: Database
) -> None:
    made = create(openai, jsonl([line("early"), line("late")]))
    reaches(openai, made.id, "in_progress")
    end_all(database, succeeded, leave=1)
    execute(database, "UPDATE job SET deadline_at = now() - interval '1 s' WHERE state = 'queued'")
    expire_deadlines(database)
    done = reaches(openai, made.id, "expired")
    assert done.expired_at
    assert [each["custom_id"] for each in lines_of(openai, done.output_file_id)] == ["early"]
    (error,) = lines_of(openai, done.error_file_id)
    assert (error["custom_id"], error["error"]["code"]) == ("late", "batch_expired")


def test_the_window_is_the_deadline_of_the_jobs(openai: OpenAI, database: Database) -> None:
    file_id = openai.files.create(file=("x", jsonl([line("a")])), purpose="batch").id
    made = openai.batches.create(
        input_file_id=file_id,
        endpoint=ENDPOINT,
        completion_window="30m",  # type: ignore[arg-type]
    )
    reaches(openai, made.id, "in_progress")
    assert scalar(database, "SELECT extract(epoch FROM max(deadline_at))::int FROM job") == pytest.approx(
        made.created_at + 1800, abs=2
    )


def test_jobs_queued_again_by_hand_make_the_results_anew(openai: OpenAI, database: Database) -> None:
    made = create(openai, jsonl([line("a")]))
    reaches(openai, made.id, "in_progress")
    end_all(database, lambda number: JobResult(state=JobState.FAILED, error="no"))
    first = reaches(openai, made.id, "completed")
    assert first.output_file_id is None
    ((job_id,),) = rows_of(database, "SELECT id FROM job")
    requeue_job(database, job_id)
    again = openai.batches.retrieve(made.id)
    assert (again.status, again.error_file_id) == ("in_progress", None)
    end_all(database, succeeded)
    done = reaches(openai, made.id, "completed")
    assert [each["custom_id"] for each in lines_of(openai, done.output_file_id)] == ["a"]


def test_result_files_expire_when_asked_to(openai: OpenAI, database: Database) -> None:
    after = {"anchor": "created_at", "seconds": 7200}
    made = create(openai, jsonl([line("a")]), output_expires_after=after)
    reaches(openai, made.id, "in_progress")
    end_all(database, succeeded)
    done = reaches(openai, made.id, "completed")
    expires_at = openai.files.retrieve(done.output_file_id or "").expires_at
    assert expires_at == pytest.approx(time.time() + 7200, abs=60)


def test_what_a_killed_api_left_unfinished_the_next_one_finishes(
    app: FastAPI, openai: OpenAI, database: Database
) -> None:
    settler: Settler = app.state.settler
    settler.close()  # it takes batches and never gets to them, like one that is killed in between
    ids = [create(openai, jsonl([line("a"), line("b")])).id for _ in range(2)]
    assert openai.batches.cancel(ids[1]).status == "cancelling"
    assert openai.batches.retrieve(ids[0]).status == "validating"
    assert num_jobs(database) == 0
    after = create_app(database, app.state.publisher, app.state.pairs, app.state.settings)
    with serving(after) as url, OpenAI(base_url=f"{url}/v1", api_key="x") as openai_after:
        wait_for(lambda: num_jobs(database) == 2)
        for batch_id, status in zip(ids, ("in_progress", "cancelled"), strict=True):
            reaches(openai_after, batch_id, status)


def test_an_api_that_is_killed_while_it_queues_leaves_all_jobs_or_none(
    app: FastAPI, servers: Servers, database_url: str, pairs: Path, tmp_path: Path
) -> None:
    database: Database = app.state.database
    with listen("127.0.0.1", 0) as listener, (tmp_path / "api.log").open("wb") as log:
        api = spawn_module(
            "specreason.cli.main",
            *("api", "--listen-fd", str(listener.fileno())),
            environment={
                "SPECREASON_DATABASE_URL": database_url,
                "SPECREASON_BROKER_URL": servers.broker_url,
                "SPECREASON_PAIRS_FILE": str(pairs),
                "SPECREASON_FILES_DIR": str(app.state.settings.files_dir),
            },
            pass_fds=(listener.fileno(),),
            output=log,
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with OpenAI(base_url=url, api_key="x", timeout=60) as openai:
            made = create(openai, jsonl(MANY))
        wait_for(lambda: num_copying(database) > 0)
        api.kill()
        api.wait()
    wait_for(lambda: num_copying(database) == 0)
    assert num_jobs(database) == 0
    assert scalar(database, "SELECT count(*) FROM batch") == 0
    with serving(app) as url, OpenAI(base_url=f"{url}/v1", api_key="x") as openai:
        assert reaches(openai, made.id, "in_progress").request_counts.total == 50_000  # type: ignore[union-attr]
    assert num_jobs(database) == 50_000


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


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"input_file_id": f"file-{uuid4().hex}"}, "input_file_id"),
        ({"input_file_id": "nonsense"}, "input_file_id"),
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"completion_window": "a day"}, "completion_window"),
        ({"completion_window": "999d"}, "completion_window"),
        ({"metadata": {str(number): "x" for number in range(17)}}, "more than 16 pairs"),
        ({"metadata": {"k" * 65: "x"}}, "64"),
        ({"metadata": {"k": "x" * 513}}, "512"),
        ({"metadata": {"k": "\0"}}, "NUL"),
        ({"metadata": {"k": 5}}, "valid string"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 5}}, "seconds"),
        ({"extra_body": {"colour": "red"}}, "colour"),
    ],
)
def test_a_batch_that_is_wrong_is_refused_by_its_field(
    openai: OpenAI, database: Database, asked: dict[str, Any], says: str
) -> None:
    file_id = openai.files.create(file=("x", jsonl([line("a")])), purpose="batch").id
    fine = {"input_file_id": file_id, "endpoint": ENDPOINT, "completion_window": "24h"}
    with pytest.raises(APIStatusError, match=says) as refused:
        openai.batches.create(**(fine | asked))
    assert 400 <= refused.value.status_code < 500
    assert scalar(database, "SELECT count(*) FROM openai_batch") == 0


MANY = [line(f"line-{number}") for number in range(1, 50_001)]


def with_bad_line(number: int, bad: bytes) -> bytes:
    lines = jsonl(MANY[:number]).splitlines(keepends=True)
    lines[number - 1] = bad + b"\n"
    return b"".join(lines)


DEEP = json.loads("[" * 300 + "]" * 300)
CORPUS: dict[str, tuple[Callable[[], bytes], list[tuple[int | None, str]]]] = {
    "broken JSON at line 49,999": (
        lambda: with_bad_line(49_999, b'{"custom_id": "x'),
        [(49_999, "not JSON")],
    ),
    "50,001 lines": (lambda: jsonl([*MANY, line("one more")]), [(None, "more than 50000 lines")]),
    "duplicate custom_id": (
        lambda: jsonl([line("a"), line("b"), line("a")]),
        [(3, "custom_id: line 1 has the same")],
    ),
    "two wrong lines": (
        lambda: jsonl([line("a") | {"method": "GET"}, line("b"), line("c") | {"url": "/v1/embeddings"}]),
        [(1, "method"), (3, "url")],
    ),
    "NUL": (lambda: b'{"custom_id": "a\0"}\n', [(1, "not JSON")]),
    "escaped NUL": (lambda: jsonl([line("a", "nul \0")]), [(1, "NUL")]),
    "escaped NUL in the id": (lambda: jsonl([line("a\0")]), [(1, "custom_id")]),
    "a 5 MB line": (
        lambda: jsonl([line("a"), line("b", "x" * 5_000_000), line("c") | {"url": 7}]),
        [(2, "longer than"), (3, "url")],
    ),
    "a problem that is too long": (lambda: jsonl([line("a", "x" * 200_001)]), [(1, "messages")]),
    "lone surrogate": (lambda: jsonl([line("a", "\ud83e")]), [(1, "messages")]),
    "lone surrogate in the id": (lambda: jsonl([line("\ud83e")]), [(1, "custom_id")]),
    "latin-1": (lambda: json.dumps(line("a", "größe"), ensure_ascii=False).encode("latin-1"), [(1, "UTF-8")]),
    "UTF-16": (lambda: json.dumps(line("a")).encode("utf-16"), [(1, "UTF-8")]),
    "gzip": (lambda: gzip.compress(jsonl([line("a")])), [(1, "compressed")]),
    "empty": (lambda: b"", [(None, "no lines")]),
    "blank": (lambda: b"\n \r\n\n", [(None, "no lines")]),
    "deep nesting": (lambda: b"[" * 100_000 + b"]" * 100_000, [(1, "nested too deeply")]),
    "300 levels": (lambda: jsonl([line("a", metadata=DEEP)]), [(1, "nested too deeply")]),
    "keys that are no text": (
        lambda: jsonl([line("a") | {"a\0": 1}, line("b", **{"b\0": 1}), line("c", **{"\ud800": 1})]),
        [
            (1, "unknown key"),
            (2, "body.b\ufffd: is not supported"),
            (3, "body: input should be a valid string"),
        ],
    ),
    "a model that is no text": (
        lambda: jsonl([line("a", model="gpt\0"), line("b", model="\ud800")]),
        [(1, "no pair is called 'gpt\ufffd'"), (2, "no pair is called '\ufffd'")],
    ),
    "keys of ours that are no text": (
        lambda: jsonl([line("a", specreason={"a\0": 1}), line("b", specreason={"\ud800": 1})]),
        [(1, "body.specreason.a\ufffd: unknown key"), (2, "body.specreason: input should be a valid string")],
    ),
    "a huge integer": (lambda: jsonl([line("a", seed=10**400)]), [(1, "seed")]),
    "an integer of 5,000 digits": (lambda: b'{"custom_id": ' + b"9" * 5000 + b"}", [(1, "not JSON")]),
    "a number that is too large": (lambda: b'{"custom_id": 1e999}', [(1, "too large")]),
    "NaN": (lambda: jsonl([line("a", temperature=float("nan"))]), [(1, "NaN")]),
    "not an object": (lambda: b"[1]\n", [(1, "JSON object")]),
    "no body": (lambda: jsonl([{"custom_id": "a", "method": "POST", "url": ENDPOINT}]), [(1, "body")]),
    "unknown model": (lambda: jsonl([line("a", model="gpt-5")]), [(1, "no pair is called 'gpt-5'")]),
    "tools": (lambda: jsonl([line("a", tools=[{}])]), [(1, "body.tools: is not supported")]),
    "stream": (lambda: jsonl([line("a", stream=True)]), [(1, "body.stream: is not supported")]),
    "two turns": (
        lambda: jsonl([line("a", messages=[{"role": "user", "content": "x"}] * 2)]),
        [(1, "must be one user message")],
    ),
    "a system message": (
        lambda: jsonl([line("a", messages=[{"role": "system", "content": "x"}])]),
        [(1, "body.messages.0.role")],
    ),
    "an image": (
        lambda: jsonl([line("a", messages=[{"role": "user", "content": [{"type": "image_url"}]}])]),
        [(1, "body.messages.0.content")],
    ),
    "a wrong configuration": (
        lambda: jsonl(
            [line("a", specreason={"treshold": 5}), line("b", specreason={"scheme": "specdecode"})]
        ),
        [(1, "body.specreason.treshold: unknown key"), (2, "body.specreason.scheme")],
    ),
    "the same thing twice": (
        lambda: jsonl([line("a", temperature=1, specreason={"temperature": 1}), line("b", n=0)]),
        [(1, "give one of them"), (2, "body.n")],
    ),
    "a seed that is none": (
        lambda: jsonl([line("a", seed="x"), line("b", specreason={"seed": -1})]),
        [(1, "body.seed"), (2, "seed")],
    ),
}


@pytest.mark.parametrize("name", CORPUS)
def test_a_bad_file_fails_with_its_lines_and_queues_nothing(
    openai: OpenAI, database: Database, name: str
) -> None:
    content, expected = CORPUS[name]
    failed = reaches(openai, create(openai, content()).id, "failed", "in_progress")
    assert failed.status == "failed"
    assert failed.failed_at
    assert failed.errors is not None
    assert failed.errors.data is not None
    told = [(error.line, error.message or "") for error in failed.errors.data]
    assert [number for number, _ in told] == [number for number, _ in expected]
    for (_, message), (_, says) in zip(told, expected, strict=True):
        assert says in message
    assert num_jobs(database) == 0
    assert scalar(database, "SELECT count(*) FROM batch") == 0


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + jsonl([line("a"), line("b")]),
        jsonl([line("a"), line("b")]).replace(b"\n", b"\r\n"),
        b"\n" + jsonl([line("a")]) + b"\n\n" + jsonl([line("b")]).rstrip(),
        jsonl([line("a", stream=False, tools=None, user="me"), line("b", messages=[
            {"role": "user", "content": [{"type": "text", "text": "What is"}, {"type": "text", "text": "2 + 2?"}]}
        ])]),
    ],
    ids=["byte order mark", "carriage returns", "blank lines", "what clients write besides"],
)  # fmt: skip
def test_a_file_that_is_merely_unusual_works(openai: OpenAI, database: Database, content: bytes) -> None:
    reaches(openai, create(openai, content).id, "in_progress")
    assert num_jobs(database) == 2


def test_a_file_of_fifty_thousand_lines_is_taken(openai: OpenAI, database: Database) -> None:
    done = reaches(openai, create(openai, jsonl(MANY)).id, "in_progress")
    assert done.request_counts is not None
    assert done.request_counts.total == 50_000
    assert num_jobs(database) == 50_000


def test_a_file_wrong_in_every_line_is_told_so_a_hundred_times(openai: OpenAI) -> None:
    failed = reaches(openai, create(openai, b"x\n" * 1000).id, "failed")
    assert failed.errors is not None
    assert [error.line for error in failed.errors.data or ()] == list(range(1, 101))
