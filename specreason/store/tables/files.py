"""The tables of what comes through OpenAI's endpoints: files, and the batches made of them. Reads and writes no row."""

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

file = Table(  # what a user uploaded, byte for byte, and what we wrote for him
    "file",
    metadata,
    id_column(),
    Column("owner", Text),  # NULL: nobody's in particular
    Column("filename", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("num_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    created_at(),
    moment("expires_at"),  # NULL: it stays until it is deleted
    moment("deleted_at"),
    one_of("purpose", FilePurpose),
)

openai_batch = Table(  # one input file; its lines become one of our batches for each configuration among them
    "openai_batch",
    metadata,
    id_column(),
    Column("owner", Text),
    Column("file_id", ForeignKey("file.id"), nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("completion_window", Text, nullable=False),  # as given, such as 24h
    json_column("metadata"),
    Column("output_expires_after_s", Integer),
    Column("max_queued_jobs", Integer),  # the quota of its owner when it was submitted; NULL: none
    created_at(),
    Column("expires_at", DateTime(timezone=True), nullable=False),  # deadline of its jobs
    moment("in_progress_at"),  # its jobs were queued; NULL: the file is being validated, or was refused
    moment("failed_at"),  # the file was refused, for what stands in `errors`
    Column("errors", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    moment("cancelling_at"),
    moment("finalizing_at"),  # when the last job ended whose result the files hold
    moment("ended_at"),  # when the files were written
    # Lines, as the files have them. NULL: the files do not hold every result yet, or no longer.
    *(count_column(name, nullable=True) for name in ("num_completed", "num_failed", "num_expired")),
    Column("output_file_id", ForeignKey("file.id")),
    Column("error_file_id", ForeignKey("file.id")),
    CheckConstraint("in_progress_at IS NULL OR failed_at IS NULL", name="failed_has_no_jobs"),
)

VALIDATING: tuple[ColumnElement[bool], ...] = (  # conditions on a batch whose file is yet to be read
    openai_batch.c.in_progress_at.is_(None),
    openai_batch.c.failed_at.is_(None),
    openai_batch.c.cancelling_at.is_(None),
)
