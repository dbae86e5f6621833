"""The client itself: one method for each thing that the API can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Unpack
from uuid import UUID

from specreason.client.analysis import Analysis
from specreason.client.analysis.rows import RowPage, read_frame, read_rows
from specreason.client.asking import change, read
from specreason.client.connected import Connected
from specreason.client.decoding import Rows, decode, loaded, moment_of, word_of
from specreason.client.events import follow
from specreason.client.job_filters import JobFilters, query_of
from specreason.client.job_values import Attempt, Job, Result, Step
from specreason.client.pages import read_pages
from specreason.client.references import find_batch, find_job
from specreason.client.regrading import Golds, send_regrade
from specreason.client.retention import Pruned, prune
from specreason.client.submission import ArgumentsAndKnobs, Problems, send
from specreason.client.transport import body_of, lines_of
from specreason.client.values import Batch, Event, Grid, Health, Queues, Worker
from specreason.client.waiting import OUTAGE_S, OnOutage, wait_for
from specreason.client.webhooks import Webhooks

if TYPE_CHECKING:
    import pyarrow as pa


class Client(Connected):
    """The API at `base_url`, with the arguments of `Connected`.

    Every method raises an InputError for a wrong request, and LimitReached, StillRunning or Unreachable for one that
    may succeed later.
    """

    @property
    def analysis(self) -> Analysis:
        """What the rows of batches say together."""
        return Analysis(self._transport)

    @property
    def webhooks(self) -> Webhooks:
        """Messages to addresses of yours when batches end."""
        return Webhooks(self._transport)

    def submit(
        self, problems: Problems, *, idempotency_key: str | None = None, **given: Unpack[ArgumentsAndKnobs]
    ) -> Batch:
        """Store a batch and return it; once it has returned, the batch is not lost.

        `problems` is the path or content of a JSONL, CSV, TSV or Parquet file, or mappings with `problem` and `answer`.
        A knob is an argument, such as `scheme="base"`, or stands in `config`. The same again is the same batch and says
        so in `replayed`. Raises TimedOut after `within_s` seconds; the message says whether the batch may be stored.
        """
        body, replayed = send(self._transport, "/api/batches", problems, idempotency_key, **given)
        return replace(decode(Batch, body), replayed=replayed)

    def submit_grid(
        self,
        problems: Problems,
        grid: Mapping[str, Sequence[Any]],
        *,
        idempotency_key: str | None = None,
        **given: Unpack[ArgumentsAndKnobs],
    ) -> Grid:
        """One batch for each combination in `grid`, such as {"scheme": ["base", "specreason"], "threshold": [5, 7]}.

        All are stored or none. The other arguments are those of `submit`.
        """
        body, replayed = send(self._transport, "/api/grids", problems, idempotency_key, grid=grid, **given)
        return replace(decode(Grid, body), replayed=replayed)

    def batch(self, batch_id: UUID) -> Batch:
        """The batch's current summary."""
        return read(self._transport, Batch, f"/api/batches/{batch_id}")

    def find_batch(self, ref: str) -> UUID:
        """The id of a batch: `ref` is its id, a beginning or end of it of four digits at least, or its whole name."""
        return find_batch(self, ref)

    def find_job(self, ref: str) -> UUID:
        """The id of a job: `ref` is its id, or BATCH/INDEX[/REPEAT] with a batch as `find_batch` takes it."""
        return find_job(self, ref)

    def batches(
        self,
        *,
        is_open: bool | None = None,
        name: str | None = None,
        ref: str | None = None,
        eval: str | None = None,
    ) -> Iterator[Batch]:
        """Batches, newest first: open or ended, whose name contains `name`, called `ref`, of the evaluation `eval`."""
        filters = {"open": word_of(is_open), "name": name, "ref": ref, "eval": eval}
        return read_pages(self._transport, "/api/batches", Batch, "before", **filters)

    def jobs(self, batch_id: UUID, **which: Unpack[JobFilters]) -> Iterator[Job]:
        """The batch's jobs in the order submitted; `which` are the filters of `JobFilters`."""
        return read_pages(self._transport, f"/api/batches/{batch_id}/jobs", Job, "after", **query_of(which))

    def job(self, job_id: UUID) -> Job:
        """The job's current summary."""
        return read(self._transport, Job, f"/api/jobs/{job_id}")

    def steps(self, job_id: UUID, after: int | None = None) -> Iterator[Step]:
        """The job's steps in order, behind the one with the index `after`, as far as they are stored."""
        return read_pages(self._transport, f"/api/jobs/{job_id}/steps", Step, "after", after=after)

    def attempts(self, job_id: UUID) -> Iterator[Attempt]:
        """Every try at the job, the first one first."""
        return read_pages(self._transport, f"/api/jobs/{job_id}/attempts", Attempt, "after")

    def events(self, batch_id: UUID, after: int | None = None) -> Iterator[Event]:
        """Changes of the batch and its jobs as they come, behind the event `after`, until every job has ended."""
        return follow(self._transport, f"/api/batches/{batch_id}/events", after)

    def job_events(self, job_id: UUID, after: int | None = None) -> Iterator[Event]:
        """Changes of one job as they come, until it has ended."""
        return follow(self._transport, f"/api/jobs/{job_id}/events", after)

    def wait(
        self,
        batch_id: UUID,
        timeout_s: float | None = None,
        on_progress: Callable[[Batch], None] | None = None,
        on_outage: OnOutage | None = None,
    ) -> Batch:
        """Return once every job of the batch has ended. `on_progress` gets the batch at every poll.

        Raises TimedOut after `timeout_s` seconds, whatever the API does; the batch goes on. While the API is away,
        `on_outage` gets the seconds and the reason. Without a timeout, ten minutes of that raise Unreachable.
        """
        return self.wait_all([batch_id], timeout_s, on_progress, on_outage)[0]

    def wait_all(
        self,
        batch_ids: Sequence[UUID],
        timeout_s: float | None = None,
        on_progress: Callable[[Batch], None] | None = None,
        on_outage: OnOutage | None = None,
    ) -> list[Batch]:
        """As `wait`, for several batches at once, such as those of a grid."""
        most_s, poll = max(OUTAGE_S, self._transport.patience_s), self._poll
        return wait_for(poll, batch_ids, timeout_s, most_s, on_progress=on_progress, on_outage=on_outage)

    def results(self, batch_id: UUID) -> Iterator[Result]:
        """The result of each job that has ended, in the order submitted, as it is read from the server."""
        for line in self.result_lines(batch_id):
            yield decode(Result, loaded(line, "a result"))

    def result_lines(self, batch_id: UUID) -> Iterator[str]:
        """The same as lines of JSON. Raises Unreachable if the stream breaks off."""
        with self._transport.stream(f"/api/batches/{batch_id}/results") as response:
            yield from lines_of(response)

    def frame(self, batch_id: UUID, table: str = "job") -> pa.Table:
        """All rows of a table of the batch, as they are now: `job`, `step`, `payload`, `problem`, `grade` and others.

        `.to_pandas()` makes a data frame of it. `rows` reads what is too large for memory.
        """
        return read_frame(self._transport, batch_id, table)

    def rows(self, batch_id: UUID, table: str, after: str | None = None) -> Iterator[RowPage]:
        """The same page by page, behind the row `after`. A broken connection is made again."""
        return read_rows(self._transport, batch_id, table, after)

    def cancel(self, batch_id: UUID) -> Batch:
        """End every job of the batch that has not ended. `num_changed` of any control: the jobs that it changed."""
        return self._control_batch(batch_id, "cancel")

    def pause(self, batch_id: UUID) -> Batch:
        """Start no more jobs of the batch; those that run stop at their next step. `num_changed` is 0 or 1."""
        return self._control_batch(batch_id, "pause")

    def resume(self, batch_id: UUID) -> Batch:
        """Start jobs of the paused batch again. `num_changed` is 0 or 1."""
        return self._control_batch(batch_id, "resume")

    def requeue(self, batch_id: UUID, states: Sequence[str] | None = None) -> Batch:
        """Queue jobs in these end states again, by default failed and dead ones. They resume at their next step."""
        return self._control_batch(batch_id, "requeue", {"states": list(states)} if states else None)

    def deadline(self, batch_id: UUID, at: datetime | None) -> Batch:
        """Let the jobs that have not ended at `at` expire; a time with a zone, or None for no deadline."""
        return self._control_batch(batch_id, "deadline", {"deadline_at": moment_of(at)})

    def priority(self, batch_id: UUID, priority: int) -> Batch:
        """Give the batch's jobs that have not ended another priority, −100 to 100; larger goes first."""
        return self._control_batch(batch_id, "priority", {"priority": priority})

    def regrade(self, batch_id: UUID, answers: Golds | None = None, grader: str | None = None) -> Batch:
        """Grade all answers again; no job runs. `answers` are {id: gold answer}, or a file of `id` and `answer`."""
        return decode(Batch, send_regrade(self._transport, batch_id, answers, grader))

    def cancel_job(self, job_id: UUID) -> Job:
        """End the job, if it has not ended."""
        return self._control_job(job_id, "cancel")

    def requeue_job(self, job_id: UUID) -> Job:
        """Queue the job again, if it ended without success. It resumes at its next step."""
        return self._control_job(job_id, "requeue")

    def job_deadline(self, job_id: UUID, at: datetime | None) -> Job:
        """As `deadline`, for one job."""
        return self._control_job(job_id, "deadline", {"deadline_at": moment_of(at)})

    def prune(
        self, older_than_s: float, *, batch_id: UUID | None = None, dry_run: bool = False
    ) -> Iterator[Pruned]:
        """Delete texts of jobs that ended so long ago, portion by portion; needs the scope admin. Numbers stay."""
        return prune(self._transport, older_than_s, batch_id, dry_run=dry_run)

    def workers(self) -> tuple[Worker, ...]:
        """Workers: the live ones, then the newest of the others."""
        return tuple(decode(Worker, row) for row in read(self._transport, Rows, "/api/workers").data)

    def queues(self) -> Queues:
        """What waits and runs for each pair, of all owners together."""
        return read(self._transport, Queues, "/api/queues")

    def health(self) -> Health:
        """The deployment's version and pairs. Raises Unreachable if its database does not answer."""
        return read(self._transport, Health, "/api/health")

    def _poll(self, batch_id: UUID) -> Batch:
        """The batch, asked for once. `wait_for` asks again after a failure."""
        return decode(Batch, body_of(self._transport.try_once(f"/api/batches/{batch_id}")))

    def _control_batch(self, batch_id: UUID, action: str, body: Any = None) -> Batch:
        return change(self._transport, Batch, f"/api/batches/{batch_id}/{action}", body)

    def _control_job(self, job_id: UUID, action: str, body: Any = None) -> Job:
        return change(self._transport, Job, f"/api/jobs/{job_id}/{action}", body)
