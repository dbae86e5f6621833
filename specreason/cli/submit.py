"""`specreason submit`: a dataset becomes a batch, or a grid of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Annotated, Any
from uuid import uuid4

import typer

from specreason.cli.connection import LONG_PATIENCE_S, connected
from specreason.cli.dataset.choices import grid_of, json_object, run_config, validated
from specreason.cli.dataset.columns import guesses
from specreason.cli.dataset.reading import checked_dataset
from specreason.cli.dataset.rows import format_of
from specreason.cli.dataset.tokens import counter_of
from specreason.cli.options import ApiUrl, AsJson, PairName, Timeout
from specreason.cli.show.batches import print_batches, tell_remedies
from specreason.cli.show.output import print_json, print_message
from specreason.cli.show.sending import shown_reading, shown_sending, telling_the_fate
from specreason.cli.show.submission import print_plan, print_sent, tell_guesses, tell_limits, tell_remarks
from specreason.cli.show.watching import exit_status_of, naming_a_way_back, watched
from specreason.client import Batch, Client, Grid, short_id
from specreason.client.deadline import Deadline
from specreason.client.submission import Arguments
from specreason.config import SchemeName
from specreason.errors import NotAllowed, TimedOut, TransientError
from specreason.settings import load_settings
from specreason.submission.problem import DEFAULT_COLUMNS

# A remark after the submission waits for the API no longer than this.
REMARK_S = 5.0


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
    priority: Annotated[int, typer.Option(help="Larger goes first; -100 to 100.")] = 0,
    deadline_s: Annotated[
        float | None, typer.Option(help="Seconds until unfinished jobs expire; more than 0.")
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
    """Submit a dataset. The same file and options make the same batch, so the command may safely be repeated."""
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
    combinations = grid_of(grid or [], chosen)
    arguments: Arguments = {
        "pair": pair,
        "config": chosen,
        "name": name,
        "priority": priority,
        "deadline_s": deadline_s,
        "metadata": json_object(metadata, "--metadata"),
    }
    configs = validated(arguments, combinations).configurations()
    arguments["filename"] = "stdin.jsonl" if file == "-" else f"{Path(file).stem}.jsonl"
    columns = {"problem": problem, "answer": answer, "id": id_}
    counter = counter_of(pair) if dry_run else None
    with ExitStack() as files:
        with shown_reading(file) as tell:
            checked = checked_dataset(file, format_of(file, written), columns, counter, tell)
            dataset = files.enter_context(checked)
        tell_guesses(guesses(dataset.columns, columns))
        tell_limits(dataset, configs, load_settings())
        tell_remarks(configs)
        if counter is not None:
            print_plan(dataset, configs, counter.how, as_json=as_json)
            return
        arguments["mapping"] = None if dataset.columns == DEFAULT_COLUMNS else dataset.columns.model_dump()
        key = str(uuid4()) if again else None
        deadline = Deadline.after(timeout)
        client = files.enter_context(connected(api, patience_s=LONG_PATIENCE_S if wait else 10.0))
        arguments["within_s"] = deadline.timeout_s
        with telling_the_fate(again=again), shown_sending(dataset.file, dataset.num_bytes) as problems:
            sent = _send(client, problems, combinations, key, arguments)
        batches = [sent] if isinstance(sent, Batch) else list(sent.data)
        with naming_a_way_back([short_id(batch.batch_id) for batch in batches], api):
            if sent.replayed:
                print_message("the same was submitted before: this is that batch; --again makes a new one")
            if not wait:
                print_sent(sent, batches, api, as_json=as_json)
            _tell_missing_workers(client, pair, deadline)
            if not wait:
                return
            ended = watched(client, batches, timeout_s=deadline.timeout_s)
    if as_json:
        print_json(ended[0] if isinstance(sent, Batch) else {"grid_id": sent.grid_id, "data": ended})
    else:
        print_batches(ended)
    tell_remedies(ended)
    raise typer.Exit(exit_status_of(ended))


def _send(
    client: Client,
    problems: IO[bytes],
    grid: Mapping[str, Sequence[Any]] | None,
    key: str | None,
    arguments: Arguments,
) -> Batch | Grid:
    if grid is None:
        return client.submit(problems, idempotency_key=key, **arguments)
    return client.submit_grid(problems, grid, idempotency_key=key, **arguments)


def _tell_missing_workers(client: Client, pair: str, deadline: Deadline) -> None:
    """Say if no live worker holds the pair. The submission is stored, so an error here is ignored."""
    with suppress(NotAllowed, TransientError, TimedOut):
        workers = deadline.or_after(REMARK_S).hold(client.workers)
        if not any(worker.alive and worker.pair == pair for worker in workers):
            print_message(f"no worker serves the pair '{pair}' now: the jobs wait until one does")
