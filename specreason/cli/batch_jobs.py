"""`specreason batch jobs`: the jobs of a batch, filtered."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any

import typer

from specreason.cli.connection import connected
from specreason.cli.options import ApiUrl, AsJson, BatchRef, check_choices
from specreason.cli.show.jobs import print_jobs
from specreason.cli.show.output import print_list_as_json, tell_of_more
from specreason.client.values import STATES
from specreason.errors import InvalidField
from specreason.reasoning.steps import StopReason
from specreason.words import shown

STOP_REASONS = tuple(reason.value for reason in StopReason)
RANGES = "Ranges (of ended jobs)"


def _least_or_most(name: str, what: str) -> Any:
    return typer.Option(
        f"--{name}", min=0, metavar="NUMBER", help=what, rich_help_panel=RANGES, show_default=False
    )


def jobs(
    ref: BatchRef,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE", help=f"Only jobs in this state: {', '.join(STATES)}. Repeat it for more."
        ),
    ] = None,
    is_correct: Annotated[
        bool | None,
        typer.Option(
            "--correct/--wrong", help="Only jobs with a right answer, or only those with a wrong one."
        ),
    ] = None,
    ungraded: Annotated[bool, typer.Option("--ungraded", help="Only jobs without a grade.")] = False,
    stopped: Annotated[
        list[str] | None,
        typer.Option(
            metavar="REASON",
            help=f"Only jobs whose run ended so: {', '.join(STOP_REASONS)}. Repeat it for more.",
        ),
    ] = None,
    error: Annotated[str | None, typer.Option(help="Only jobs whose error contains this.")] = None,
    problem: Annotated[
        str | None, typer.Option(metavar="ID", help="Only jobs of the problem with this id of yours.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE",
            help="Only jobs of problems whose line in the dataset has this field so. Repeat it for more.",
        ),
    ] = None,
    min_acceptance: Annotated[
        float | None, _least_or_most("min-acceptance", "Least share of accepted drafts, 0 to 1.")
    ] = None,
    max_acceptance: Annotated[
        float | None, _least_or_most("max-acceptance", "Largest share of accepted drafts.")
    ] = None,
    min_latency: Annotated[float | None, _least_or_most("min-latency", "Least latency, seconds.")] = None,
    max_latency: Annotated[float | None, _least_or_most("max-latency", "Largest latency, seconds.")] = None,
    min_tokens: Annotated[int | None, _least_or_most("min-tokens", "Least kept tokens.")] = None,
    max_tokens: Annotated[int | None, _least_or_most("max-tokens", "Most kept tokens.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most jobs to list.")] = 100,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """List a batch's jobs in the order submitted."""
    check_choices("--state", state or (), STATES)
    check_choices("--stopped", stopped or (), STOP_REASONS)
    if ungraded and is_correct is not None:
        raise InvalidField("--ungraded", "cannot be given with --correct or --wrong: such jobs have a grade")
    sources = _sources(source or ())
    with connected(api) as client:
        batch_id = client.find_batch(ref)
        rows = client.jobs(
            batch_id,
            states=state,
            is_correct="none" if ungraded else is_correct,
            stop_reasons=stopped,
            error=error,
            problem_id=problem,
            source=sources,
            min_acceptance=min_acceptance,
            max_acceptance=max_acceptance,
            min_latency_s=min_latency,
            max_latency_s=max_latency,
            min_tokens=min_tokens,
            max_tokens=max_tokens,
        )
        found = list(islice(rows, limit + 1))
        has_more = len(found) > limit
        if as_json:
            print_list_as_json(found[:limit], has_more=has_more)
            return
        print_jobs(client.batch(batch_id), found[:limit])
    tell_of_more(has_more)


def _sources(given: Sequence[str]) -> dict[str, str]:
    """The fields and their values."""
    parts = [each.partition("=") for each in given]
    for each, (field, sign, _) in zip(given, parts, strict=True):
        if not field or not sign:
            raise InvalidField("--source", f"must be FIELD=VALUE, not {shown(each)}")
    return {field: value for field, _, value in parts}
