"""`specreason import`: an exported batch in another database has the same rows and figures, or leaves nothing there."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from specreason.cli.analysis import exporting
from specreason.cli.analysis.exporting import Export, Told
from specreason.client import Client
from specreason.embedded import Servers
from specreason.errors import InvalidField
from specreason.store.analysis import checked_folder, load, rows
from specreason.store.analysis.checked_folder import CheckedFolder
from specreason.store.analysis.folders import Format
from specreason.store.analysis.load import load_batch
from specreason.store.analysis.row_arrow import to_csv
from specreason.store.analysis.row_tables import SCHEMA_VERSION, Table
from specreason.store.session import Database, connect
from tests.support.api.apps import make_api
from tests.support.api.live import serving
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import start_worker, submit
from tests.support.store.databases import own_database
from tests.support.store.sql import execute, rows_of
from tests.support.store.traces import ended_batch

VIEWS = ("batch_summary", "job_summary")


@pytest.fixture(scope="module")
def database(servers: Servers, administration: Database) -> Iterator[Database]:
    """Where the batch ran."""
    with own_database(servers, administration) as url:
        database = connect(url)
        yield database
        database.dispose()


@pytest.fixture(scope="module")
def exported(servers: Servers, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the batch."""
    batch_id = asyncio.run(ended_batch(database))
    told = Told(of_rows=lambda _: None, remark=print)
    app = make_api(servers, database, files_dir=tmp_path_factory.mktemp("files"))
    with pytest.MonkeyPatch.context() as patch, serving(app) as url, Client(url) as client:
        patch.setattr(rows, "PAGE_ROWS", 2)
        patch.setattr(exporting, "PART_ROWS", 3)
        output = tmp_path_factory.mktemp("out")
        return Export(client, client.batch(batch_id), output, Format.PARQUET, told).run(list(Table)).folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    """A copy that the test may break."""
    return shutil.copytree(exported, tmp_path / "out" / exported.name)


@pytest.fixture(scope="module")
def empty_url(servers: Servers, administration: Database) -> Iterator[str]:
    """A database in which nothing ever stays: for all the folders that are refused."""
    with own_database(servers, administration) as url:
        yield url


@pytest.fixture
def empty(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    yield from into(empty_url, monkeypatch)


@pytest.fixture
def other(servers: Servers, administration: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database of this test alone, into which the command imports."""
    with own_database(servers, administration) as url:
        yield from into(url, monkeypatch)


def into(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("SPECREASON_DATABASE_URL", url)
    database = connect(url)
    yield database
    database.dispose()


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """The command needs no API."""
    return Shell("", capsys)


def stored(database: Database, relation: str) -> list[dict[str, Any]]:
    found = rows_of(database, f"SELECT to_jsonb(r) FROM {relation} r ORDER BY 1")
    return [row for (row,) in found]


def test_a_batch_in_another_database_has_the_same_rows_and_figures(
    shell: Shell, database: Database, other: Database, folder: Path
) -> None:
    done = shell("import", folder, "--json")
    assert done.status == 0
    assert folder.name == f"batch={done.json['data'][0]['batch_id']}"
    assert done.json["data"][0]["is_new"]
    for relation in (*VIEWS, "step_rollup", *(table.source for table in Table if table is not Table.WORKER)):
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


def with_tables(folder: Path, *tables: Table) -> Path:
    """The folder as `--tables` would have left it."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["tables"] = {name: of for name, of in manifest["tables"].items() if name in tables}
    path.write_text(json.dumps(manifest))
    return folder


def test_a_batch_without_texts_can_be_imported_and_one_without_jobs_cannot(
    shell: Shell, other: Database, folder: Path
) -> None:
    assert shell("import", with_tables(folder, *(set(Table) - {Table.PAYLOAD}))).status == 0
    assert stored(other, "step_payload") == []
    refused = shell("import", with_tables(folder, Table.BATCH, Table.STEP))
    assert (refused.status, names(refused.err, "job", "--tables")) == (2, True)


def test_an_export_of_the_version_before_rewards_can_be_imported(
    shell: Shell, other: Database, folder: Path
) -> None:
    path = with_tables(folder, *(set(Table) - {Table.REWARD})) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 1}))
    assert shell("import", folder).status == 0
    assert (len(stored(other, "job")), stored(other, "step_reward")) == (8, [])


def test_a_reward_of_a_step_that_is_not_in_the_folder_is_refused(empty: Database, folder: Path) -> None:
    def beyond(table: pa.Table) -> pa.Table:
        return table.set_column(
            1, table.schema.field(1), pa.array(range(90, 90 + table.num_rows), pa.int32())
        )

    rewritten(folder, "reward-000.parquet", beyond)
    assert refused(folder, empty, "reward-000.parquet", "has a row that the database refuses")


