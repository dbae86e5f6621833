"""`specreason batch regrade`: grades a batch anew, with other gold answers or another grader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from specreason.cli.connection import connected
from specreason.cli.dataset.rows import format_of, read_rows
from specreason.cli.options import ApiUrl, AsJson, BatchRef
from specreason.cli.show.controls import regraded
from specreason.cli.show.output import print_answer
from specreason.errors import InvalidField
from specreason.submission.gold import gold_of


def regrade(
    ref: BatchRef,
    answers: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Gold answers in place of those that were submitted: JSONL, CSV or Parquet with the columns id and"
            " answer. Without ids there is one row for each problem, in the order submitted.",
        ),
    ] = None,
    grader: Annotated[
        str | None, typer.Option(help="A grader of an installed package. Default: the project's own.")
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Grade a batch's answers again. No job runs; earlier grades stay, and the newest of each job counts."""
    rows = None if answers is None else read_answers(answers)
    with connected(api) as client:
        batch = client.regrade(client.find_batch(ref), grader=grader, answers=rows)
    print_answer(batch, f"batch {ref}: {regraded(batch)}", as_json=as_json)


def read_answers(path: Path) -> list[dict[str, Any]]:
    """The file's gold answers, by the problem's id, else by its place. Raises InvalidField that names the row."""
    found: list[dict[str, Any]] = []
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidField("--answers", f"{path} cannot be read ({error.strerror})") from error
    with file:
        for index, row in enumerate(read_rows(file, format_of(str(path)))):
            values = {name.strip().lower(): value for name, value in row.values.items()}
            if "answer" not in values:
                raise InvalidField(
                    f"{row.where}: answer", f"is missing; the columns are {', '.join(row.values)}"
                )
            try:
                gold = gold_of(values["answer"]).text
            except ValueError as error:
                raise InvalidField(f"{row.where}: answer", str(error)) from error
            if gold is None:
                raise InvalidField(
                    f"{row.where}: answer", "is none; leave the row out to keep the problem's own"
                )
            name = {"index": index} if values.get("id") is None else {"id": str(values["id"])}
            found.append({**name, "answer": gold})
    if not found:
        raise InvalidField("--answers", f"{path} has no answers")
    return found
