"""A statement of a report: as it is run, with bound parameters, and as it is shown, with their values in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from uuid import UUID

from specreason.evaluation.runs import Columns
from specreason.store.session import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """`sql` names its parameters as psycopg does, `%(batches)s`, and writes a plain percent sign twice.

    `columns` are those of its rows. A parameter is a number or a list of ids.
    """

    sql: str
    columns: tuple[str, ...]
    parameters: Mapping[str, int | Sequence[UUID]]

    def shown(self) -> str:
        """The statement as psql runs it."""
        values = {
            name: str(value) if isinstance(value, int) else _ids(value)
            for name, value in self.parameters.items()
        }
        return f"{self.sql.strip() % values};\n"

    def read(self, connection: Connection) -> Columns:
        """Its rows, column by column, in their order."""
        arrays = ", ".join(f'array_agg(answer."{name}")' for name in self.columns)
        # In binary and as one row of arrays: much faster than many rows (see `analysis.runs`).
        with closing(connection.connection.cursor(binary=True)) as cursor:
            cursor.execute(
                f"SELECT {arrays} FROM (\n{self.sql}\n) AS answer",  # noqa: S608 -- statements of ours
                _bound(self.parameters),
            )
            (found,) = cursor.fetchall()
            return {name: column or [] for name, column in zip(self.columns, found, strict=True)}


def of_file(name: str, columns: tuple[str, ...], **parameters: int | Sequence[UUID]) -> Statement:
    """The statement in the file `name` of this folder."""
    sql = files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")
    return Statement(sql=sql, columns=columns, parameters=parameters)


def _bound(parameters: Mapping[str, int | Sequence[UUID]]) -> dict[str, Any]:
    return {name: value if isinstance(value, int) else list(value) for name, value in parameters.items()}


def _ids(ids: Sequence[UUID]) -> str:
    return f"'{{{','.join(map(str, ids))}}}'::uuid[]"
