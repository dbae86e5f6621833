"""`specreason export`: files that are whole or not there, and a second call that goes on after the last one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow.parquet as pq
import pytest

from specreason import __version__
from specreason.cli.analysis import exporting, part_files
from specreason.client import Client
from specreason.embedded import Servers
from specreason.errors import StoreUnavailable
from specreason.store.access.visibility import Viewer
from specreason.store.analysis import folders, rows
from specreason.store.analysis.folders import read_manifest
from specreason.store.analysis.row_tables import SCHEMA_VERSION, Table
from specreason.store.queue.controls import requeue_batch
from specreason.store.session import Database, connect
from specreason.store.tables.states import JobState
from specreason.store.trace.rewards import Reward, write_rewards
from tests.support.exported import names_in, rows_of_folder
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import job_ids, submit
from tests.support.store.databases import own_database
from tests.support.store.full_disk import full_disk
from tests.support.store.traces import ended_batch


@pytest.fixture(scope="module")
def database_url(servers: Servers, administration: Database) -> Iterator[str]:
    """One for all tests of this module, which only read of the batch that they share."""
    with own_database(servers, administration) as url:
        yield url


@pytest.fixture(scope="module")
def database(database_url: str) -> Iterator[Database]:
    database = connect(database_url)
    yield database
    database.dispose()


@pytest.fixture(scope="module")
def batch_id(database: Database) -> UUID:
    return asyncio.run(ended_batch(database))


@pytest.fixture(autouse=True)
def few_rows_in_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three rows or four."""
    monkeypatch.setattr(rows, "PAGE_ROWS", 2)
    monkeypatch.setattr(exporting, "PART_ROWS", 3)


@pytest.fixture
def folder(tmp_path: Path, batch_id: UUID) -> Path:
    return tmp_path / "out" / f"batch={batch_id}"


