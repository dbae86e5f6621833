"""`specreason import`: an exported batch in another database has the same rows and figures, or leaves nothing there."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from specreason.cli.analysis import exporting
from specreason.embedded import Servers
from specreason.store.analysis import rows
from specreason.store.analysis.row_tables import SCHEMA_VERSION, Table
from specreason.store.session import Database, connect
from tests.support.messages import names
from tests.support.shell import Ended, Shell
from tests.support.store.builders import submit
from tests.support.store.databases import own_database
from tests.support.store.sql import execute, rows_of
from tests.support.store.traces import ended_batch

VIEWS = ("batch_summary", "job_summary")
KEY_OF = {"batch_summary": "batch_id", "job_summary": "job_id"}


@pytest.fixture
def other_url(servers: Servers, administration: Database) -> Iterator[str]:
    with own_database(servers, administration) as url:
        yield url


@pytest.fixture
def other(other_url: str) -> Iterator[Database]:
    """An empty database, into which the command imports."""
    database = connect(other_url)
    yield database
    database.dispose()


@pytest.fixture
async def batch_id(database: Database, monkeypatch: pytest.MonkeyPatch) -> UUID:
    monkeypatch.setattr(rows, "PAGE_ROWS", 2)
    monkeypatch.setattr(exporting, "PART_ROWS", 3)
    return await ended_batch(database)


@pytest.fixture
def folder(
    shell: Shell, batch_id: UUID, tmp_path: Path, other_url: str, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The exported batch. From now on the commands use the other database."""
    assert shell("export", batch_id, "-o", tmp_path / "out").status == 0
    monkeypatch.setenv("SPECREASON_DATABASE_URL", other_url)
    return tmp_path / "out" / f"batch={batch_id}"


def stored(database: Database, relation: str) -> list[dict[str, Any]]:
    found = rows_of(database, f"SELECT to_jsonb(r) FROM {relation} r ORDER BY 1")
    return [row for (row,) in found]


def test_a_batch_in_another_database_has_the_same_rows_and_figures(
    shell: Shell, database: Database, other: Database, folder: Path, batch_id: UUID
) -> None:
    done = shell("import", folder, "--json")
    assert done.status == 0
    assert done.json["data"][0]["batch_id"] == str(batch_id)
    assert done.json["data"][0]["is_new"]
    for relation in (*VIEWS, *(table.source for table in Table if table is not Table.WORKER)):
        assert stored(other, relation) == stored(database, relation), relation
        assert stored(other, relation)
    ((stopped,),) = rows_of(other, "SELECT stopped_at = heartbeat_at FROM worker")
    assert stopped
    assert rows_of(other, "SELECT * FROM live_worker") == []


def test_other_batches_stay_as_they_are_and_the_same_again_changes_nothing(
    shell: Shell, other: Database, folder: Path
) -> None:
    submit(other, 2)
    before = stored(other, "job")
    assert shell("import", folder.parent).status == 0
    after = stored(other, "job")
    assert [row for row in after if row in before] == before
    again = shell("import", folder)
    assert (again.status, names(again.err, "already")) == (0, True)
    assert stored(other, "job") == after
    execute(other, "UPDATE job SET fence = fence + 1 WHERE state = 'failed'")
    refused = shell("import", folder)
    assert (refused.status, names(refused.err, folder, "already", "nothing")) == (6, True)


def test_an_owner_can_be_given(shell: Shell, other: Database, folder: Path) -> None:
    assert shell("import", folder, "--owner", "ada").status == 0
    assert rows_of(other, "SELECT owner FROM batch") == [("ada",)]


def test_a_batch_without_texts_can_be_imported_and_one_without_jobs_cannot(
    shell: Shell, batch_id: UUID, other: Database, folder: Path, tmp_path: Path
) -> None:
    need = ",".join(table for table in Table if table is not Table.PAYLOAD)
    for tables, place in ((need, tmp_path / "a"), ("step", tmp_path / "b")):
        shell("export", batch_id, "-o", place, "--tables", tables)
    assert shell("import", tmp_path / "a").status == 0
    assert stored(other, "step_payload") == []
    refused = shell("import", tmp_path / "b")
    assert (refused.status, names(refused.err, "job", "--tables")) == (2, True)


