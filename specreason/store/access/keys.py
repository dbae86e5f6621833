"""API keys with their owners, scopes and limits. A key is shown once, when it is made; its SHA-256 is stored."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, insert, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.sql.functions import now
from uuid_utils.compat import uuid7

from specreason.errors import InvalidField, NotFound
from specreason.store.session import Database, single_statement, transaction
from specreason.store.tables.access import api_key
from specreason.store.tables.columns import is_called
from specreason.store.tables.states import Scope
from specreason.submission.text import storable

PREFIX = "sr_"
NUM_RANDOM_BYTES = 32
SHORTEST_CHOSEN_KEY = 32  # characters of a key that an operator chooses
USED_EVERY_S = 60  # `last_used_at` is written at most this often
OPERATOR = "operator"  # name and owner of the key in SPECREASON_ADMIN_KEY
LARGEST_LIMIT = 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key to be made. `name` is for people. `owner` owns what is created with the key; keys may share an owner.

    `max_queued_jobs` bounds the owner's queued jobs; None: no bound. `requests_per_minute`: None is the deployment's
    default.
    """

    name: str
    owner: str
    scopes: Collection[Scope] = (Scope.SUBMIT, Scope.READ, Scope.CONTROL)
    max_queued_jobs: int | None = None
    requests_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as it is stored. `last_used_at` is exact to a minute."""

    key_id: UUID
    name: str
    owner: str
    scopes: frozenset[Scope]
    max_queued_jobs: int | None
    requests_per_minute: int | None
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedKey:
    """A new key, and the secret that clients send. The secret is stored nowhere."""

    key: ApiKey
    secret: str = field(repr=False)


def create_key(database: Database, new: NewKey) -> IssuedKey:
    """Make a key. Raises InvalidField."""
    _check(new)
    secret = PREFIX + secrets.token_urlsafe(NUM_RANDOM_BYTES)
    values = {
        "id": uuid7(),
        "name": storable(new.name),
        "key_hash": _hash(secret),
        "owner": storable(new.owner),
        "scopes": sorted(new.scopes),
        "max_queued_jobs": new.max_queued_jobs,
        "requests_per_minute": new.requests_per_minute,
    }
    with transaction(database) as connection:
        row = connection.execute(insert(api_key).values(values).returning(api_key)).one()
    return IssuedKey(key=_to_key(row), secret=secret)


def list_keys(database: Database, *, ref: str | None = None) -> tuple[ApiKey, ...]:
    """All keys, newest first, with the revoked ones. `ref`: only keys that are called so, as `is_called` says."""
    query = select(api_key).order_by(api_key.c.id.desc())
    if ref is not None:
        query = query.where(is_called(api_key.c.id, api_key.c.name, storable(ref)))
    with transaction(database) as connection:
        rows = connection.execute(query).all()
    return tuple(_to_key(row) for row in rows)


def revoke_key(database: Database, key_id: UUID) -> ApiKey:
    """Revoke the key; the API refuses it within seconds. A revoked key stays revoked. Raises NotFound."""
    valid = or_(api_key.c.revoked_at.is_(None), api_key.c.revoked_at > now())
    with transaction(database) as connection:
        connection.execute(update(api_key).where(api_key.c.id == key_id, valid).values(revoked_at=now()))
        row = connection.execute(select(api_key).where(api_key.c.id == key_id)).one_or_none()
    if row is None:
        raise NotFound(f"key: there is none with id {key_id}")
    return _to_key(row)


def find_key(database: Database, secret: str) -> ApiKey | None:
    """The valid key with this secret, or None. Notes that the key is used."""
    long_ago = or_(
        api_key.c.last_used_at.is_(None), api_key.c.last_used_at <= now() - timedelta(seconds=USED_EVERY_S)
    )
    counts = (api_key.c.key_hash == _hash(secret)) & api_key.c.revoked_at.is_(None)
    with single_statement(database) as connection:
        row = connection.execute(select(api_key, long_ago.label("note_use")).where(counts)).one_or_none()
        if row is not None and row.note_use:
            used = update(api_key).where(api_key.c.id == row.id, long_ago)
            connection.execute(used.values(last_used_at=now()))
    return _to_key(row) if row is not None else None


def has_key(database: Database) -> bool:
    """Whether there is a valid key."""
    with transaction(database) as connection:
        return (
            connection.scalar(select(api_key.c.id).where(api_key.c.revoked_at.is_(None)).limit(1)) is not None
        )


def ensure_operator_key(database: Database, secret: str) -> None:
    """Make `secret` the operator's key, with the scope admin, and revoke the operator's earlier keys.

    Raises InvalidField for a secret that could be guessed, and for the secret of another key, valid or revoked: its
    holder would become an administrator.
    """
    if len(secret) < SHORTEST_CHOSEN_KEY or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise InvalidField(
            "SPECREASON_ADMIN_KEY",
            f"must have at least {SHORTEST_CHOSEN_KEY} visible ASCII characters, such as `openssl rand -hex 32` prints",
        )
    row = {
        "id": uuid7(),
        "name": OPERATOR,
        "key_hash": _hash(secret),
        "owner": OPERATOR,
        "scopes": [Scope.ADMIN],
    }
    is_operators = and_(*(api_key.c[name] == row[name] for name in ("name", "owner", "scopes")))
    inserted = (
        insert_once(api_key)
        .values(row)
        .on_conflict_do_update(index_elements=["key_hash"], set_={"revoked_at": null()}, where=is_operators)
        .returning(api_key.c.id)
    )
    earlier = is_operators & api_key.c.revoked_at.is_(None) & (api_key.c.key_hash != row["key_hash"])
    with transaction(database) as connection:
        if connection.scalar(inserted) is None:
            raise InvalidField("SPECREASON_ADMIN_KEY", "is the secret of another key; choose a new one")
        connection.execute(update(api_key).where(earlier).values(revoked_at=now()))


def _check(new: NewKey) -> None:
    for name, value in (("name", new.name), ("owner", new.owner)):
        if not 0 < len(value.strip()) <= 200:
            raise InvalidField(name, "must have 1 to 200 characters")
    if not new.scopes:
        raise InvalidField("scopes", f"a key needs at least one of {', '.join(Scope)}")
    for name, limit in (
        ("max_queued_jobs", new.max_queued_jobs),
        ("requests_per_minute", new.requests_per_minute),
    ):
        if limit is not None and not 0 <= limit <= LARGEST_LIMIT:
            raise InvalidField(name, f"must be 0 to {LARGEST_LIMIT} (got {limit})")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _to_key(row: Row[Any]) -> ApiKey:
    return ApiKey(
        key_id=row.id,
        name=row.name,
        owner=row.owner,
        scopes=frozenset(Scope(scope) for scope in row.scopes),
        max_queued_jobs=row.max_queued_jobs,
        requests_per_minute=row.requests_per_minute,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )
