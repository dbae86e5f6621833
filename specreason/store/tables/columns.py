"""The naming convention of the tables, and columns, checks and conditions that several tables have.

Ids are uuid7, so they sort by time. A set of words is text with a CHECK made from its Python enum.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    Text,
    Uuid,
    any_,
    cast,
    func,
    literal,
    literal_column,
    or_,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

# Device time by the model that worked; `prefill` is the part before the first token of each call.
DEVICE_SECONDS = ("drafter_device_s", "base_device_s", "drafter_prefill_s", "base_prefill_s")

# Fewer digits of an id name nothing.
PART_OF_AN_ID = re.compile(r"[0-9a-f]{4,32}")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def words(values: Iterable[StrEnum]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def one_of(column: str, values: Iterable[StrEnum]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({words(values)})", name=column)


def id_column() -> Column[object]:
    return Column("id", Uuid, primary_key=True)


def moment(name: str) -> Column[object]:
    """A point in time; NULL while it has not come."""
    return Column(name, DateTime(timezone=True))


def created_at(name: str = "created_at") -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def count_column(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, Integer, nullable=nullable, server_default=None if nullable else text("0"))


def json_column(name: str) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=text("'{}'::jsonb"))


def reference(name: str, target: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, ForeignKey(target, ondelete="CASCADE"), nullable=nullable)


def all_or_none(columns: Iterable[str], condition: str, *, name: str) -> CheckConstraint:
    """All of `columns` are set where `condition` holds, and none elsewhere."""
    names = list(columns)
    return CheckConstraint(
        f"num_nonnulls({', '.join(names)}) = CASE WHEN {condition} THEN {len(names)} ELSE 0 END", name=name
    )


def one_of_ids(column: ColumnElement[Any], ids: Collection[UUID]) -> ColumnElement[bool]:
    """`column IN (ids)` as a single parameter, for any number of ids."""
    return column == any_(literal(list(ids), ARRAY(Uuid)))


def is_called(id_: ColumnElement[Any], name: ColumnElement[Any], ref: str) -> ColumnElement[bool]:
    """The whole name is `ref`, or the id begins or ends with it: four hex digits at least; hyphens do not count."""
    digits = ref.replace("-", "").lower()
    if not PART_OF_AN_ID.fullmatch(digits):
        return name == ref
    of_id = func.replace(cast(id_, Text), "-", "")
    return or_(name == ref, of_id.startswith(digits), of_id.endswith(digits))


def is_of_eval(stored: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether `stored`, a batch's metadata, names this evaluation. Written as the index on it is."""
    return stored.op("->>", return_type=Text())(literal_column("'eval'")) == name
