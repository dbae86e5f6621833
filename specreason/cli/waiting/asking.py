"""Follows one job whose user waits: shows each step as it is stored, and cancels the job if the user leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from rich.console import Console
from rich.status import Status

from specreason.cli.exits import EXIT_TERMINATED
from specreason.cli.show.output import data_console, message_console
from specreason.cli.show.trace import print_step
from specreason.client import Client, Job, Step, short_id
from specreason.errors import Detached, SpecReasonError, Stopped, Unreachable

POLL_S = 0.25
OPEN = ("queued", "running")


class Ladder:
    """Shows the steps of the thinking; the answer is printed whole in the end. `status` is None outside a terminal."""

    def __init__(self, console: Console | None, status: Status | None, *, full: bool) -> None:
        self._console = console
        self._status = status
        self._full = full

    def show_step(self, step: Step) -> None:
        if self._console is not None and step.phase == "think":
            print_step(self._console, step, full=self._full)

    def tell_state(self, job: Job, num_steps: int) -> None:
        if self._status is not None:
            self._status.update("waiting for a slot" if job.state == "queued" else f"step {num_steps}")


@contextmanager
def shown_ladder(*, is_shown: bool, full: bool) -> Iterator[Ladder]:
    """Show the steps until the end of the block, and on a terminal what happens at the moment."""
    # A status moves beside what its own console prints, and must not draw through what another one does.
    console = data_console() if is_shown else message_console()
    if not console.is_interactive:
        yield Ladder(console if is_shown else None, None, full=full)
        return
    with console.status("waiting") as status:
        yield Ladder(console if is_shown else None, status, full=full)


def followed(client: Client, job_id: UUID, ladder: Ladder) -> tuple[Job, list[Step]]:
    """The job once it has ended, and its steps, each of which the ladder has shown when it was stored."""
    steps: list[Step] = []
    while True:
        # Before the steps: those of a job that has ended are all there.
        job = client.job(job_id)
        for step in client.steps(job_id, after=len(steps) - 1):
            steps.append(step)
            ladder.show_step(step)
        if job.state not in OPEN:
            return job, steps
        ladder.tell_state(job, len(steps))
        time.sleep(POLL_S)


@contextmanager
def cancelling_at_the_end(client: Client, batch_id: UUID, api_url: str | None) -> Iterator[None]:
    """Ctrl-C in the block cancels the batch and raises Detached; SIGTERM does so and raises Stopped."""
    try:
        yield
    except KeyboardInterrupt:
        raise Detached(f"interrupted; {_cancelled(client.cancel, batch_id, api_url)}") from None
    except Unreachable as error:
        raise Unreachable(f"{error}; the job goes on: {_left(batch_id, api_url)}") from error
    except SystemExit as leaving:
        if leaving.code != EXIT_TERMINATED:
            raise
        raise Stopped(f"stopped; {_cancelled(client.cancel, batch_id, api_url)}") from None


def _cancelled(cancel: Callable[[UUID], object], batch_id: UUID, api_url: str | None) -> str:
    """Cancel the batch; return what has become of its job."""
    try:
        cancel(batch_id)
    except SpecReasonError as error:
        return f"the job goes on ({error}): {_left(batch_id, api_url)}"
    ref, at = _named(batch_id, api_url)
    return f"the job is cancelled; `specreason job steps {ref}/0{at}` shows how far it came"


def _left(batch_id: UUID, api_url: str | None) -> str:
    """How to cancel a job that goes on."""
    ref, at = _named(batch_id, api_url)
    return f"`specreason batch cancel {ref}{at}` cancels it"


def _named(batch_id: UUID, api_url: str | None) -> tuple[str, str]:
    """What a command calls the batch, and its option for the API."""
    return short_id(batch_id), f" --api {api_url}" if api_url else ""
