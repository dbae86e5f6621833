"""`specreason export`: the rows of batches as files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from specreason.cli.connection import LONG_PATIENCE_S, connected
from specreason.cli.options import ApiUrl, AsJson, BatchRefs, check_choices
from specreason.cli.show.output import print_json, print_message
from specreason.cli.show.submission import look_again
from specreason.cli.waiting.counting import shown_rows
from specreason.cli.waiting.leaving import saying_at_the_end
from specreason.client import Batch, short_id
from specreason.errors import Unreachable
from specreason.words import counted

if TYPE_CHECKING:
    from specreason.cli.analysis.exporting import Exported
    from specreason.store.analysis.row_tables import Table

GOES_ON = "the same command goes on where this one stopped"


def export(
    refs: BatchRefs,
    *,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="DIR", help="Write a folder batch=ID for each batch in here."),
    ] = Path("export"),
    format_: Annotated[
        str,
        typer.Option("--format", metavar="FORMAT", help="parquet, or jsonl: an object on each line."),
    ] = "parquet",
    tables: Annotated[
        str | None,
        typer.Option(
            metavar="TABLE,...",
            help="Only these: model_pair, worker, problem, job, step, payload (texts and token ids), attempt, grade,"
            " reward; batch is always there. `import` needs all but payload and reward. Default: all.",
        ),
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Write every row of batches into Parquet or JSONL files, for DuckDB, pandas, or `specreason import`.

    Every job of a batch must have ended. The same command again checks the files that are there and goes on after the
    last whole one.
    """
    from specreason.cli.analysis.exporting import Export, Told
    from specreason.store.analysis.folders import Format

    check_choices("--format", [format_], tuple(Format))
    chosen = _chosen(tables)
    exported = []
    with _saying_how_to_go_on(), connected(api, patience_s=LONG_PATIENCE_S) as client:
        batches = [client.batch(client.find_batch(ref)) for ref in refs]
        for batch in batches:
            with shown_rows(f"exporting {short_id(batch.batch_id)}", _about(batch, chosen)) as tell:
                told = Told(of_rows=tell, remark=print_message)
                exported.append(Export(client, batch, output, Format(format_), told).run(chosen))
            if not as_json:
                print_message(_in_words(exported[-1]))
            if batch.num_ungraded:
                print_message(
                    f"{counted(batch.num_ungraded, 'answer')} of it had no grade yet, and have none in the files"
                    f" ({look_again([str(batch.batch_id)], api)} waits for grades)"
                )
    if as_json:
        print_json({"data": [_as_value(each) for each in exported]})


def _chosen(tables: str | None) -> Sequence[Table]:
    from specreason.store.analysis.row_tables import Table

    if tables is None:
        return tuple(Table)
    names = [name.strip() for name in tables.split(",")]
    check_choices("--tables", names, tuple(Table))
    return [Table(name) for name in names]


def _about(batch: Batch, tables: Sequence[Table]) -> int:
    """The rows that there are, as far as the batch's own figures tell."""
    known = {
        "problem": batch.num_problems,
        "job": batch.num_jobs,
        "attempt": batch.num_jobs,
        "grade": batch.num_graded,
        "step": batch.num_steps,
        "payload": batch.num_steps,
    }
    return sum(known.get(table, 1) for table in tables)


def _in_words(exported: Exported) -> str:
    tables = exported.manifest.tables
    num_rows = sum(each.num_rows for each in tables.values())
    num_bytes = sum(each.num_bytes for each in tables.values())
    size = f"{counted(num_rows, 'row')} in {num_bytes / 1e6:,.1f} MB"
    if not exported.num_new:
        return f"{exported.folder}: {size}; it was whole already"
    return f"{exported.folder}: {size}"


def _as_value(exported: Exported) -> dict[str, Any]:
    manifest = exported.manifest
    return {
        "batch_id": manifest.batch_id,
        "folder": str(exported.folder),
        "format": manifest.format,
        "schema_version": manifest.schema_version,
        "num_new_files": exported.num_new,
        "tables": {
            table: {
                "num_rows": each.num_rows,
                "num_files": len(each.parts),
                "num_bytes": each.num_bytes,
            }
            for table, each in manifest.tables.items()
        },
    }


@contextmanager
def _saying_how_to_go_on() -> Iterator[None]:
    try:
        with saying_at_the_end(interrupted=f"interrupted; {GOES_ON}", stopped=f"stopped; {GOES_ON}"):
            yield
    except Unreachable as error:
        raise type(error)(f"{error}; {GOES_ON}") from error
