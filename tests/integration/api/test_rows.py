"""The rows of a batch as a stream of Arrow: whole, from any place on, or recognisably broken."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pyarrow as pa
import pytest

from specreason import __version__
from specreason.client import Client
from specreason.embedded import Servers
from specreason.errors import InvalidField, LimitReached, NotFound, StoreUnavailable, Unreachable
from specreason.store.access.visibility import Viewer
from specreason.store.analysis import rows
from specreason.store.analysis.row_tables import SCHEMA_VERSION, Table
from specreason.store.analysis.rows import ipc_chunks, read_rows
from specreason.store.session import Database, connect
from tests.support.api.apps import make_api
from tests.support.api.guarded import client_of, guarded_app, make_key
from tests.support.api.live import serving
from tests.support.store.builders import submit
from tests.support.store.databases import own_database
from tests.support.store.sql import execute, rows_of
from tests.support.store.traces import CHAT, ended_batch


@pytest.fixture(scope="module")
def database(servers: Servers, administration: Database) -> Iterator[Database]:
    """One for all tests of this module, which only read of the batch that they share."""
    with own_database(servers, administration) as url:
        database = connect(url)
        yield database
        database.dispose()


@pytest.fixture(scope="module")
def batch_id(database: Database) -> UUID:
    """Another batch lies beside it."""
    asyncio.run(ended_batch(database, name="another"))
    return asyncio.run(ended_batch(database))


@pytest.fixture(scope="module")
def url(servers: Servers, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(make_api(servers, database, files_dir=tmp_path_factory.mktemp("files"))) as url:
        yield url


@pytest.fixture
def live(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """Pages are short."""
    monkeypatch.setattr(rows, "PAGE_ROWS", 2)
    monkeypatch.setattr(rows, "JOBS", 3)
    with Client(url, patience_s=0.5) as client:
        yield client


def rows_in(body: bytes) -> list[dict[str, Any]]:
    return list(pa.ipc.open_stream(body).read_all().to_pylist())


def counted(database: Database, batch_id: UUID, table: Table) -> int:
    if table in (Table.WORKER, Table.MODEL_PAIR):
        return 1
    of_jobs = f"job_id IN (SELECT id FROM job WHERE batch_id = '{batch_id}')"
    key = "id" if table is Table.BATCH else "batch_id"
    which = of_jobs if table.is_of_jobs else f"{key} = '{batch_id}'"
    ((number,),) = rows_of(database, f"SELECT count(*) FROM {table.source} WHERE {which}")
    return int(number)


def test_every_row_comes_once_in_the_order_of_the_key_and_from_any_place_on(
    database: Database, live: Client, batch_id: UUID
) -> None:
    for table in Table:
        check_order_and_places(database, live, batch_id, table)


def check_order_and_places(database: Database, live: Client, batch_id: UUID, table: Table) -> None:
    pages = list(live.rows(batch_id, table))
    assert (pages[-1].last, pages[-1].rows.num_rows) == (None, 0)
    whole = [row for page in pages for row in page.rows.to_pylist()]
    places = [tuple(row[name] for name in table.key) for row in whole]
    assert places == sorted(set(places))
    assert len(whole) == counted(database, batch_id, table) > 0
    for number, page in enumerate(pages[:-1]):
        rest = [row for later in live.rows(batch_id, table, page.last) for row in later.rows.to_pylist()]
        assert rest == [row for later in pages[number + 1 :] for row in later.rows.to_pylist()]


@pytest.mark.parametrize("compression", [None, "none", "lz4", "zstd"])
def test_the_values_are_those_of_the_tables_whatever_the_compression(
    database: Database, url: str, batch_id: UUID, compression: str | None
) -> None:
    params = {} if compression is None else {"compression": compression}
    answer = httpx2.get(f"{url}/api/batches/{batch_id}/rows/step", params=params)
    assert answer.headers["content-type"] == "application/vnd.apache.arrow.stream"
    names = (
        "decision",
        "author",
        "utility_score",
        "recent_acceptance",
        "break_even",
        "draft_ttft_s",
        "digit_probs",
    )
    selected = ", ".join(f"step.{name}" for name in names)
    stored = rows_of(
        database,
        f"SELECT {selected} FROM step JOIN job ON job.id = job_id WHERE batch_id = '{batch_id}' ORDER BY job_id, index",
    )
    assert [tuple(row[name] for name in names) for row in rows_in(answer.content)] == [
        tuple(row) for row in stored
    ]


def test_texts_and_json_are_as_they_are_stored(database: Database, live: Client, batch_id: UUID) -> None:
    payload = live.frame(batch_id, "payload").to_pylist()
    of_batch = f"JOIN job ON job.id = job_id WHERE batch_id = '{batch_id}' ORDER BY job_id, index"
    names = ("kept_text", "kept_ids", "draft_text", "draft_ids", "written_ids")
    stored = rows_of(database, f"SELECT {', '.join(names)} FROM step_payload {of_batch}")
    assert [tuple(row[name] for name in names) for row in payload] == [tuple(row) for row in stored]
    assert any("\ufffd" in row["kept_text"] for row in payload)
    assert [] in [row["kept_ids"] for row in payload]
    problems = live.frame(batch_id, "problem").to_pylist()
    assert [row["problem_id"] for row in problems] == ["p-0", None, None, ""]
    assert [row["answer"] for row in problems] == ["4", "4", "", None]
    assert problems[1]["messages"].count('"role"') == len(CHAT)
    assert problems[0]["messages"] is None


def test_a_stream_says_what_it_is(live: Client, batch_id: UUID) -> None:
    frame = live.frame(batch_id)
    facts = {key.decode(): value.decode() for key, value in frame.schema.metadata.items()}
    assert facts["specreason.schema_version"] == str(SCHEMA_VERSION)
    assert facts["specreason.version"] == __version__
    assert (facts["specreason.batch_name"], facts["specreason.table"]) == ("first try", "job")
    assert '"threshold": 7' in facts["specreason.config"]
    assert frame.num_rows == 8


def test_a_table_without_rows_has_its_columns(database: Database, live: Client) -> None:
    frame = live.frame(submit(database), "step")
    assert (frame.num_rows, frame.num_columns) == (0, len(Table.STEP.columns))


def test_a_page_of_long_texts_has_fewer_rows(
    database: Database, live: Client, batch_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PAGE_ROWS", 1000)
    assert len(list(live.rows(batch_id, "problem"))) == 2
    monkeypatch.setattr(rows, "PAGE_BYTES", 1)
    assert len(list(live.rows(batch_id, "problem"))) == 5


@pytest.mark.parametrize("after", ["x", "0193b2a4-0000-7000-8000-00000000abcd", "7/7"])
def test_another_place_than_the_table_has_is_refused_before_a_row_is_sent(
    url: str, batch_id: UUID, after: str
) -> None:
    answer = httpx2.get(f"{url}/api/batches/{batch_id}/rows/step", params={"after": after})
    assert (answer.status_code, answer.json()["field"]) == (422, "after")


def test_no_table_but_those_of_a_batch_can_be_read(live: Client, batch_id: UUID) -> None:
    for table in ("api_key", "event", "nothing"):
        with pytest.raises(InvalidField, match="table"):
            live.frame(batch_id, table)


def test_rows_of_another_owners_batch_are_not_found(
    servers: Servers, database: Database, tmp_path: Path, batch_id: UUID
) -> None:
    execute(database, f"UPDATE batch SET owner = 'ada' WHERE id = '{batch_id}'")
    app = guarded_app(servers, database, tmp_path)
    ada, bob = (client_of(app, make_key(database, owner)) for owner in ("ada", "bob"))
    for table in Table:
        path = f"/api/batches/{batch_id}/rows/{table}"
        assert (ada.get(path).status_code, bob.get(path).status_code) == (200, 404)


def after_pages(number: int, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Let `act` run before each page from the one with this number on; the pages that were read."""
    page, read = rows._page, []

    def acting(*arguments: Any) -> Any:
        read.append(len(read))
        if len(read) > number:
            act()
        return page(*arguments)

    monkeypatch.setattr(rows, "_page", acting)
    return read


