"""Runs an evaluation: submits what is missing and waits for all of it, at an API or on a stack of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from specreason.cli.evaluating.asked import Asked
from specreason.cli.evaluating.deployment import Deployment
from specreason.cli.evaluating.submission import planned, stored_batches, submitted
from specreason.cli.evaluating.waiting import Cells, display_of_cells, wait_for
from specreason.cli.show.output import print_message
from specreason.cli.waiting.leaving import saying_at_the_end
from specreason.cli.waiting.sending import tell_missing_workers
from specreason.client import Batch
from specreason.client.deadline import Deadline
from specreason.errors import (
    EmbeddedServerError,
    LimitReached,
    NotConnected,
    StillRunning,
    TimedOut,
    Unreachable,
)
from specreason.evaluation.cells import Cell
from specreason.words import counted

AGAIN = "the same command goes on from there"


def run(asked: Asked, deployment: Deployment, deadline: Deadline) -> dict[Cell, list[Batch]]:
    """Submit what is missing and wait until all cells have ended; return their batches, with other cells of this name.

    Whatever ends it early says that the same command goes on. Raises as `stored_batches` and `Client.wait_all` do.
    """
    with saying_how_to_go_on(is_own_stack=deployment.stack is not None):
        batches = _submit(asked, deployment)
        own = {cell: batches[cell] for cell in asked.cells}
        cells = Cells(own, asked.labels)
        ended: dict[Cell, list[Batch]] = {}
        with display_of_cells(cells) as display:
            for turn in _turns(deployment, asked, own):
                waiting = [batch for cell in turn for batch in own[cell]]
                if all(batch.complete for batch in waiting):
                    ended |= turn
                    continue
                with deployment.serving(next(iter(turn)).pair) as serving:
                    done = wait_for(serving, waiting, display, timeout_s=deadline.timeout_s)
                by_id = {batch.batch_id: batch for batch in done}
                ended |= {
                    cell: [by_id[batch.batch_id] for batch in of_cell] for cell, of_cell in turn.items()
                }
    return batches | ended


def _submit(asked: Asked, deployment: Deployment) -> dict[Cell, list[Batch]]:
    """Submit what is missing; return all batches of this name by cell."""
    stored = stored_batches(deployment.client, asked)
    plan = planned(asked, stored)
    num_missing = sum(asked.num_problems(each.cell) * each.num_missing for each in plan)
    num_cells = counted(len(plan), "cell")
    if num_missing:
        print_message(f"the eval '{asked.name}': {num_cells}, {counted(num_missing, 'job')} to submit")
    else:
        print_message(f"the eval '{asked.name}': {num_cells}, and all of their jobs are submitted already")
    batches = {cell: list(of_cell) for cell, of_cell in stored.items()}
    for cell, batch in submitted(deployment.client, asked, plan):
        batches.setdefault(cell, []).append(batch)
    if deployment.stack is None:
        for pair in dict.fromkeys(cell.pair for cell in asked.cells if not _is_complete(batches[cell])):
            tell_missing_workers(deployment.client, pair, Deadline.after(None))
    return batches


def _turns(
    deployment: Deployment, asked: Asked, batches: Mapping[Cell, list[Batch]]
) -> Iterator[dict[Cell, list[Batch]]]:
    """The cells that are waited for together: all at an API, those of one pair on a stack of the command's own."""
    if deployment.stack is None:
        yield dict(batches)
        return
    for pair in asked.pairs:
        yield {cell: of_cell for cell, of_cell in batches.items() if cell.pair == pair}


def _is_complete(batches: Sequence[Batch]) -> bool:
    return all(batch.complete for batch in batches)


@contextmanager
def saying_how_to_go_on(*, is_own_stack: bool) -> Iterator[None]:
    """Whatever ends the block early says what becomes of the work. Ctrl-C raises Detached, SIGTERM raises Stopped."""
    fate = "what is stored is kept" if is_own_stack else "the work goes on"
    with saying_at_the_end(
        interrupted=f"stopped; {fate}, and {AGAIN}", stopped=f"stopped; {fate}, and {AGAIN}"
    ):
        try:
            yield
        except NotConnected:
            raise
        except LimitReached as error:
            again = f"{error}; {fate}, and {AGAIN}"
            raise LimitReached(again, retry_after_s=error.retry_after_s) from error
        except (TimedOut, Unreachable, StillRunning, EmbeddedServerError) as error:
            raise type(error)(f"{error}; {fate}, and {AGAIN}") from error
