"""Exports one batch into its folder, and goes on where an earlier call stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from specreason.cli.analysis.part_files import UNFINISHED, PartFile, said_of
from specreason.cli.local.files import written_whole
from specreason.client import Batch, Client, RowPage, short_id
from specreason.errors import Conflict, InvalidField, StillRunning
from specreason.store.analysis.folders import (
    MANIFEST,
    Format,
    Manifest,
    Part,
    TableParts,
    folder_name,
    read_manifest,
    to_json,
    what_is_broken,
)
from specreason.store.analysis.row_tables import SCHEMA_VERSION, Table

# A part ends at the first page that brings it beyond one of these.
PART_ROWS = 1_000_000
PART_BYTES = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """A folder that is whole. `num_new` of its parts were written by this call."""

    folder: Path
    manifest: Manifest
    num_new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Whom an export tells what it does: rows as they are exported, and remarks."""

    of_rows: Callable[[int], None]
    remark: Callable[[str], None]


class Export:
    """One batch on its way into `output`/batch=ID."""

    def __init__(self, client: Client, batch: Batch, output: Path, format_: Format, told: Told) -> None:
        """Raises StillRunning unless every job has ended."""
        if not batch.ended:
            num_open = batch.num_jobs - batch.num_ended
            raise StillRunning(
                f"batch {short_id(batch.batch_id)}: {num_open:,} of {batch.num_jobs:,} jobs have not ended, and their"
                f" rows still change; `specreason batch watch {short_id(batch.batch_id)}` waits for them"
            )
        self._client, self._batch, self._told = client, batch, told
        self._format = format_
        self.folder = output / folder_name(batch.batch_id)
        self._num_new = 0

    def run(self, tables: Sequence[Table]) -> Exported:
        """Export what is missing of these tables, and of `batch`.

        Raises InvalidField for a folder that holds something else and for a disk that refuses, Conflict if the batch
        has changed since the folder was begun; what the client raises. The same call goes on then.
        """
        manifest = self._begun()
        wanted = [table for table in Table if table is Table.BATCH or table in tables]
        for table in wanted:
            if not manifest.parts_of(table).is_whole:
                manifest = self._export(manifest, table)
        self._check_state(manifest, self._facts())
        return Exported(folder=self.folder, manifest=manifest, num_new=self._num_new)

    def _begun(self) -> Manifest:
        """The manifest of the folder, as far as its parts are whole; of a new folder, one without parts."""
        facts = self._facts()
        with said_of(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            there = sorted(path.name for path in self.folder.iterdir())
        if MANIFEST not in there:
            if others := [name for name in there if not name.endswith(UNFINISHED)]:
                raise InvalidField(
                    str(self.folder), f"holds {others[0]!r}, which no export wrote; name another --output"
                )
            return self._written(
                Manifest(
                    schema_version=SCHEMA_VERSION,
                    version=facts["specreason.version"],
                    format=self._format,
                    batch_id=self._batch.batch_id,
                    batch_name=facts["specreason.batch_name"],
                    config=json.loads(facts["specreason.config"]),
                    state=facts["specreason.state"],
                    rewards=facts["specreason.rewards"],
                )
            )
        manifest = read_manifest(self.folder)
        if manifest.batch_id != self._batch.batch_id:
            raise InvalidField(
                str(self.folder / MANIFEST), f"is that of batch {manifest.batch_id}; name another --output"
            )
        if manifest.format is not self._format:
            raise InvalidField(
                str(self.folder), f"holds an export as {manifest.format}; name another --output"
            )
        self._check_state(manifest, facts)
        for name in there:
            if name.endswith(UNFINISHED):
                with said_of(self.folder / name):
                    (self.folder / name).unlink(missing_ok=True)
        # Rewards come when all jobs have ended, too, and so are no part of the state.
        if manifest.rewards != facts["specreason.rewards"]:
            without: dict[Table, TableParts] = {
                table: parts for table, parts in manifest.tables.items() if table is not Table.REWARD
            }
            manifest = replace(manifest, tables=without, rewards=facts["specreason.rewards"])
        return self._without_broken_parts(manifest)

    def _without_broken_parts(self, manifest: Manifest) -> Manifest:
        """The manifest without the first broken part of each table and what follows it: they are written again."""
        whole: dict[Table, TableParts] = {}
        for table, of_table in manifest.tables.items():
            for number, part in enumerate(of_table.parts):
                if broken := what_is_broken(self.folder, part):
                    self._told.remark(f"{self.folder / part.file} {broken}; it is written again")
                    whole[table] = TableParts(parts=of_table.parts[:number])
                    break
                self._told.of_rows(part.num_rows)
            else:
                whole[table] = of_table
        return replace(manifest, tables=whole)

    def _export(self, manifest: Manifest, table: Table) -> Manifest:
        """Write the missing parts of a table, and the manifest after each."""
        parts = list(manifest.parts_of(table).parts)
        after = parts[-1].last if parts else None
        pages = self._client.rows(manifest.batch_id, table.value, after)
        for number in count(len(parts)):
            path = self.folder / manifest.file_name(table, number)
            part, is_last = self._part(manifest, table, pages, path)
            if part is not None:
                parts.append(part)
                self._num_new += 1
            of_table = TableParts(parts=tuple(parts), is_whole=is_last)
            manifest = self._written(replace(manifest, tables={**manifest.tables, table: of_table}))
            if is_last:
                break
        return manifest

    def _part(
        self, manifest: Manifest, table: Table, pages: Iterator[RowPage], path: Path
    ) -> tuple[Part | None, bool]:
        """One part of the next pages, None if they have no rows, and whether no page is left."""
        file: PartFile | None = None
        last = ""
        try:
            for page in pages:
                self._check_state(manifest, _facts_of(page))
                if page.last is None:
                    return (None if file is None else file.finish(last)), True
                if file is None:
                    file = PartFile(path, table, page.rows.schema, self._format)
                file.write(page.rows)
                last = page.last
                self._told.of_rows(page.rows.num_rows)
                if file.num_rows >= PART_ROWS or file.num_bytes >= PART_BYTES:
                    return file.finish(last), False
        except BaseException:
            if file is not None:
                file.abandon()
            raise
        raise AssertionError("the last page is an empty one")

    def _facts(self) -> Mapping[str, str]:
        """What the API says of the batch at the moment."""
        (page,) = (page for page in self._client.rows(self._batch.batch_id, Table.BATCH) if page.last is None)
        return _facts_of(page)

    def _check_state(self, manifest: Manifest, facts: Mapping[str, str]) -> None:
        """Raise Conflict if the batch is no longer as it was when the folder was begun."""
        sent, version = facts["specreason.schema_version"], facts["specreason.version"]
        if sent != str(SCHEMA_VERSION):
            raise InvalidField(
                "API",
                f"sends schema {sent} of specreason {version}, and this command knows {SCHEMA_VERSION}: use the command"
                " of that version",
            )
        if facts["specreason.state"] != manifest.state:
            raise Conflict(
                f"{self.folder}: the batch has changed since this export was begun (jobs ran or were graded again);"
                " remove the folder or name another --output, and export it anew"
            )

    def _written(self, manifest: Manifest) -> Manifest:
        with written_whole(self.folder / MANIFEST) as file:
            file.write(to_json(manifest))
        return manifest


def _facts_of(page: RowPage) -> Mapping[str, str]:
    metadata = page.rows.schema.metadata or {}
    return {key.decode(): value.decode() for key, value in metadata.items()}
