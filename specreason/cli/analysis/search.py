"""`specreason search`: words in the steps of a batch."""

from __future__ import annotations

from itertools import islice
from typing import Annotated
from uuid import UUID

import typer
from rich.console import Console
from rich.text import Text

from specreason.cli.connection import connected
from specreason.cli.options import ApiUrl, AsJson, BatchRef
from specreason.cli.show.output import (
    as_text,
    data_console,
    print_hanging,
    print_list_as_json,
    print_message,
    tell_of_more,
)
from specreason.client import Batch, Client, place_ref
from specreason.client.analysis.search import FoundStep

INDENT = 4


def search(
    batch: BatchRef,
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="WORDS...",
            help="All must stand in a text. As in a web search: '\"a phrase\"', OR, begin*, and -word after --. "
            "Formulas are found as they are written, such as '\\frac{1}{2}' or 'x^2'.",
        ),
    ],
    *,
    drafts: Annotated[
        bool, typer.Option("--drafts", help="Search in drafts that were rejected, too.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Most steps to show.")] = 20,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Find words in the steps of a batch: each step with its job, its decision, and the part around the first hit."""
    with connected(api) as client:
        batch_id = client.find_batch(batch)
        found = list(islice(client.analysis.search(batch_id, " ".join(words), drafts=drafts), limit + 1))
        if as_json:
            print_list_as_json(found[:limit], has_more=len(found) > limit)
            return
        if not found:
            print_message(_none_found(client, batch_id, drafts=drafts))
            return
        console, summary = data_console(), client.batch(batch_id)
        for step in found[:limit]:
            print_found(console, summary, step)
        tell_of_more(len(found) > limit)


def _none_found(client: Client, batch_id: UUID, *, drafts: bool) -> str:
    """Say that nothing was found, and why, if the first job with steps has no texts."""
    job = next((each for each in islice(client.jobs(batch_id), 10) if each.num_steps), None)
    step = None if job is None else next(client.steps(job.job_id), None)
    if step is not None and step.kept_text is None:
        return "none found: texts of this batch were deleted"
    return "none found" if drafts else "none found; --drafts searches rejected drafts, too"


def print_found(console: Console, batch: Batch, step: FoundStep) -> None:
    """Print where the step is, and below it the snippet with its hits."""
    ref = place_ref(batch, step.problem_index, step.repeat)
    draft = "  in its draft" if step.found_in == "draft" else ""
    score = "" if step.score is None else f"  score {step.score}"
    name = "" if step.problem_id is None else f"  {step.problem_id}"
    head = Text.assemble(
        (f"{ref} step {step.index}", "bold"), f"  {step.decision}{score}{draft}", as_text(name)
    )
    console.print(head, soft_wrap=True)
    print_hanging(console, Text(" " * INDENT), _marked(step, on_terminal=console.is_terminal))


def _marked(step: FoundStep, *, on_terminal: bool) -> Text:
    """The snippet. A terminal shows its hits in another style, a pipe gets them between two stars."""
    marked, end = Text(), 0
    for low, high in step.hits:
        marked.append_text(as_text(step.snippet[end:low]))
        hit = step.snippet[low:high]
        marked.append_text(as_text(hit, "bold reverse") if on_terminal else as_text(f"**{hit}**"))
        end = high
    marked.append_text(as_text(step.snippet[end:]))
    return marked
