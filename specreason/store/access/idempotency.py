"""A request that creates something, under a key of the client's: sent again, it is answered again and creates nothing.

The answer is stored in the transaction that creates: after a crash there are both or neither. While that transaction
runs, it holds an advisory lock on the key, which ends with it, however it ends: a killed API blocks no key.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.sql.functions import now

from specreason.errors import InvalidField, StillRunning
from specreason.store.locks import Lock, try_lock
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.access import idempotency_key

KEPT_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """One request that creates. The same `key` of another owner, or on another path, is another request."""

    owner: str | None
    path: str
    key: str
    body_hash: str

    @property
    def subject(self) -> str:
        """What the request's lock is taken for."""
        return "\0".join((self.owner or "", self.path, self.key))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """What was answered, byte for byte."""

    status: int
    body: bytes


def earlier_answer(connection: Connection, request: RequestKey) -> StoredAnswer | None:
    """What this request was answered before; None if it is new, and then nobody else may go on with it for now.

    Raises StillRunning while another transaction is about to answer it, InvalidField for another body.
    """
    if not try_lock(connection, Lock.REQUEST, request.subject):
        raise StillRunning(
            "the first request under this Idempotency-Key has not ended; ask again for its answer"
        )
    row = connection.execute(
        select(idempotency_key).where(
            idempotency_key.c.owner == (request.owner or ""),
            idempotency_key.c.path == request.path,
            idempotency_key.c.key == request.key,
        )
    ).one_or_none()
    if row is None:
        return None
    if row.body_hash != request.body_hash:
        raise InvalidField("Idempotency-Key", "was used before, with another body")
    return StoredAnswer(status=row.status, body=bytes(row.answer))


def keep_answer(connection: Connection, request: RequestKey, answer: StoredAnswer) -> None:
    """Let `answer` be what this request is answered from now on."""
    connection.execute(
        insert(idempotency_key).values(
            owner=request.owner or "",
            path=request.path,
            key=request.key,
            body_hash=request.body_hash,
            status=answer.status,
            answer=answer.body,
        )
    )


def forget_answers(database: Database) -> int:
    """Drop the answers given longer than KEPT_FOR ago; return how many. Those requests, sent again, are new ones."""
    old = delete(idempotency_key).where(idempotency_key.c.created_at < now() - KEPT_FOR)
    with transaction(database) as connection:
        return connection.execute(old).rowcount
