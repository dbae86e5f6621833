"""The tables of API keys, and of answers to requests with an idempotency key. Reads and writes no row."""

from __future__ import annotations

from sqlalchemy import ARRAY, CheckConstraint, Column, Integer, LargeBinary, Table, Text

from specreason.store.tables.columns import created_at, id_column, metadata, moment, words
from specreason.store.tables.states import Scope
from specreason.store.tables.webhooks import WEBHOOK_TABLES

api_key = Table(
    "api_key",
    metadata,
    id_column(),
    Column("name", Text, nullable=False),
    Column("key_hash", Text, nullable=False, unique=True),  # SHA-256, hex; no salt, as the key is random
    Column("owner", Text, nullable=False),  # owns the batches and files that are created with the key
    Column("scopes", ARRAY(Text), nullable=False),
    Column("max_queued_jobs", Integer),  # of all the owner's batches; NULL: any number
    Column("requests_per_minute", Integer),  # NULL: the deployment's default
    created_at(),
    moment("last_used_at"),  # to the minute
    moment("revoked_at"),
    CheckConstraint(f"scopes <@ ARRAY[{words(Scope)}] AND cardinality(scopes) > 0", name="scopes"),
)

idempotency_key = Table(  # a request that created something, and its answer: see `access/idempotency`
    "idempotency_key",
    metadata,
    Column("owner", Text, primary_key=True),  # '' without a key
    Column("path", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("body_hash", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    created_at(),
)

# What nobody who only analyses may read.
SECRETS = (api_key, idempotency_key, *WEBHOOK_TABLES)
