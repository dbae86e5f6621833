"""The tables of files and of the batches that OpenAI's endpoints make of them. Reads and writes no row."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    Integer,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from specreason.store.tables.columns import (
    count_column,
    created_at,
    id_column,
    json_column,
    metadata,
    moment,
    one_of,
)
from specreason.store.tables.states import FilePurpose

# A row describes a file; the bytes are in the folder of files (`store/files/folder.py`), under the id of the row.
file = Table(
    "file",
    metadata,
    id_column(),
    Column("owner", Text),  # NULL: uploaded without a key
    Column("filename", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("num_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    created_at(),
    moment("expires_at"),  # NULL: the file stays until it is deleted
    moment("deleted_at"),
    one_of("purpose", FilePurpose),
)

# One input file. Its lines become rows of `batch`, one for each configuration among the lines.
openai_batch = Table(
    "openai_batch",
    metadata,
    id_column(),
    Column("owner", Text),
    Column("file_id", ForeignKey("file.id"), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("completion_window", Text, nullable=False),  # as the client sent it, such as 24h
    json_column("metadata"),
    Column("output_expires_after_s", Integer),
    Column("max_queued_jobs", Integer),  # quota of the owner at the submission; NULL: none
    created_at(),
    Column("expires_at", DateTime(timezone=True), nullable=False),  # deadline of its jobs
    moment("in_progress_at"),  # when its jobs were queued; NULL: the file is being validated, or was refused
    moment("failed_at"),  # when the file was refused; `errors` says why
    Column("errors", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    moment("cancelling_at"),
    moment("finalizing_at"),  # when the last job ended of those whose results are in the files
    moment("ended_at"),  # when the files were written
    # Numbers of lines in the files. NULL: not every result is in the files, or no longer.
    *(count_column(name, nullable=True) for name in ("num_completed", "num_failed", "num_expired")),
    Column("output_file_id", ForeignKey("file.id")),
    Column("error_file_id", ForeignKey("file.id")),
    Column("model", Text),  # the pair of its lines, or all of them; NULL: the file has not been read
    # Tokens of the successful lines in the files; NULL where `num_completed` is.
    *(Column(name, BigInteger) for name in ("input_tokens", "output_tokens", "reasoning_tokens")),
    CheckConstraint("in_progress_at IS NULL OR failed_at IS NULL", name="failed_has_no_jobs"),
)

# The conditions on a batch whose file has not been read yet.
VALIDATING: tuple[ColumnElement[bool], ...] = (
    openai_batch.c.in_progress_at.is_(None),
    openai_batch.c.failed_at.is_(None),
    openai_batch.c.cancelling_at.is_(None),
)
