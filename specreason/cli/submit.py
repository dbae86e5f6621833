"""`specreason submit`: a dataset becomes a batch, or a grid of them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Annotated, Any

import typer

from specreason.cli.connection import LONG_PATIENCE_S, connected
from specreason.cli.dataset import knobs
from specreason.cli.dataset.choices import grid_of, json_object, run_config, validated
from specreason.cli.dataset.errors_file import errors_file
from specreason.cli.dataset.reading import Dataset, checked_dataset
from specreason.cli.dataset.tokens import counter_of
from specreason.cli.estimating import estimates_for
from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import (
    DATASET,
    WAITING,
    ApiUrl,
    AsJson,
    GpuHourPrice,
    NumProblems,
    PairName,
    Timeout,
    price_or_setting,
    refuse_price,
)
from specreason.cli.show.batches import print_batches, tell_remedies
from specreason.cli.show.output import print_json, print_message
from specreason.cli.show.submission import (
    facts_of,
    print_plan,
    print_sent,
    tell_input,
    tell_limits,
    tell_remarks,
)
from specreason.cli.waiting.sending import (
    send,
    shown_reading,
    tell_missing_workers,
)
from specreason.cli.waiting.watching import exit_status_of, naming_a_way_back, watched
from specreason.client import Batch, short_id
from specreason.client.deadline import Deadline
from specreason.client.decoding import to_json
from specreason.client.submission import Arguments
from specreason.settings import load_settings
from specreason.submission.datasets import format_of

BATCH = "The batch"


def _option(panel: str, help: str, *names: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help, metavar=metavar, rich_help_panel=panel)


def submit(
    context: typer.Context,
    file: Annotated[
        str,
        typer.Argument(help="JSONL, CSV, TSV or Parquet; `-`: JSONL on standard input; or a dataset's name."),
    ],
    *,
    problem: Annotated[
        str | None, _option(DATASET, "The column of the problems. Default: problem.", metavar="COLUMN")
    ] = None,
    answer: Annotated[
        str | None,
        _option(
            DATASET, "The column of the reference answers, or '' for none. Default: answer.", metavar="COLUMN"
        ),
    ] = None,
    id_: Annotated[
        str | None, _option(DATASET, "The column of your own ids. Default: id.", "--id", metavar="COLUMN")
    ] = None,
    written: Annotated[
        str | None,
        _option(
            DATASET, "The file's format. Default: by its name.", "--format", metavar="jsonl|csv|tsv|parquet"
        ),
    ] = None,
    limit: NumProblems = None,
    pair: PairName = "demo",
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid",
            help="Leave out invalid rows, write each to a file of errors, and end with status 3.",
            rich_help_panel=DATASET,
        ),
    ] = False,
    errors: Annotated[
        str | None,
        _option(DATASET, "The file of errors of --skip-invalid. Default: FILE.errors.jsonl.", metavar="FILE"),
    ] = None,
    name: Annotated[str, _option(BATCH, "A name for the batch.")] = "",
    priority: Annotated[int, _option(BATCH, "Jobs of a larger priority run first; -100 to 100.")] = 0,
    deadline_s: Annotated[
        float | None,
        _option(BATCH, "Jobs that have not ended after so many seconds expire.", metavar="SECONDS"),
    ] = None,
    metadata: Annotated[
        str | None, _option(BATCH, "A JSON object, or a file with one; it is stored with the batch.")
    ] = None,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Make a new batch even if the same was submitted before.", rich_help_panel=BATCH
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check, count, and estimate time and cost from past jobs; send nothing.",
            rich_help_panel=BATCH,
        ),
    ] = False,
    price: GpuHourPrice = None,
    config: Annotated[
        str | None,
        _option(knobs.RUN, "Knobs as a JSON object, or a file with one. An option goes before it."),
    ] = None,
    grid: Annotated[
        list[str] | None,
        _option(
            knobs.RUN,
            "One batch for each combination: scheme=base,specreason or threshold=5,7. Repeat it for both.",
            metavar="KNOB=VALUES",
        ),
    ] = None,
    scheme: knobs.Scheme = None,
    threshold: knobs.Threshold = None,
    score_method: knobs.ScoreMethod = None,
    first_steps_on_base: knobs.FirstStepsOnBase = None,
    answer_by: knobs.AnswerBy = None,
    delimiter: knobs.Delimiter = None,
    overlap: knobs.Overlap = None,
    adaptive: knobs.Adaptive = None,
    token_budget: knobs.TokenBudget = None,
    on_budget: knobs.OnBudget = None,
    min_step_tokens: knobs.MinStepTokens = None,
    max_step_tokens: knobs.MaxStepTokens = None,
    max_steps: knobs.MaxSteps = None,
    max_answer_tokens: knobs.MaxAnswerTokens = None,
    max_same_steps: knobs.MaxSameSteps = None,
    temperature: knobs.Temperature = None,
    top_p: knobs.TopP = None,
    top_k: knobs.TopK = None,
    min_p: knobs.MinP = None,
    drafter_temperature: knobs.DrafterTemperature = None,
    drafter_top_p: knobs.DrafterTopP = None,
    drafter_top_k: knobs.DrafterTopK = None,
    drafter_min_p: knobs.DrafterMinP = None,
    seed: knobs.Seed = None,
    repeats: knobs.Repeats = None,
    first_repeat: knobs.FirstRepeat = None,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Wait until all jobs have ended; exit status 3 if some did not succeed.",
            rich_help_panel=WAITING,
        ),
    ] = False,
    timeout: Timeout = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Submit a dataset. The same file and options make the same batch, so the command may safely be repeated."""
    gpu_hour_price = price_or_setting(price)
    refuse_price(price, "--dry-run and --wait show prices", unless=dry_run or (wait and not as_json))
    chosen = run_config(config, knobs.chosen_knobs(context.params))
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
    columns = {"problem": problem, "answer": answer, "id": id_}
    counter = counter_of(pair) if dry_run else None
    with ExitStack() as files:
        left_out = files.enter_context(errors_file(file, errors, wanted=skip_invalid))
        with shown_reading(file) as tell:
            on_skipped = None if left_out is None else left_out.write
            checked = checked_dataset(
                file,
                format_of(file, written),
                columns,
                counter,
                limit=limit,
                announce=print_message,
                tell=tell,
                on_skipped=on_skipped,
            )
            dataset = files.enter_context(checked)
        errors_at = left_out.path if left_out is not None and dataset.num_skipped else None
        tell_input(dataset, errors_at)
        tell_limits(dataset, configs, load_settings())
        tell_remarks(configs)
        if counter is not None:
            expected = estimates_for(pair, configs, dataset.num_problems, gpu_hour_price, api)
            print_plan(dataset, configs, counter.how, errors_at, expected, as_json=as_json)
            raise typer.Exit(_status(dataset))
        arguments |= {
            "mapping": dataset.mapping,
            "filename": dataset.filename,
            "metadata": {**dataset.metadata, **arguments["metadata"]},
        }
        deadline = Deadline.after(timeout)
        client = files.enter_context(connected(api, patience_s=LONG_PATIENCE_S if wait else 10.0))
        arguments["within_s"] = deadline.timeout_s
        sent = send(client, dataset, combinations, arguments, again=again)
        batches = [sent] if isinstance(sent, Batch) else list(sent.data)
        facts = facts_of(dataset, configs, errors_at)
        with naming_a_way_back([short_id(batch.batch_id) for batch in batches], api):
            if sent.replayed:
                print_message("this was submitted before, so no new batch was made; --again makes one")
            if not wait and as_json:
                print_json(to_json(sent) | facts)
            elif not wait:
                print_sent(batches, api)
            tell_missing_workers(client, pair, deadline)
            if not wait:
                raise typer.Exit(_status(dataset))
            ended = watched(client, batches, timeout_s=deadline.timeout_s)
    if as_json:
        whole = ended[0] if isinstance(sent, Batch) else {"grid_id": sent.grid_id, "data": ended}
        print_json(to_json(whole) | facts)
    else:
        print_batches(ended, gpu_hour_price)
    tell_remedies(ended)
    raise typer.Exit(exit_status_of(ended) or _status(dataset))


def _status(dataset: Dataset) -> int:
    return EXIT_SOME_FAILED if dataset.num_skipped else 0