def interrupted_after(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C come when so many files have got their names, and the manifest does not have the last one yet."""
    finish, left = part_files.PartFile.finish, iter(range(number, 0, -1))

    def interrupting(self: Any, last: str) -> Any:
        part = finish(self, last)
        if next(left, 0) == 1:
            raise KeyboardInterrupt
        return part

    monkeypatch.setattr(part_files.PartFile, "finish", interrupting)


def test_every_row_is_in_files_of_bounded_size_with_a_manifest_of_their_hashes(
    shell: Shell, client: Client, batch_id: UUID, folder: Path
) -> None:
    done = shell("export", batch_id, "--output", folder.parent)
    assert done.status == 0
    assert names(done.err, folder, "rows")
    manifest = read_manifest(folder)
    parts = manifest.parts_of(Table.STEP).parts
    assert [part.file for part in parts] == ["step-000.parquet", "step-001.parquet"]
    assert [part.num_rows for part in parts] == [4, 3]
    assert all(folders.what_is_broken(folder, part) is None for part in parts)
    for table in Table:
        exported = rows_of_folder(folder, table)
        assert len(exported) == client.frame(batch_id, table).num_rows > 0
        places = [tuple(row[name] for name in table.key) for row in exported]
        assert places == sorted(places)
    assert names_in(folder.parent) == [folder.name]


def test_a_file_says_what_it_is(shell: Shell, batch_id: UUID, folder: Path) -> None:
    shell("export", "first try", "-o", folder.parent)
    metadata = pq.read_metadata(folder / "step-000.parquet")
    said = {key.decode(): value.decode() for key, value in metadata.metadata.items()}
    assert said["specreason.schema_version"] == str(SCHEMA_VERSION)
    assert said["specreason.version"] == __version__
    assert (said["specreason.batch_id"], said["specreason.batch_name"]) == (str(batch_id), "first try")
    assert json.loads(said["specreason.config"])["threshold"] == 7
    assert metadata.row_group(0).column(0).compression == "ZSTD"
    assert [each.column_index for each in metadata.row_group(0).sorting_columns] == [0, 1]
    schema = pq.read_schema(folder / "step-000.parquet")
    assert str(schema.field("digit_probs").type).startswith("fixed_size_list")
    assert str(schema.field("decision").type).startswith("dictionary")
    assert read_manifest(folder).config["scheme"] == "specreason"


def test_jsonl_has_the_same_rows_as_parquet(shell: Shell, batch_id: UUID, tmp_path: Path) -> None:
    shell("export", batch_id, "-o", tmp_path / "parquet")
    written = shell("export", batch_id, "-o", tmp_path / "jsonl", "--format", "jsonl", "--json").json
    assert written["data"][0]["tables"]["step"] == {
        "num_rows": 7,
        "num_files": 2,
        "num_bytes": sum(path.stat().st_size for path in (tmp_path / "jsonl").glob("*/step-*.jsonl")),
    }
    name = f"batch={batch_id}"
    for table in Table:
        as_lines = rows_of_folder(tmp_path / "jsonl" / name, table)
        assert as_lines == rows_of_folder(tmp_path / "parquet" / name, table)
    assert all(b"\xe2\x80\xa8" not in path.read_bytes() for path in (tmp_path / "jsonl").glob("*/*.jsonl"))


@pytest.mark.parametrize("number", [1, 8])
def test_an_interrupted_export_goes_on_after_the_last_whole_file(
    shell: Shell, batch_id: UUID, folder: Path, tmp_path: Path, number: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        interrupted_after(number, patch)
        ended = shell("export", batch_id, "-o", folder.parent)
    assert ended.status == 130
    assert names(ended.err, "interrupted", "goes on")
    # What a process that was killed leaves of the file at which it was.
    (folder / ".step-001.parquet.part").write_bytes(b"PAR1")
    rest = shell("export", batch_id, "-o", folder.parent, "--json").json["data"][0]
    whole = shell("export", batch_id, "-o", tmp_path / "whole", "--json").json["data"][0]
    assert rest["tables"] == whole["tables"]
    assert rest["num_new_files"] == whole["num_new_files"] - (number - 1)
    assert names_in(folder) == names_in(tmp_path / "whole" / folder.name)
    assert [read_manifest(place).tables for place in (folder, tmp_path / "whole" / folder.name)]
    for table in Table:
        assert rows_of_folder(folder, table) == rows_of_folder(tmp_path / "whole" / folder.name, table)


def test_an_export_that_is_whole_is_checked_and_left_as_it_is(
    shell: Shell, batch_id: UUID, folder: Path
) -> None:
    shell("export", batch_id, "-o", folder.parent)
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}
    again = shell("export", batch_id, "-o", folder.parent)
    assert (again.status, names(again.err, "whole already")) == (0, True)
    assert {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")} == before


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


@pytest.mark.parametrize("breaks", [flipped, cut, Path.unlink])
def test_a_broken_file_is_named_and_written_again(
    shell: Shell, batch_id: UUID, folder: Path, breaks: Callable[[Path], None]
) -> None:
    shell("export", batch_id, "-o", folder.parent)
    before = rows_of_folder(folder, Table.STEP)
    breaks(folder / "step-001.parquet")
    again = shell("export", batch_id, "-o", folder.parent)
    assert (again.status, names(again.err, folder / "step-001.parquet")) == (0, True)
    assert rows_of_folder(folder, Table.STEP) == before


def test_some_tables_are_exported_and_the_others_later(shell: Shell, batch_id: UUID, folder: Path) -> None:
    shell("export", batch_id, "-o", folder.parent, "--tables", "step,grade")
    assert {name.split("-")[0] for name in names_in(folder)} == {"batch", "step", "grade", "manifest.json"}
    shell("export", batch_id, "-o", folder.parent)
    assert set(read_manifest(folder).tables) == set(Table)
    wrong = shell("export", batch_id, "-o", folder.parent, "--tables", "steps")
    assert (wrong.status, names(wrong.err, "--tables", "steps", "step")) == (2, True)


def test_rewards_that_have_come_since_are_written_and_nothing_else(
    shell: Shell, database: Database, batch_id: UUID, folder: Path
) -> None:
    shell("export", batch_id, "-o", folder.parent)
    before = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}
    news = Reward(job_id=job_ids(database, batch_id)[0], step_index=1, score=0.5)
    write_rewards(database, Viewer.EVERYONE, batch_id, [news], prm="another", revision="1")
    assert shell("export", batch_id, "-o", folder.parent).status == 0
    assert "another" in {row["prm"] for row in rows_of_folder(folder, Table.REWARD)}
    after = {path.name: path.stat().st_mtime_ns for path in folder.glob("*.parquet")}
    assert {name for name in after if after[name] != before.get(name)} == {
        "reward-000.parquet",
        "reward-001.parquet",
    }


def test_several_batches_have_a_folder_each(
    shell: Shell, database: Database, batch_id: UUID, tmp_path: Path
) -> None:
    done = shell("export", batch_id, "first try", "-o", tmp_path / "out", "--json")
    assert [each["batch_id"] for each in done.json["data"]] == [str(batch_id)] * 2
    assert [each["num_new_files"] > 0 for each in done.json["data"]] == [True, False]


def test_a_batch_that_still_runs_is_refused(shell: Shell, database: Database, tmp_path: Path) -> None:
    open_batch = submit(database, 2)
    refused = shell("export", open_batch, "-o", tmp_path / "out")
    assert refused.status == 6
    assert names(refused.err, "2 of 2 jobs", "batch watch")
    assert not (tmp_path / "out").exists()


def test_a_batch_that_has_changed_since_is_not_mixed_with_what_it_was(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    batch_id = asyncio.run(ended_batch(database, name="changed"))
    shell("export", batch_id, "-o", tmp_path, "--tables", "job")
    requeue_batch(database, Viewer.EVERYONE, batch_id, [JobState.CANCELLED])
    assert shell("export", batch_id, "-o", tmp_path).status == 6
    shell("batch", "cancel", batch_id)
    refused = shell("export", batch_id, "-o", tmp_path)
    assert refused.status == 6
    assert names(refused.err, tmp_path / f"batch={batch_id}", "changed", "--output")


def test_a_folder_of_something_else_is_refused_and_kept(
    shell: Shell, batch_id: UUID, folder: Path, tmp_path: Path
) -> None:
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("mine")
    refused = shell("export", batch_id, "-o", folder.parent)
    assert (refused.status, names(refused.err, folder, "thesis.tex", "--output")) == (2, True)
    assert names_in(folder) == ["thesis.tex"]
    other = tmp_path / "other" / folder.name
    shell("export", batch_id, "-o", other.parent)
    manifest = (other / "manifest.json").read_text()
    (other / "manifest.json").write_text(manifest.replace(str(batch_id), str(UUID(int=7))))
    refused = shell("export", batch_id, "-o", other.parent)
    assert (refused.status, names(refused.err, UUID(int=7))) == (2, True)
    (other / "manifest.json").write_text(manifest)
    refused = shell("export", batch_id, "-o", other.parent, "--format", "jsonl")
    assert (refused.status, names(refused.err, "parquet")) == (2, True)


def test_a_full_disk_leaves_a_folder_that_goes_on(shell: Shell, batch_id: UUID, folder: Path) -> None:
    with full_disk(4000):
        refused = shell("export", batch_id, "-o", folder.parent)
    assert refused.status == 2
    assert names(refused.err, "cannot be written")
    assert not [name for name in names_in(folder) if name.endswith(".part")]
    assert shell("export", batch_id, "-o", folder.parent).status == 0
    assert len(rows_of_folder(folder, Table.STEP)) == 7


def test_an_api_that_is_lost_leaves_a_folder_that_goes_on(
    shell: Shell, batch_id: UUID, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = rows._page

    def gone(database: Database, table: Table, *others: Any) -> Any:
        if table is Table.STEP:
            raise StoreUnavailable("database: gone")
        return page(database, table, *others)

    with monkeypatch.context() as patch:
        patch.setattr(rows, "_page", gone)
        patch.setattr("specreason.cli.analysis.export.LONG_PATIENCE_S", 0.3)
        lost = shell("export", batch_id, "-o", folder.parent)
    assert lost.status == 7
    assert names(lost.err, "goes on")
    assert shell("export", batch_id, "-o", folder.parent).status == 0
    assert len(rows_of_folder(folder, Table.STEP)) == 7


def test_an_unwritable_place_and_an_unknown_batch_are_named(
    shell: Shell, batch_id: UUID, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    refused = shell("export", batch_id, "-o", tmp_path / "file")
    assert (refused.status, names(refused.err, "cannot be written")) == (2, True)
    assert shell("export", UUID(int=0), "-o", tmp_path / "out").status == 4
    wrong = shell("export", batch_id, "--format", "csv")
    assert (wrong.status, names(wrong.err, "--format", "parquet", "jsonl")) == (2, True)