def test_workers_start_while_a_batch_is_imported(other: Database, folder: Path) -> None:
    """One of the same pair: neither waits for the other's row."""
    told: list[int] = []

    def start_one(num_rows: int) -> None:
        told.append(num_rows)
        if len(told) == 6:
            start_worker(other)

    assert load_batch(other, CheckedFolder(folder), on_rows=start_one).is_new
    assert len(told) > 6
    assert rows_of(other, "SELECT count(*) FROM worker") == [(2,)]


def test_without_a_url_it_is_the_database_of_the_stack_that_runs(
    shell: Shell, other: Database, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = SimpleNamespace(database_url=other.url.render_as_string(hide_password=False))
    monkeypatch.delenv("SPECREASON_DATABASE_URL")
    monkeypatch.setattr("specreason.cli.local.database.find_running", {tmp_path: running}.get)
    assert shell("import", folder, "--data-dir", tmp_path).status == 0
    assert len(stored(other, "batch")) == 1


# Broken and hostile folders


def rewritten(folder: Path, name: str, change: Callable[[pa.Table], pa.Table], *, num_empty: int = 0) -> None:
    """Change a file, with so many empty row groups before its rows, and let the manifest agree with it."""
    path = folder / name
    table = change(pq.read_table(path))
    with pq.ParquetWriter(path, table.schema) as writer:
        for rows in (*[table.schema.empty_table()] * num_empty, table):
            writer.write_table(rows)
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


def refused(folder: Path, empty: Database, *facts: object) -> bool:
    """One line names the facts, and nothing of the batch is there."""
    with pytest.raises(InvalidField) as error:
        load_batch(empty, CheckedFolder(folder))
    assert len(str(error.value).splitlines()) == 1
    assert all(stored(empty, table.source) == [] for table in Table if table not in load.SHARED)
    return names(str(error.value), *facts)


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
        (
            "batch-000.parquet",
            with_value("config", '{"scheme": "specreason", "threshold": "x"}'),
            "threshold",
        ),
        (
            "batch-000.parquet",
            with_value("config", '{"scheme": "specreason", "threshold": "7"}'),
            "threshold",
        ),
        ("batch-000.parquet", with_value("metadata", "[1]"), "metadata"),
        ("model_pair-000.parquet", with_value("config", "7"), "config"),
        ("problem-000.parquet", with_value("source", "{"), "source"),
        ("problem-000.parquet", with_value("messages", '[{"role": 1}]'), "messages"),
        ("problem-000.parquet", with_value("messages", '[{"x": "y"}]'), "messages"),
        ("problem-000.parquet", with_value("messages", "[]"), "messages"),
        # Only the database knows these.
        ("step-000.parquet", with_value("utility_score", 12), "database"),
        ("payload-000.parquet", with_value("index", 99), "database"),
        ("grade-000.parquet", with_value("id", "x"), "database"),
    ],
)
def test_a_row_that_does_not_belong_there_is_refused_with_its_file_and_leaves_nothing(
    empty: Database, folder: Path, case: tuple[str, Callable[[pa.Table], pa.Table], str]
) -> None:
    file, change, fact = case
    rewritten(folder, file, change)
    assert refused(folder, empty, folder / file, fact)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"\0" * 1000, None], ids=str
)
def test_a_file_that_is_no_parquet_is_named(empty: Database, folder: Path, content: bytes | None) -> None:
    path = folder / "step-000.parquet"
    size = path.stat().st_size
    path.write_bytes(content if content is not None else path.read_bytes()[:-1])
    assert refused(folder, empty, path, f"{size:,}")
    manifest = (folder / "manifest.json").read_text()
    old = json.loads(manifest)["tables"]["step"]["parts"][0]
    found = path.read_bytes()
    manifest = manifest.replace(old["sha256"], hashlib.sha256(found).hexdigest())
    manifest = manifest.replace(f'"num_bytes":{size}', f'"num_bytes":{len(found)}')
    manifest = manifest.replace(f'"num_bytes": {size}', f'"num_bytes": {len(found)}')
    (folder / "manifest.json").write_text(manifest)
    assert refused(folder, empty, path, "Parquet")


def with_all(column: str, text: str) -> Callable[[pa.Table], pa.Table]:
    """Every row has this text there."""

    def change(table: pa.Table) -> pa.Table:
        all_rows = [row | {column: text} for row in table.to_pylist()]
        return pa.Table.from_pylist(all_rows, schema=table.schema)

    return change