# Broken and hostile folders


def rewritten(folder: Path, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change a file, and let the manifest agree with it."""
    path = folder / name
    table = change(pq.read_table(path))
    pq.write_table(table, path)
    manifest = json.loads((folder / "manifest.json").read_text())
    for of_table in manifest["tables"].values():
        for part in of_table["parts"]:
            if part["file"] == name:
                content = path.read_bytes()
                part |= {"num_rows": table.num_rows, "num_bytes": len(content)}
                part["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def with_value(column: str, value: Any) -> Callable[[pa.Table], pa.Table]:
    """The first row has another value there."""

    def change(table: pa.Table) -> pa.Table:
        all_rows = table.to_pylist()
        all_rows[0][column] = value
        return pa.Table.from_pylist(all_rows, schema=table.schema)

    return change


def refused(ended: Ended, other: Database, *facts: object) -> bool:
    """One line names the facts, and no table has a row."""
    assert ended.status == 2, ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert all(stored(other, table.source) == [] for table in Table)
    return names(ended.err, *facts)


FOREIGN = str(UUID(int=7))


@pytest.mark.parametrize(
    "case",
    [
        ("step-000.parquet", with_value("job_id", FOREIGN), "job_id"),
        ("job-001.parquet", with_value("problem_id", FOREIGN), "problem_id"),
        ("job-000.parquet", with_value("batch_id", FOREIGN), "batch_id"),
        ("problem-000.parquet", with_value("batch_id", FOREIGN), "batch_id"),
        ("attempt-000.parquet", with_value("worker_id", FOREIGN), "worker_id"),
        ("batch-000.parquet", with_value("id", FOREIGN), "batch"),
        ("job-000.parquet", with_value("state", "running"), "ended"),
        ("job-000.parquet", lambda table: table.slice(1), "8"),
        ("step-000.parquet", lambda table: table.drop_columns(["author"]), "columns"),
        ("batch-000.parquet", with_value("config", '{"scheme": "mine"}'), "scheme"),
        ("batch-000.parquet", with_value("config", "["), "scheme"),
        ("problem-000.parquet", with_value("messages", '[{"role": 1}]'), "messages"),
        # Only the database knows these.
        ("step-000.parquet", with_value("utility_score", 12), "database"),
        ("problem-000.parquet", with_value("source", "{"), "database"),
        ("payload-000.parquet", with_value("index", 99), "database"),
        ("grade-000.parquet", with_value("is_correct", None), "database"),
    ],
)
def test_a_row_that_does_not_belong_there_is_refused_with_its_file_and_leaves_nothing(
    shell: Shell, other: Database, folder: Path, case: tuple[str, Callable[[pa.Table], pa.Table], str]
) -> None:
    file, change, fact = case
    rewritten(folder, file, change)
    assert refused(shell("import", folder), other, folder / file, fact)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"\0" * 1000, None], ids=str
)
def test_a_file_that_is_no_parquet_is_named(
    shell: Shell, other: Database, folder: Path, content: bytes | None
) -> None:
    path = folder / "step-000.parquet"
    size = path.stat().st_size
    path.write_bytes(content if content is not None else path.read_bytes()[:-1])
    assert refused(shell("import", folder), other, path, f"{size:,}")
    manifest = (folder / "manifest.json").read_text()
    old = json.loads(manifest)["tables"]["step"]["parts"][0]
    found = path.read_bytes()
    manifest = manifest.replace(old["sha256"], hashlib.sha256(found).hexdigest())
    manifest = manifest.replace(f'"num_bytes":{size}', f'"num_bytes":{len(found)}')
    manifest = manifest.replace(f'"num_bytes": {size}', f'"num_bytes": {len(found)}')
    (folder / "manifest.json").write_text(manifest)
    assert refused(shell("import", folder), other, path, "Parquet")


def test_a_file_that_is_not_the_exported_one_is_named(shell: Shell, other: Database, folder: Path) -> None:
    shutil.copy(folder / "step-000.parquet", folder / "kept")
    content = bytearray((folder / "kept").read_bytes())
    content[100] ^= 1
    (folder / "step-000.parquet").write_bytes(content)
    assert refused(shell("import", folder), other, folder / "step-000.parquet", "SHA-256")
    (folder / "step-000.parquet").unlink()
    assert refused(shell("import", folder), other, folder / "step-000.parquet", "cannot be read")


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (lambda m: m | {"schema_version": SCHEMA_VERSION - 1}, f"schema {SCHEMA_VERSION - 1}"),
        (lambda m: m | {"schema_version": SCHEMA_VERSION + 1}, f"schema {SCHEMA_VERSION + 1}"),
        (lambda m: m | {"batch_id": "x"}, "batch_id"),
        (lambda m: {key: m[key] for key in m if key != "state"}, "state"),
        (lambda m: m | {"tables": m["tables"] | {"api_key": m["tables"]["job"]}}, "api_key"),
        (lambda m: m | {"state": "0"}, "manifest"),
        (lambda m: m | {"format": "jsonl"}, "jsonl"),
    ],
)
def test_a_manifest_that_this_version_cannot_use_is_refused(
    shell: Shell, other: Database, folder: Path, change: Callable[[dict[str, Any]], Any], fact: str
) -> None:
    path = folder / "manifest.json"
    text = path.read_text()
    changed = json.dumps(change(json.loads(text)))
    path.write_text(changed.replace(".parquet", ".jsonl") if fact == "jsonl" else changed)
    assert refused(shell("import", folder), other, folder.name, fact)


def test_a_part_cannot_lie_outside_of_the_folder(shell: Shell, other: Database, folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace("job-000.parquet", "../../job-000.parquet"))
    assert refused(shell("import", folder), other, path, "part")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", "[" * 10_000, "\0"], ids=str)
def test_something_else_called_manifest_is_refused(
    shell: Shell, other: Database, folder: Path, content: str
) -> None:
    (folder / "manifest.json").write_text(content)
    assert refused(shell("import", folder), other, folder / "manifest.json", "not the manifest")


def test_an_unfinished_export_and_no_export_are_refused(
    shell: Shell, other: Database, folder: Path, tmp_path: Path
) -> None:
    path = folder / "manifest.json"
    path.write_text(
        path.read_text()
        .replace('"is_whole": true', '"is_whole": false')
        .replace('"is_whole":true', '"is_whole":false')
    )
    assert refused(shell("import", folder), other, folder, "goes on")
    (tmp_path / "empty").mkdir()
    assert refused(shell("import", tmp_path / "empty"), other, tmp_path / "empty", "no exported batch")
    assert refused(shell("import", tmp_path / "none"), other, tmp_path / "none", "no folder")


def test_rows_that_a_foreign_batch_has_already_are_refused(
    shell: Shell, other: Database, folder: Path
) -> None:
    """A job of the folder has the id of a job of another batch there."""
    submit(other, 1)
    ((job_id,),) = rows_of(other, "SELECT id::text FROM job")
    before = stored(other, "job")

    def takes(table: pa.Table) -> pa.Table:
        old = table.column("id" if "id" in table.column_names else "job_id")[0].as_py()
        name = "id" if "problem_id" in table.column_names else "job_id"
        all_rows = table.to_pylist()
        for row in all_rows:
            row[name] = job_id if row[name] == old else row[name]
        return pa.Table.from_pylist(all_rows, schema=table.schema)

    rewritten(folder, "job-000.parquet", takes)
    ended = shell("import", folder)
    assert ended.status == 2
    assert stored(other, "job") == before
