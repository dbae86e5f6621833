"""`specreason grade`: judges the answers in a file, without a server, as the deployment's grader would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import typer

from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import AsJson

COLUMN = "COLUMN"


def grade(
    file: Annotated[
        str, typer.Argument(help="JSONL, CSV, TSV or Parquet; `-` is standard input, which is JSONL.")
    ],
    *,
    gold: Annotated[str, typer.Option(help="The column of the gold answers.", metavar=COLUMN)] = "gold",
    text: Annotated[
        str, typer.Option(help="The column of what models wrote; the answer is its last box.", metavar=COLUMN)
    ] = "text",
    answer: Annotated[
        str, typer.Option(help="The column of answers, for rows without a text.", metavar=COLUMN)
    ] = "answer",
    written: Annotated[
        str | None,
        typer.Option(
            "--format", help="The file's format. Default: by its name.", metavar="jsonl|csv|tsv|parquet"
        ),
    ] = None,
    grader: Annotated[
        str | None,
        typer.Option(help="An installed grader. Default: layers, the project's own.", metavar="NAME"),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Show every verdict, also the expected ones.")] = False,
    as_json: AsJson = False,
) -> None:
    """Grade the answers in a file without a server, to see what the grader makes of your own data.

    Each row has a gold answer, and a model's text or its answer. If rows also have `is_correct`, the verdicts are
    compared with it, and the exit status is 3 if some disagree. With --json each verdict is one line of JSON, and the
    last line is the summary.
    """
    from specreason.cli.dataset.grading import Judged, judged_rows
    from specreason.cli.show.grading import Summary, print_judged, print_summary, tell_golds
    from specreason.cli.show.output import print_json, print_message
    from specreason.cli.waiting.sending import shown_reading

    summary = Summary()
    golds: Counter[str] = Counter()
    columns = {"gold": gold, "text": text, "answer": answer}

    def counted_rows() -> Iterator[Judged]:
        with shown_reading(file, "grading") as tell:
            for judged in judged_rows(file, written, columns, grader, golds=golds, on_remark=print_message):
                summary.count(judged)
                tell(summary.num_answers)
                yield judged

    if as_json:
        for judged in counted_rows():
            print_json(judged)
        print_json({"summary": summary})
    else:
        print_judged(each for each in counted_rows() if all_ or each.is_remarkable)
        print_summary(summary)
    tell_golds(golds)
    if summary.num_disagreements:
        raise typer.Exit(EXIT_SOME_FAILED)
