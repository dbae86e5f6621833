"""Prints what a user must know of a submission: its rows, exceeded limits, the plan, and the result."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from specreason.cli.dataset.reading import Dataset
from specreason.cli.estimating import Expectations
from specreason.cli.show.estimates import print_estimates
from specreason.cli.show.output import print_answer, print_message
from specreason.client import Batch, short_id
from specreason.config import RunConfig
from specreason.settings import Settings
from specreason.submission.remarks import remarks
from specreason.words import counted


def tell_input(dataset: Dataset, errors: Path | None) -> None:
    """Say what was made of the rows. `errors` is the file of those that were left out."""
    for remark in dataset.remarks:
        print_message(remark)
    if errors is not None:
        print_message(f"each invalid row is in {errors}, with what is wrong")


def tell_limits(dataset: Dataset, configs: Sequence[RunConfig], settings: Settings) -> None:
    """Say which limits of these settings are exceeded. The server has its own settings, so this is not an error."""
    num_jobs = sum(dataset.num_problems * config.repeats for config in configs)
    limits = (
        ("problem", dataset.num_problems, "SPECREASON_MAX_PROBLEMS", settings.max_problems),
        ("job", num_jobs, "SPECREASON_MAX_JOBS", settings.max_jobs),
        ("byte", dataset.num_bytes, "SPECREASON_MAX_UPLOAD_BYTES", settings.max_upload_bytes),
    )
    for what, number, name, most in limits:
        if number > most:
            print_message(
                f"{counted(number, what)}: the API takes at most {most:,}, unless its {name} says otherwise"
            )


def tell_remarks(configs: Sequence[RunConfig]) -> None:
    """Say what the user should know of the configurations, such as a threshold that nothing reaches."""
    for remark in remarks(configs):
        print_message(remark)
    if len(configs) > 1:
        print_message(
            "the batches of a grid run side by side: their latencies are those of many jobs in flight"
        )


def print_plan(
    dataset: Dataset,
    configs: Sequence[RunConfig],
    how: str,
    errors: Path | None,
    expected: Expectations,
    *,
    as_json: bool,
) -> None:
    """Print the problems, jobs and tokens of a submission that is not sent, and what it may take."""
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
        "columns": {field: column for field, column in dataset.columns.items() if column},
        "estimates": expected.estimates,
        "no_estimate_because": expected.why_none,
        **facts_of(dataset, configs, errors),
    }
    words = (
        f"{counted(dataset.num_problems, 'problem')}, {dataset.num_with_answer:,} with an answer: "
        f"{counted(num_jobs, 'job')} in {counted(len(configs), 'batch')}\n"
        f"{counted(dataset.num_tokens, 'token')} of problems ({how}); "
        f"at most {counted(thinking, 'token')} of thinking\n"
        "nothing was sent"
    )
    print_answer(plan, words, as_json=as_json)
    if not as_json:
        print_estimates(configs, expected)


def facts_of(dataset: Dataset, configs: Sequence[RunConfig], errors: Path | None) -> dict[str, Any]:
    """What the JSON of a submission says of its dataset: the remarks, and the rows that were left out."""
    return {
        "remarks": [*dataset.remarks, *remarks(configs)],
        "skipped": dataset.num_skipped,
        "errors_file": None if errors is None else str(errors),
    }


def print_sent(batches: Sequence[Batch], api_url: str | None) -> None:
    """Print the ids, and how to follow the batches at the API that the user named."""
    for batch in batches:
        typer.echo(str(batch.batch_id))
    num_jobs = sum(batch.num_jobs for batch in batches)
    follow = look_again([short_id(batch.batch_id) for batch in batches], api_url)
    print_message(f"{counted(num_jobs, 'job')}; follow {'it' if num_jobs == 1 else 'them'}: {follow}")


def look_again(refs: Sequence[str], api_url: str | None) -> str:
    """Return the command that goes on waiting for all of the batches, named as a user names them."""
    command = ["specreason", "batch", "watch", *refs, *(["--api", api_url] if api_url else [])]
    return f"`{shlex.join(command)}`"