def test_a_text_that_a_file_repeats_is_in_memory_a_few_times_only(
    other: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "x" * 100_000
    for name in ("payload-000.parquet", "payload-001.parquet"):
        rewritten(folder, name, with_all("kept_text", text))
        assert (folder / name).stat().st_size < 20_000
    written = []
    monkeypatch.setattr(load, "SLICE_BYTES", 150_000)
    monkeypatch.setattr(load, "to_csv", lambda *of: written.append(to_csv(*of)) or written[-1])
    checked = CheckedFolder(folder)
    groups = [group.column("kept_text") for _, group in checked.row_groups(Table.PAYLOAD)]
    assert all(column.nbytes < 150_000 for column in groups)
    assert load_batch(other, checked).is_new
    assert max(map(len, written)) < 150_000
    assert rows_of(other, "SELECT count(*) FROM step_payload WHERE length(kept_text) = 100000") == [(7,)]


@pytest.mark.parametrize(
    ("bound", "what"),
    [("MOST_OF_GROUP", "bytes"), ("MOST_ROWS_OF_GROUP", "rows"), ("MOST_VALUES_OF_GROUP", "values")],
)
def test_a_row_group_of_more_than_an_export_has_is_refused(
    empty: Database, folder: Path, monkeypatch: pytest.MonkeyPatch, bound: str, what: str
) -> None:
    monkeypatch.setattr(checked_folder, bound, 2)
    assert refused(folder, empty, "row group of more than 2", what)


def test_a_row_group_without_rows_is_passed_over(shell: Shell, other: Database, folder: Path) -> None:
    for path in folder.glob("*.parquet"):
        rewritten(folder, path.name, lambda table: table, num_empty=1)
    assert shell("import", folder).status == 0
    assert len(stored(other, "job")) == 8


def test_a_file_that_is_not_the_exported_one_is_named(empty: Database, folder: Path) -> None:
    shutil.copy(folder / "step-000.parquet", folder / "kept")
    content = bytearray((folder / "kept").read_bytes())
    content[100] ^= 1
    (folder / "step-000.parquet").write_bytes(content)
    assert refused(folder, empty, folder / "step-000.parquet", "SHA-256")
    (folder / "step-000.parquet").unlink()
    assert refused(folder, empty, folder / "step-000.parquet", "cannot be read")


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        (lambda m: m | {"schema_version": 0}, "schema 0"),
        (lambda m: m | {"schema_version": SCHEMA_VERSION + 1}, f"schema {SCHEMA_VERSION + 1}"),
        (lambda m: m | {"schema_version": 0}, "remove the folder or name another --output"),
        (lambda m: m | {"batch_id": "x"}, "batch_id"),
        (lambda m: {key: m[key] for key in m if key != "state"}, "state"),
        (lambda m: m | {"tables": m["tables"] | {"api_key": m["tables"]["job"]}}, "api_key"),
        (lambda m: m | {"state": "0"}, "manifest"),
        (lambda m: m | {"format": "jsonl"}, "jsonl"),
    ],
)
def test_a_manifest_that_this_version_cannot_use_is_refused(
    empty: Database, folder: Path, change: Callable[[dict[str, Any]], Any], fact: str
) -> None:
    path = folder / "manifest.json"
    text = path.read_text()
    changed = json.dumps(change(json.loads(text)))
    path.write_text(changed.replace(".parquet", ".jsonl") if fact == "jsonl" else changed)
    assert refused(folder, empty, folder.name, fact)


def test_a_part_cannot_lie_outside_of_the_folder(empty: Database, folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace("job-000.parquet", "../../job-000.parquet"))
    assert refused(folder, empty, path, "part")


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", "[" * 10_000, "\0"], ids=str)
def test_something_else_called_manifest_is_refused(empty: Database, folder: Path, content: str) -> None:
    (folder / "manifest.json").write_text(content)
    assert refused(folder, empty, folder / "manifest.json", "not the manifest")


def test_an_unfinished_export_is_refused(empty: Database, folder: Path) -> None:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["tables"]["step"]["is_whole"] = False
    path.write_text(json.dumps(manifest))
    assert refused(folder, empty, folder, "step", "goes on")


def test_the_command_names_what_is_wrong_in_one_line(
    shell: Shell, empty: Database, folder: Path, tmp_path: Path
) -> None:
    rewritten(folder, "step-000.parquet", with_value("job_id", FOREIGN))
    (tmp_path / "empty").mkdir()
    for place, fact in (
        (folder, folder / "step-000.parquet"),
        (tmp_path / "empty", "no exported batch"),
        (tmp_path / "none", "no folder"),
    ):
        ended = shell("import", place)
        assert (ended.status, len(ended.err.strip().splitlines())) == (2, 1)
        assert names(ended.err, place, fact)
    assert stored(empty, "batch") == []


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
