"""`specreason search` and `specreason db analyst`, and the client's search, against a real API."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from specreason.cli.running import announced, this_process
from specreason.client import Client, short_id
from specreason.embedded import Servers
from specreason.errors import InvalidField, NotFound
from specreason.store.session import Database
from specreason.store.trace.writer import TraceWriter
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import (
    accepted,
    append_all,
    claimed,
    job_ids,
    rejected,
    start_worker,
    submit,
)

DANGEROUS = "So \x1b[31m[bold]x^2[/bold] is 4."


@pytest.fixture
async def batch_id(database: Database, writer: TraceWriter) -> UUID:
    batch_id = submit(database, 1, repeats=2)
    job = claimed(database, job_ids(database, batch_id)[0], start_worker(database))
    await append_all(writer, job, accepted(0, DANGEROUS), rejected(1), accepted(2))
    return batch_id


def test_words_are_found_with_their_job_their_decision_and_what_stands_around_them(
    shell: Shell, batch_id: UUID
) -> None:
    ended = shell("search", "sums", "x^2")
    assert ended.status == 0
    assert ended.out.splitlines() == [
        f"{short_id(batch_id)}/0/0 step 0  accepted  score 8",
        "    So ␛[31m[bold]**x^2**[/bold] is 4.",
    ]
    ended = shell("search", "sums", "--drafts", "5")
    assert ended.out.splitlines() == [
        f"{short_id(batch_id)}/0/0 step 1  rejected  score 3  in its draft",
        "    So 2 + 2 = **5**.",
    ]


def test_what_is_not_there_is_said_on_stderr_with_status_0(shell: Shell, batch_id: UUID) -> None:
    ended = shell("search", "sums", "5")
    assert (ended.status, ended.out) == (0, "")
    assert names(ended.err, "none found", "--drafts")
    assert shell("search", "sums", "5", "--json").json == {"data": [], "has_more": False}


def test_more_than_the_limit_is_told(shell: Shell, batch_id: UUID) -> None:
    ended = shell("search", "sums", "4", "--limit", "1")
    assert ended.out.count("step") == 1
    assert "--limit" in ended.err
    answer = shell("search", "sums", "4", "--limit", "1", "--json").json
    assert (len(answer["data"]), answer["has_more"]) == (1, True)
    assert answer["data"][0].keys() >= {"job_id", "index", "decision", "snippet", "hits"}


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["nobody", "x"], 4, "nobody"),
        (["sums", "--", "-x"], 2, "must not stand"),
        (["sums"], 2, "WORDS"),
        (["sums", "x" * 501], 2, "500"),
    ],
)
def test_a_wrong_search_is_one_line(
    shell: Shell, batch_id: UUID, arguments: list[str], status: int, says: str
) -> None:
    ended = shell("search", *arguments)
    assert ended.status == status
    assert says in ended.err


def test_the_client_reads_every_page(client: Client, batch_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specreason.client.pages.ROWS", 1)
    found = list(client.analysis.search(batch_id, "4"))
    assert [(step.index, step.found_in) for step in found] == [(0, "kept"), (1, "kept"), (2, "kept")]
    assert [found[1].snippet[low:high] for low, high in found[1].hits] == ["4"]
    assert dataclasses.asdict(found[0])["decision"] == "accepted"
    with pytest.raises(InvalidField):
        list(client.analysis.search(batch_id, ""))
    with pytest.raises(NotFound):
        list(client.analysis.search(UUID(int=0), "4"))


@pytest.fixture
def role(shell: Shell) -> Iterator[str]:
    name = f"analyst_{uuid7().hex}"
    yield name
    shell("db", "analyst", "--name", name, "--drop")


def test_an_analyst_is_made_renewed_and_dropped(shell: Shell, batch_id: UUID, role: str) -> None:
    made = shell("db", "analyst", "--name", role, "--statement-timeout", 5, "--json").json
    assert (made["name"], made["statement_timeout_s"]) == (role, 5)
    with psycopg.connect(made["database_url"]) as analyst:
        assert analyst.execute("SELECT num_jobs FROM batch_summary").fetchall() == [(2,)]
    said = shell("db", "analyst", "--name", role).out
    assert said.startswith(f"psql 'postgresql://{role}:")
    assert names(said, "read-only", "60 s")
    gone = shell("db", "analyst", "--name", role, "--drop")
    assert (gone.status, names(gone.out, role, "dropped")) == (0, True)
    assert shell("db", "analyst", "--name", role, "--drop").status == 4
    assert shell("db", "analyst", "--name", "Ada").status == 2
    assert shell("db", "analyst", "--name", role, "--statement-timeout", 9_999_999_999).status == 2


def test_without_a_setting_the_analyst_is_one_of_the_up_that_runs(
    shell: Shell,
    servers: Servers,
    database_url: str,
    role: str,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("SPECREASON_DATABASE_URL")
    nobody = shell("db", "analyst", "--name", role, "--data-dir", tmp_path)
    assert (nobody.status, names(nobody.err, "SPECREASON_DATABASE_URL")) == (2, True)
    up = this_process(
        pair="demo",
        slots=1,
        api_url=shell.url,
        database_url=database_url,
        broker_url=servers.broker_url,
        data_dir=str(tmp_path),
    )
    with announced(up):
        made = shell("db", "analyst", "--name", role, "--data-dir", tmp_path, "--json").json
        psycopg.connect(made["database_url"]).close()
        assert shell("db", "analyst", "--name", role, "--data-dir", tmp_path, "--drop").status == 0
