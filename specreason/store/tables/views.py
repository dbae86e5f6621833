"""The views, for use in statements. Their SQL is in `store/views/`. Reads no row."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import Boolean, Integer, TableClause, Text, Uuid, column, table

live_worker = table("live_worker", column("id", Uuid), column("pair", Text), column("slots", Integer))
job_with_grade = table("job_with_grade", column("id", Uuid), column("is_correct", Boolean))


def view_of(name: str, row: type) -> TableClause:
    """The view `name`, whose columns are the fields of the dataclass `row`."""
    return table(name, *(column(field.name) for field in fields(row)))
