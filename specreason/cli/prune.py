"""`specreason prune`: deletes the texts of jobs that ended long ago, and keeps their numbers."""

from __future__ import annotations

import sys
from typing import Annotated
from uuid import UUID

import typer

from specreason.cli.connection import LONG_PATIENCE_S, connected
from specreason.cli.durations import seconds_of
from specreason.cli.options import BATCH_REF, ApiUrl, AsJson
from specreason.cli.show.output import print_answer, print_message
from specreason.cli.show.sizes import size_of
from specreason.cli.waiting.counting import shown_rows
from specreason.client import Client
from specreason.errors import InvalidField
from specreason.words import counted


def prune(
    *,
    older_than: Annotated[
        str,
        typer.Option(
            metavar="DURATION",
            help="Texts of jobs that ended longer ago than this: a number and s, m, h, d or w, such as 30d.",
        ),
    ],
    batch: Annotated[
        str | None, typer.Option(metavar="BATCH", help=f"Only those of this batch. {BATCH_REF}")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be deleted, and delete nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Delete texts and token ids of old jobs, and keep numbers, decisions, grades, answers and problems.

    It needs a key with the scope admin. It may be broken off at any time: the same command goes on.
    """
    older_than_s = seconds_of("--older-than", older_than)
    with connected(api, patience_s=LONG_PATIENCE_S) as client:
        batch_id = None if batch is None else client.find_batch(batch)
        if not dry_run and not yes:
            _ask(client, older_than, older_than_s, batch_id)
        num_jobs, num_steps, num_bytes = _pruned(client, older_than_s, batch_id, dry_run=dry_run)
    answer = {
        "num_jobs": num_jobs,
        "num_steps": num_steps,
        "num_bytes": num_bytes,
        "dry_run": dry_run,
    }
    print_answer(answer, _words(num_jobs, num_steps, num_bytes, dry_run=dry_run), as_json=as_json)


def _ask(client: Client, older_than: str, older_than_s: float, batch_id: UUID | None) -> None:
    """Tell what is going to be deleted, and ask. Raises InvalidField where nobody can answer."""
    if not sys.stdin.isatty():
        raise InvalidField("--yes", "is needed where nobody can be asked; --dry-run says what would go")
    num_jobs, num_steps, num_bytes = _pruned(client, older_than_s, batch_id, dry_run=True)
    print_message(_words(num_jobs, num_steps, num_bytes, dry_run=True))
    question = f"Delete them? Jobs that ended in the last {older_than} keep theirs"
    if num_jobs and not typer.confirm(question, err=True):
        print_message("nothing was deleted")
        raise typer.Exit


def _pruned(
    client: Client, older_than_s: float, batch_id: UUID | None, *, dry_run: bool
) -> tuple[int, int, int]:
    """Jobs, steps and bytes in all, with progress on stderr."""
    num_jobs = num_steps = num_bytes = 0
    with shown_rows("counting texts" if dry_run else "deleting texts", None) as tell:
        for portion in client.prune(older_than_s, batch_id=batch_id, dry_run=dry_run):
            num_jobs += portion.num_jobs
            num_steps += portion.num_steps
            num_bytes += portion.num_bytes
            tell(portion.num_steps)
    return num_jobs, num_steps, num_bytes


def _words(num_jobs: int, num_steps: int, num_bytes: int, *, dry_run: bool) -> str:
    if not num_jobs:
        return "no texts are that old"
    what = f"texts of {counted(num_steps, 'step')} in {counted(num_jobs, 'job')}, {size_of(num_bytes)}"
    return f"{what}: would be deleted" if dry_run else f"{what}: deleted; their numbers stay"