def test_who_breaks_off_does_not_wait_for_the_page_that_is_being_read(
    database: Database, batch_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PAGE_ROWS", 2)
    is_left, is_waited_for = threading.Event(), threading.Event()

    def wait() -> None:
        if not is_left.wait(20):
            is_waited_for.set()

    after_pages(1, wait, monkeypatch)
    chunks = ipc_chunks(read_rows(database, Viewer.EVERYONE, batch_id, Table.STEP))
    assert next(chunks)
    chunks.close()
    is_left.set()
    assert not is_waited_for.is_set()


def test_a_reader_that_is_one_too_many_comes_again(
    servers: Servers, database: Database, batch_id: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.streams.MOST_EXPORTS", 0)
    monkeypatch.setattr("api.streams.Exports.retry_after_s", 1)
    with serving(make_api(servers, database, files_dir=tmp_path)) as url:
        with Client(url, patience_s=0.1) as client, pytest.raises(LimitReached, match="rows"):
            client.frame(batch_id)
        threading.Timer(0.5, monkeypatch.setattr, ("api.streams.MOST_EXPORTS", 1)).start()
        with Client(url, patience_s=20) as client:
            assert client.frame(batch_id).num_rows == 8
            assert client.frame(batch_id).num_rows == 8


def test_a_batch_that_is_deleted_meanwhile_ends_in_an_error_and_not_in_a_short_stream(
    database: Database, live: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id = asyncio.run(ended_batch(database, name="deleted"))
    after_pages(2, lambda: execute(database, f"DELETE FROM batch WHERE id = '{batch_id}'"), monkeypatch)
    with pytest.raises(NotFound, match=str(batch_id)):
        live.frame(batch_id, "step")


def test_a_database_that_goes_away_ends_in_an_error(
    live: Client, batch_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise StoreUnavailable("database: gone")

    after_pages(2, gone, monkeypatch)
    with pytest.raises(Unreachable):
        live.frame(batch_id, "step")


def test_a_reader_goes_on_by_itself_when_the_database_is_back(
    live: Client, batch_id: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = live.frame(batch_id, "step")
    failures = iter([StoreUnavailable("database: gone")] * 2)

    def gone_twice() -> None:
        if (error := next(failures, None)) is not None:
            raise error

    after_pages(2, gone_twice, monkeypatch)
    assert live.frame(batch_id, "step").equals(whole)
