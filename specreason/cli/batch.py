"""`specreason batch`: batches that were submitted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from specreason.cli.batch_jobs import jobs
from specreason.cli.batches import batch_as_json, known_cost, list_, show
from specreason.cli.connection import LONG_PATIENCE_S, connected
from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.local.files import written_whole
from specreason.cli.options import (
    ApiUrl,
    AsJson,
    BatchRef,
    BatchRefs,
    Commands,
    DeadlineAt,
    Timeout,
    check_choices,
    price_or_setting,
)
from specreason.cli.regrade import regrade
from specreason.cli.show import controls
from specreason.cli.show.batches import print_batch, print_batches, tell_missing_results, tell_remedies
from specreason.cli.show.output import (
    print_answer,
    print_json,
    print_message,
)
from specreason.cli.show.submission import look_again
from specreason.cli.waiting.watching import exit_status_of, naming_a_way_back, watched
from specreason.client import Batch, Client
from specreason.client.analysis.cost_values import BatchCost
from specreason.client.deadline import Deadline
from specreason.client.values import STATES
from specreason.errors import SpecReasonError
from specreason.visible import escaped_json
from specreason.words import counted

app = typer.Typer(cls=Commands, help="Look at batches, and control them.", no_args_is_help=True)


app.command("list")(list_)
app.command()(show)
app.command()(jobs)


@app.command()
def watch(refs: BatchRefs, timeout: Timeout = None, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Follow batches until all their jobs have ended. Ctrl-C only detaches; exit status 3 if a job did not succeed."""
    deadline = Deadline.after(timeout)
    with naming_a_way_back(refs, api), connected(api, patience_s=LONG_PATIENCE_S) as client:
        batches = deadline.hold(lambda: _batches(client, refs))
        ended = watched(client, batches, timeout_s=deadline.timeout_s)
    gpu_hour_price = price_or_setting(None)
    if len(ended) == 1:
        cost = _cost_if_told(ended[0], gpu_hour_price, deadline, api)
        if as_json:
            print_json(batch_as_json(ended[0], cost))
        else:
            print_batch(ended[0], cost)
    elif as_json:
        print_json({"data": ended})
    else:
        print_batches(ended, gpu_hour_price)
    tell_remedies(ended)
    raise typer.Exit(exit_status_of(ended))


@app.command()
def results(
    ref: BatchRef,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write them to this file. It appears once it is complete."),
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Print a batch's results as JSONL: one line per ended job, in the order submitted.

    Exit status 3 if a job has not ended, since its result is missing.
    """
    with connected(api) as client:
        batch_id = client.find_batch(ref)
        batch, lines = client.batch(batch_id), client.result_lines(batch_id)
        if output is None:
            for line in lines:
                typer.echo(escaped_json(line).encode())  # JSONL is UTF-8, whatever the terminal is
        else:
            with written_whole(output) as file:
                count = sum(1 for line in lines if file.write(f"{line}\n"))
            if as_json:
                print_json({"output": str(output), "num_results": count, "num_jobs": batch.num_jobs})
            else:
                print_message(f"{output}: {counted(count, 'result')}")
    if not batch.ended:
        tell_missing_results(batch, look_again([ref], api))
        raise typer.Exit(EXIT_SOME_FAILED)


@app.command()
def cancel(ref: BatchRef, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """End every job of a batch that has not ended."""
    with connected(api) as client:
        batch = client.cancel(client.find_batch(ref))
    _say(batch, ref, controls.cancelled(batch), as_json=as_json)


@app.command()
def pause(ref: BatchRef, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Start no more jobs of a batch; those that run stop at their next step and lose nothing."""
    with connected(api) as client:
        batch = client.pause(client.find_batch(ref))
    _say(batch, ref, controls.paused(batch), as_json=as_json)


@app.command()
def resume(ref: BatchRef, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Let a paused batch go on."""
    with connected(api) as client:
        batch = client.resume(client.find_batch(ref))
    _say(batch, ref, controls.resumed(batch), as_json=as_json)


@app.command()
def retry(ref: BatchRef, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Run a batch's failed and dead jobs again. They continue after their last step."""
    with connected(api) as client:
        batch = client.requeue(client.find_batch(ref))
    _say(batch, ref, controls.requeued(batch), as_json=as_json)


@app.command()
def requeue(
    ref: BatchRef,
    state: Annotated[
        list[str],
        typer.Option(
            metavar="STATE",
            help="Jobs in this state: failed, dead, cancelled or expired. Repeat it for more.",
        ),
    ],
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Run jobs that ended in the given states again. They continue after their last step."""
    check_choices("--state", state, STATES)
    with connected(api) as client:
        batch = client.requeue(client.find_batch(ref), state)
    _say(batch, ref, controls.requeued(batch, state), as_json=as_json)


@app.command()
def priority(
    ref: BatchRef,
    priority: Annotated[int, typer.Argument(min=-100, max=100, help="A larger number goes first.")],
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Set the priority of a batch's jobs that have not ended."""
    with connected(api) as client:
        batch = client.priority(client.find_batch(ref), priority)
    _say(batch, ref, controls.moved(batch), as_json=as_json)


@app.command()
def deadline(ref: BatchRef, at: DeadlineAt = None, api: ApiUrl = None, as_json: AsJson = False) -> None:
    """Set when jobs that have not ended expire."""
    with connected(api) as client:
        batch = client.deadline(client.find_batch(ref), at)
    _say(batch, ref, controls.due(batch, at), as_json=as_json)


app.command()(regrade)


def _cost_if_told(
    batch: Batch, gpu_hour_price: float | None, deadline: Deadline, api: str | None
) -> BatchCost | None:
    """Return the cost of a batch that has ended; None, and a message, if the API does not tell it soon."""
    try:
        with connected(api) as client:
            return deadline.hold(lambda: known_cost(client, batch, None, gpu_hour_price))
    except SpecReasonError as error:
        print_message(f"the cost is left out: {error}")
        return None


def _batches(client: Client, refs: Sequence[str]) -> list[Batch]:
    """Return each batch once, in the order named."""
    ids = dict.fromkeys(client.find_batch(ref) for ref in refs)
    return [client.batch(batch_id) for batch_id in ids]


def _say(batch: Batch, ref: str, what: str, *, as_json: bool) -> None:
    print_answer(batch, f"batch {ref}: {what}", as_json=as_json)
