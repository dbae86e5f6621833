"""Shows how far a big dataset is read and sent, and says what became of it. What takes less than a second is silent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from threading import Timer
from typing import IO, Any, BinaryIO, cast
from uuid import uuid4

from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from specreason.cli.dataset.reading import Dataset
from specreason.cli.show.output import message_console, print_message
from specreason.cli.waiting.leaving import saying_at_the_end
from specreason.client import Batch, Client, Grid
from specreason.client.deadline import Deadline
from specreason.client.submission import UNKNOWN, Arguments
from specreason.errors import NotAllowed, StillRunning, TimedOut, TransientError, Unreachable

# A display appears after this time: soon on a terminal, where it vanishes again; as a line elsewhere.
BAR_AFTER_S, LINE_AFTER_S = 1.0, 5.0
# A remark after the submission waits for the API no longer than this.
REMARK_S = 5.0
# A display of rows is brought up to date after so many.
ROWS_AT_ONCE = 500
UNKNOWN_AGAIN = "it is not known whether the batch was stored; `specreason batch list` shows it"


@contextmanager
def shown_reading(path: str, doing: str = "reading") -> Iterator[Callable[[int], None]]:
    """Yield a function that is told the number of each row, and shows the count while the block runs."""
    progress = Progress(
        TextColumn(f"{doing} {{task.description}}: {{task.completed:,.0f}} rows", markup=False),
        console=message_console(),
        transient=True,
    )
    rows = progress.add_task(path, total=None)

    def tell(number: int) -> None:
        if number % ROWS_AT_ONCE == 0:
            progress.update(rows, completed=number)

    with _late(progress, f"{doing} {path}"):
        yield tell


@contextmanager
def shown_sending(file: IO[bytes], num_bytes: int) -> Iterator[IO[bytes]]:
    """Yield the file; while the block runs, show how much of it is sent: each try reads it from its beginning."""
    progress = Progress(
        _Doing(), BarColumn(bar_width=20), DownloadColumn(), console=message_console(), transient=True
    )
    sent = progress.add_task("", total=num_bytes)
    counted = progress.wrap_file(cast("BinaryIO", file), task_id=sent)
    with _late(progress, f"sending {num_bytes:,} bytes, and waiting until the API has stored them"):
        yield counted


@contextmanager
def telling_the_fate(*, again: bool) -> Iterator[None]:
    """What ends the block early says whether the batch is stored; with `again`, its own key is not sent once more.

    Ctrl-C raises Detached, SIGTERM raises Stopped.
    """
    unknown = UNKNOWN_AGAIN if again else UNKNOWN
    try:
        with saying_at_the_end(interrupted=f"interrupted; {unknown}", stopped=f"stopped; {unknown}"):
            yield
    except (TimedOut, Unreachable, StillRunning) as error:
        raise type(error)(str(error).replace(UNKNOWN, unknown)) from error


class _Doing(ProgressColumn):
    """What happens to the bytes: they are sent, and then stored."""

    def render(self, task: Task) -> Text:
        is_sent = task.total is not None and task.completed >= task.total
        return Text("sent; the API stores it" if is_sent else "sending")


@contextmanager
def _late(progress: Progress, line: str) -> Iterator[None]:
    """Show the progress, or outside a terminal the line, if the block takes long."""
    if progress.console.is_interactive:
        timer = Timer(BAR_AFTER_S, progress.start)
    else:
        timer = Timer(LINE_AFTER_S, print_message, [line])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # It may be starting the display at this moment.
        timer.join()
        if progress.console.is_interactive:
            progress.stop()


def send(
    client: Client,
    dataset: Dataset,
    grid: Mapping[str, Sequence[Any]] | None,
    arguments: Arguments,
    *,
    again: bool,
) -> Batch | Grid:
    """Submit the dataset. With `again` it has a key of its own, so that the server makes new batches."""
    key = str(uuid4()) if again else None
    with telling_the_fate(again=again), shown_sending(dataset.file, dataset.num_bytes) as problems:
        if grid is None:
            return client.submit(problems, idempotency_key=key, **arguments)
        return client.submit_grid(problems, grid, idempotency_key=key, **arguments)


def tell_missing_workers(client: Client, pair: str, deadline: Deadline) -> None:
    """Say if no live worker holds the pair. The submission is stored, so an error here is ignored."""
    with suppress(NotAllowed, TransientError, TimedOut):
        workers = deadline.or_after(REMARK_S).hold(client.workers)
        if not any(worker.alive and worker.pair == pair for worker in workers):
            print_message(f"no worker serves the pair '{pair}' now: the jobs wait until one does")
