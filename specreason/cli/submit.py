"""`specreason submit`: a dataset becomes a batch, or a grid of them."""

from __future__ import annotations

from typing import Annotated

import typer

from specreason.cli.options import ApiUrl, AsJson, PairName, Timeout
from specreason.config import SchemeName
from specreason.errors import InvalidField


def submit(
    file: Annotated[str, typer.Argument(help="JSONL, CSV, TSV or Parquet; `-`: JSONL on standard input.")],
    *,
    problem: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column with the problems. Default: problem.")
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="With the reference answers; '' for none. Default: answer."),
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="COLUMN", help="With your own ids. Default: id.")
    ] = None,
    written: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv, tsv or parquet. Default: by the file's name.")
    ] = None,
    pair: PairName = "demo",
    name: Annotated[str, typer.Option(help="What to call the batch.")] = "",
    scheme: Annotated[str | None, typer.Option(help=f"One of {', '.join(SchemeName)}.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Keep drafts scored at least this, 0 to 9.")] = None,
    token_budget: Annotated[int | None, typer.Option(help="Most thinking tokens that are kept.")] = None,
    repeats: Annotated[int | None, typer.Option(help="Statistical repeats of every problem.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the sampling.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of the sampling; 0: greedy.")] = None,
    first_steps_on_base: Annotated[
        int | None, typer.Option(help="The base writes the first n steps.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="Any knobs, as a JSON object or a file with one; options go before it.")
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(help="One batch per combination: scheme=base,specreason or threshold=5,7; repeat it."),
    ] = None,
    priority: Annotated[int, typer.Option(min=-100, max=100, help="Larger goes first.")] = 0,
    deadline_s: Annotated[
        float | None, typer.Option(help="Seconds after which what has not ended expires; more than 0.")
    ] = None,
    metadata: Annotated[
        str | None, typer.Option(help="A JSON object, or a file with one; kept with the batch.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="A new batch even if the same was submitted before.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count; send nothing.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until all jobs have ended; exit status 3 if some failed.")
    ] = False,
    timeout: Timeout = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Submit a dataset. The same file and choices twice are the same batch, so a line may safely be run again."""
    from specreason.cli.choices import grid_of, json_object, run_config
    from specreason.cli.submitting import Request, run_submit

    if deadline_s is not None and not deadline_s > 0:
        raise InvalidField("--deadline-s", f"must be more than 0 (got {deadline_s:g})")
    knobs = {
        "scheme": scheme,
        "threshold": threshold,
        "token_budget": token_budget,
        "repeats": repeats,
        "seed": seed,
        "temperature": temperature,
        "first_steps_on_base": first_steps_on_base,
    }
    chosen = run_config(config, knobs)
    request = Request(
        path=file,
        written=written,
        columns={"problem": problem, "answer": answer, "id": id_},
        pair=pair,
        name=name,
        config=chosen,
        grid=grid_of(grid or [], chosen),
        priority=priority,
        deadline_s=deadline_s,
        metadata=json_object(metadata, "--metadata"),
        again=again,
    )
    status = run_submit(request, dry_run=dry_run, wait=wait, timeout_s=timeout, api_url=api, as_json=as_json)
    raise typer.Exit(status)
