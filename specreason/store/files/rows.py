"""The rows of files. A row is written after the file is durable; a file is removed after its row says it is deleted."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, insert, or_, select, text, update
from sqlalchemy.sql.functions import now

from specreason.errors import NotFound, StillRunning
from specreason.store.access.visibility import Viewer
from specreason.store.files.folder import Folder, StoredContent
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.columns import one_of_ids
from specreason.store.tables.files import VALIDATING, file, openai_batch
from specreason.store.tables.states import FilePurpose
from specreason.submission.text import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class NewFile:
    """A durable file that gets a row."""

    content: StoredContent
    filename: str
    purpose: FilePurpose = FilePurpose.BATCH
    owner: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file that can be read."""

    id: UUID
    filename: str
    purpose: FilePurpose
    num_bytes: int
    created_at: datetime
    expires_at: datetime | None


def files_folder(database: Database, files_dir: Path) -> Folder:
    """The folder of this database below `files_dir`. Every database has another one."""
    system = select(text("system_identifier")).select_from(func.pg_control_system()).scalar_subquery()
    oid = select(text("oid")).select_from(text("pg_database")).where(text("datname = current_database()"))
    with transaction(database) as connection:
        names = connection.execute(select(system, oid.scalar_subquery())).one()
    return Folder(files_dir / "-".join(str(name) for name in names))


def insert_file(connection: Connection, new: NewFile) -> FileRow:
    """Write the row of a file, in the caller's transaction."""
    row = {
        "id": new.content.file_id,
        "owner": new.owner,
        "filename": storable(new.filename),
        "purpose": new.purpose,
        "num_bytes": new.content.num_bytes,
        "sha256": new.content.sha256,
        "expires_at": new.expires_at,
    }
    return _to_file(connection.execute(insert(file).values(row).returning(*_COLUMNS)).one())


def read_file(database: Database, viewer: Viewer, file_id: UUID) -> FileRow:
    """One file. Raises NotFound if there is none, it was deleted or has expired, or the viewer does not see it."""
    with transaction(database) as connection:
        return _find(connection, viewer, _rows(), file_id)


def hold_file(connection: Connection, viewer: Viewer, file_id: UUID) -> FileRow:
    """One file, which cannot be deleted until the caller's transaction ends. Raises as `read_file` does."""
    return _find(connection, viewer, _rows().with_for_update(read=True), file_id)


def _find(connection: Connection, viewer: Viewer, rows: Select[*tuple[Any, ...]], file_id: UUID) -> FileRow:
    row = connection.execute(
        rows.where(file.c.id == file_id, viewer.sees(file.c.owner), _alive())
    ).one_or_none()
    if row is None:
        raise NotFound(f"file: there is none with id {file_id}")
    return _to_file(row)


def list_files(
    database: Database,
    viewer: Viewer,
    *,
    purpose: str | None = None,
    after: UUID | None = None,
    oldest_first: bool = False,
    limit: int = 100,
) -> tuple[FileRow, ...]:
    """A page of files: at most `limit`, after the file `after` in the chosen order."""
    page = _rows().where(viewer.sees(file.c.owner), _alive()).limit(limit)
    if purpose is not None:
        page = page.where(file.c.purpose == purpose)
    if after is not None:
        page = page.where(file.c.id > after if oldest_first else file.c.id < after)
    with transaction(database) as connection:
        rows = connection.execute(page.order_by(file.c.id if oldest_first else file.c.id.desc())).all()
    return tuple(_to_file(row) for row in rows)


def delete_file(database: Database, viewer: Viewer, file_id: UUID) -> None:
    """Mark the file as deleted. Its bytes may then be removed from the folder.

    Raises NotFound as `read_file` does; StillRunning while a batch of this file is being validated.
    """
    gone = update(file).where(file.c.id == file_id, viewer.sees(file.c.owner), _alive())
    with transaction(database) as connection:
        if not connection.execute(gone.values(deleted_at=now())).rowcount:
            raise NotFound(f"file: there is none with id {file_id}")
        # After the update: it has waited for `hold_file`, so the batch of that transaction is visible now.
        if connection.scalar(select(exists().where(openai_batch.c.file_id == file_id, *VALIDATING))):
            raise StillRunning("file: a batch that was made of it is still being validated; ask again")


def unknown_files(database: Database, file_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of `file_ids` that have no row, or whose row says that the file is deleted or has expired."""
    alive = select(file.c.id).where(one_of_ids(file.c.id, file_ids), _alive())
    with transaction(database) as connection:
        return frozenset(file_ids).difference(connection.scalars(alive))


_COLUMNS = tuple(file.c[field.name] for field in fields(FileRow))


def _rows() -> Select[*tuple[Any, ...]]:
    return select(*_COLUMNS)


def _to_file(row: Row[*tuple[Any, ...]]) -> FileRow:
    values = dict(row._mapping)
    return FileRow(**values | {"purpose": FilePurpose(row.purpose)})


def _alive() -> ColumnElement[bool]:
    return and_(file.c.deleted_at.is_(None), or_(file.c.expires_at.is_(None), file.c.expires_at > now()))
