"""Prints what a user must know of a submission: guessed columns, exceeded limits, the plan, and the result."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

import typer

from specreason.cli.dataset.reading import Dataset
from specreason.cli.show.output import print_answer, print_json, print_message
from specreason.client import Batch, Grid, short_id
from specreason.config import RunConfig
from specreason.settings import Settings
from specreason.submission.remarks import remarks
from specreason.words import counted


def tell_guesses(columns: Mapping[str, str]) -> None:
    """Say which columns were chosen by their usual names. `columns` is the column of each field."""
    for field, column in sorted(columns.items()):
        print_message(f"column '{column}' is taken for the {field}; --{field} says otherwise")


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


def print_plan(dataset: Dataset, configs: Sequence[RunConfig], how: str, *, as_json: bool) -> None:
    """Print the problems, jobs and tokens of a submission that is not sent."""
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
        "columns": {field: column for field, column in dataset.columns.model_dump().items() if column},
    }
    words = (
        f"{counted(dataset.num_problems, 'problem')}, {dataset.num_with_answer:,} with an answer: "
        f"{counted(num_jobs, 'job')} in {counted(len(configs), 'batch')}\n"
        f"{counted(dataset.num_tokens, 'token')} of problems ({how}); "
        f"at most {counted(thinking, 'token')} of thinking\n"
        "nothing was sent"
    )
    print_answer(plan, words, as_json=as_json)


def print_sent(sent: Batch | Grid, batches: Sequence[Batch], api_url: str | None, *, as_json: bool) -> None:
    """Print the ids, and how to follow the batches at the API that the user named."""
    if as_json:
        print_json(sent)
        return
    for batch in batches:
        typer.echo(str(batch.batch_id))
    num_jobs = sum(batch.num_jobs for batch in batches)
    follow = look_again([short_id(batch.batch_id) for batch in batches], api_url)
    print_message(f"{counted(num_jobs, 'job')}; follow {'it' if num_jobs == 1 else 'them'}: {follow}")


def look_again(refs: Sequence[str], api_url: str | None) -> str:
    """Return the command that goes on waiting for all of the batches, named as a user names them."""
    command = ["specreason", "batch", "watch", *refs, *(["--api", api_url] if api_url else [])]
    return f"`{shlex.join(command)}`"
