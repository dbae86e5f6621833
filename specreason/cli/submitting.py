"""What `specreason submit` does once its command line is understood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import typer

from specreason.cli.choices import configurations
from specreason.cli.connection import LONG_PATIENCE_S, connected
from specreason.cli.dataset.reading import Dataset, checked_dataset
from specreason.cli.dataset.rows import Format, format_of
from specreason.cli.dataset.tokens import counter_of
from specreason.cli.show.batches import print_batches
from specreason.cli.show.output import message_console, print_answer, print_json
from specreason.cli.show.watching import exit_status_of, watched
from specreason.client import Batch, Client, Grid
from specreason.client.submission import Options
from specreason.config import RunConfig
from specreason.errors import InvalidField, NotAllowed, TransientError
from specreason.settings import load_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A submission as the user put it. `columns` has "" for none and None for no choice."""

    path: str
    written: str | None
    columns: Mapping[str, str | None]
    pair: str
    name: str
    config: Mapping[str, Any]
    grid: Mapping[str, Sequence[Any]] | None
    priority: int
    deadline_s: float | None
    metadata: Mapping[str, Any]
    again: bool

    @property
    def filename(self) -> str:
        """What the server calls the lines that are sent."""
        return "stdin.jsonl" if self.path == "-" else f"{Path(self.path).stem}.jsonl"

    @property
    def format(self) -> Format:
        """Raises InvalidField for one that we do not read."""
        if self.written is None:
            return format_of(self.path)
        try:
            return Format(self.written)
        except ValueError:
            raise InvalidField("--format", f"must be one of {', '.join(Format)}") from None


def run_submit(
    request: Request,
    *,
    dry_run: bool,
    wait: bool,
    timeout_s: float | None,
    api_url: str | None,
    as_json: bool,
) -> int:
    """Check the dataset, send it, wait for it if asked to; the exit status."""
    counter = counter_of(request.pair) if dry_run else None
    with checked_dataset(request.path, request.format, request.columns, counter) as dataset:
        _tell_guesses(dataset)
        configs = configurations(request.config, request.grid)
        _tell_limits(dataset, configs)
        if counter is not None:
            _print_plan(dataset, configs, counter.how, as_json=as_json)
            return 0
        with connected(api_url, patience_s=LONG_PATIENCE_S if wait else 10.0) as client:
            sent = _send(client, request, dataset)
            batches = [sent] if isinstance(sent, Batch) else list(sent.data)
            if sent.replayed:
                _note("the same was submitted before, and this is that; --again makes a new one")
            _tell_missing_workers(client, batches[0].pair)
            if not wait:
                _print_sent(sent, batches, as_json=as_json)
                return 0
            ended = watched(client, batches, timeout_s=timeout_s)
    if as_json:
        print_json(ended[0] if isinstance(sent, Batch) else {"grid_id": sent.grid_id, "data": ended})
    else:
        print_batches(ended)
    return exit_status_of(ended)


def _send(client: Client, request: Request, dataset: Dataset) -> Batch | Grid:
    options: Options = {
        "pair": request.pair,
        "config": request.config,
        "mapping": dataset.columns.mapping,
        "name": request.name,
        "priority": request.priority,
        "deadline_s": request.deadline_s,
        "metadata": request.metadata,
        "filename": request.filename,
    }
    key = str(uuid4()) if request.again else None
    if request.grid is not None:
        return client.submit_grid(dataset.file, request.grid, idempotency_key=key, **options)
    return client.submit(dataset.file, idempotency_key=key, **options)


def _tell_guesses(dataset: Dataset) -> None:
    for ours in sorted(dataset.columns.guessed):
        _note(f"column '{dataset.columns.names[ours]}' is taken for the {ours}; --{ours} says otherwise")


def _tell_limits(dataset: Dataset, configs: Sequence[RunConfig]) -> None:
    """What the settings say that is too much. The server has settings of its own, so this is no error."""
    settings = load_settings()
    num_jobs = sum(dataset.num_problems * config.repeats for config in configs)
    limits = (
        ("problems", dataset.num_problems, "SPECREASON_MAX_PROBLEMS", settings.max_problems),
        ("jobs", num_jobs, "SPECREASON_MAX_JOBS", settings.max_jobs),
        ("bytes", dataset.num_bytes, "SPECREASON_MAX_UPLOAD_BYTES", settings.max_upload_bytes),
    )
    for what, number, name, most in limits:
        if number > most:
            _note(f"{number:,} {what}: the API takes at most {most:,}, unless its {name} says otherwise")


def _print_plan(dataset: Dataset, configs: Sequence[RunConfig], how: str, *, as_json: bool) -> None:
    """Problems, jobs and tokens of what would be sent."""
    num_jobs = sum(dataset.num_problems * config.repeats for config in configs)
    thinking = sum(dataset.num_problems * config.repeats * config.token_budget for config in configs)
    plan = {
        "num_problems": dataset.num_problems,
        "num_with_answer": dataset.num_with_answer,
        "num_bytes": dataset.num_bytes,
        "num_batches": len(configs),
        "num_jobs": num_jobs,
        "problem_tokens": dataset.num_tokens,
        "problem_tokens_are": how,
        "max_thinking_tokens": thinking,
        "columns": dict(dataset.columns.names),
    }
    words = (
        f"{dataset.num_problems:,} problems, {dataset.num_with_answer:,} with an answer: {num_jobs:,} jobs in "
        f"{len(configs)} {'batch' if len(configs) == 1 else 'batches'}\n"
        f"{dataset.num_tokens:,} tokens of problems ({how}); at most {thinking:,} tokens of thinking\n"
        "nothing was sent"
    )
    print_answer(plan, words, as_json=as_json)


def _print_sent(sent: Batch | Grid, batches: Sequence[Batch], *, as_json: bool) -> None:
    if as_json:
        print_json(sent)
        return
    for batch in batches:
        typer.echo(str(batch.batch_id))
    follow = "; ".join(f"specreason batch watch {batch.batch_id}" for batch in batches)
    _note(f"{sum(batch.num_jobs for batch in batches):,} jobs; follow them: {follow}")


def _tell_missing_workers(client: Client, pair: str) -> None:
    """What was submitted is stored: a look at the workers that fails is no failure."""
    with suppress(NotAllowed, TransientError):
        if not any(worker.alive and worker.pair == pair for worker in client.workers()):
            _note(f"no worker serves the pair '{pair}' now: the jobs wait until one does")


def _note(text: str) -> None:
    message_console().print(text, soft_wrap=True, markup=False)
