"""`specreason compare`: two batches problem by problem, and the traces of two jobs side by side."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from specreason.cli.analysis.compared import print_comparison, print_problems
from specreason.cli.analysis.named_jobs import jobs_of_problem, named_jobs
from specreason.cli.analysis.plots.option import HELP, check_plot
from specreason.cli.analysis.side_by_side import BEFORE, paired, print_side_by_side
from specreason.cli.completion import complete_batch
from specreason.cli.connection import connected
from specreason.cli.options import (
    BATCH_REF,
    ApiUrl,
    AsJson,
    GpuHourPrice,
    check_choices,
    price_or_setting,
)
from specreason.cli.show.output import data_console, print_json, print_message, tell_of_more
from specreason.client import Client, job_ref
from specreason.client.analysis.comparison import ComparedPair, Outcome
from specreason.errors import InvalidField
from specreason.words import counted

OUTCOMES = tuple(outcome.value for outcome in Outcome)
TRACES = "Traces"


def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help=f"A batch, such as that of the base alone. {BATCH_REF}",
            autocompletion=complete_batch,
        ),
    ],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B",
            help="The batch that is compared with it. Or both are jobs, BATCH/INDEX: their traces.",
            autocompletion=complete_batch,
        ),
    ],
    *,
    problems: Annotated[
        bool, typer.Option("--problems", help="List the problems that B has won or lost.")
    ] = False,
    outcome: Annotated[
        list[str] | None,
        typer.Option(
            metavar="OUTCOME",
            help=f"List problems with this outcome in B: {', '.join(OUTCOMES)}. Repeat it for more.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Most jobs of each batch to list, or steps to show. Default: 20; with --json all jobs.",
            show_default=False,
        ),
    ] = None,
    k: Annotated[
        int | None,
        typer.Option(
            "-k",
            "--k",
            min=1,
            help="Of pass@k and majority@k. Default: the usual number of graded repeats in both.",
        ),
    ] = None,
    price: GpuHourPrice = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help=HELP)] = None,
    problem: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Show both traces of this problem side by side: its id, or else its index in A.",
            rich_help_panel=TRACES,
        ),
    ] = None,
    repeat: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="This repeat of the problem. Default: the first whose grades differ.",
            show_default=False,
            rich_help_panel=TRACES,
        ),
    ] = None,
    from_step: Annotated[
        int | None,
        typer.Option(
            min=0,
            help=f"The first step to show. Default: {BEFORE} before the traces part.",
            show_default=False,
            rich_help_panel=TRACES,
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Print whole texts of steps.", rich_help_panel=TRACES)
    ] = False,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Compare two batches problem by problem: right answers, latency, tokens, cost and acceptance, with intervals.

    Or show where the traces of two jobs part, side by side.
    """
    check_choices("--outcome", outcome or (), OUTCOMES)
    gpu_hour_price = price_or_setting(price)
    of_batches = {"--problems": problems, "--outcome": outcome, "-k": k, "--price": price, "--plot": plot}
    if problem is None:
        _refuse("needs --problem", {"--repeat": repeat})
    else:
        _refuse("has no effect with --problem", of_batches)
    if plot is not None:
        check_plot(plot)
    with connected(api) as client:
        jobs = None if problem is not None else named_jobs(client, a, b)
        if jobs is None:
            batches = (client.find_batch(a), client.find_batch(b))
            if problem is not None:
                jobs = jobs_of_problem(client, *batches, problem, repeat)
        if jobs is not None:
            _refuse("is for two batches, and these are jobs", of_batches)
            _show_traces(client, *jobs, from_step=from_step, limit=limit, full=full, as_json=as_json)
            return
        listed = tuple(outcome) if outcome else ("won", "lost") if problems else ()
        _refuse("needs --problem, or two jobs", {"--from-step": from_step, "--full": full})
        if not listed:
            _refuse("needs --problems or --outcome; of traces --problem, or two jobs", {"--limit": limit})
        _show_batches(
            client,
            *batches,
            listed,
            limit=limit,
            k=k,
            price=gpu_hour_price,
            plot=plot,
            as_json=as_json,
        )


def _refuse(why: str, options: Mapping[str, object]) -> None:
    """Raise InvalidField for the first option that is given."""
    for name, value in options.items():
        if value is not None and value is not False and value != []:
            raise InvalidField(name, why)


def _show_batches(
    client: Client,
    a: UUID,
    b: UUID,
    listed: tuple[str, ...],
    *,
    limit: int | None,
    k: int | None,
    price: float | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    comparison = client.analysis.compare(a, b, k=k, price=price)
    pairs: list[ComparedPair] = []
    has_more = False
    if listed:
        most = limit or (None if as_json else 20)
        found = client.analysis.compared_problems(a, b, outcomes=listed)
        pairs = list(islice(found, None if most is None else most + 1))
        has_more = most is not None and len(pairs) > most
        pairs = pairs[:most]
    if plot is not None:
        from specreason.cli.analysis.plots.comparison import draw_comparison

        draw_comparison(comparison, client.analysis.compared_problems(a, b), plot)
    if as_json:
        of_problems = {"problems": {"data": pairs, "has_more": has_more}} if listed else {}
        print_json({"comparison": comparison, **of_problems})
        return
    print_comparison(comparison)
    outcomes = comparison.outcomes
    if listed:
        data_console().print()
        print_problems(client.batch(a), client.batch(b), pairs)
        tell_of_more(has_more)
    elif outcomes.num_won or outcomes.num_lost:
        print_message("--problems lists those won and lost; --problem ID shows both traces of one")


def _show_traces(
    client: Client,
    job_a: UUID,
    job_b: UUID,
    *,
    from_step: int | None,
    limit: int | None,
    full: bool,
    as_json: bool,
) -> None:
    parting = client.analysis.parting(job_a, job_b)
    num_steps = max(parting.num_steps_a, parting.num_steps_b)
    if from_step and from_step >= num_steps:
        longer = counted(num_steps, "step")
        raise InvalidField("--from-step", f"the longer trace has {longer}, from 0 on (got {from_step})")
    start = max(0, (parting.index or 0) - BEFORE) if from_step is None else from_step
    after = start - 1 if start else None
    most = limit or 20
    pairs = paired(client.steps(job_a, after=after), client.steps(job_b, after=after), most)
    has_more = num_steps > start + most
    if as_json:
        steps = [{"a": a, "b": b} for a, b in pairs]
        print_json({"parting": parting, "steps": {"data": steps, "has_more": has_more}})
        return
    jobs = (client.job(job_a), client.job(job_b))
    names = [
        f"{job_ref(job, client.batch(job.batch_id))}: {job.batch_name or job.pair}, {job.scheme}"
        for job in jobs
    ]
    print_side_by_side(data_console(), names, jobs, parting, pairs, full=full)
    if start or has_more:
        last = min(num_steps, start + most) - 1
        print_message(
            f"these are steps {start} to {last} of {counted(num_steps, 'step')}; --from-step and --limit show others"
        )
