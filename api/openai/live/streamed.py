"""A streamed chat completion: the thinking step by step as steps are stored, then the answer, as server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import anyio
from fastapi import Request
from sse_starlette import EventSourceResponse, ServerSentEvent

from api.answers.errors import openai_error_of
from api.deployment import deployment_of
from api.door.access import caller_of
from api.openai.live.asked import Asked
from api.openai.live.chunks import Choice, Chunks
from api.openai.live.failure import failure_of
from api.openai.live.waiting import Ticket
from api.streams import KEEPALIVE_S
from api.watch import Followed
from specreason.errors import SpecReasonError
from specreason.store.access.visibility import Viewer
from specreason.store.read.progress import JobProgress
from specreason.store.read.results import EndedJob, ended_jobs_by_problem
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.steps import read_step_rows

SEND_S = 30.0  # a client that reads nothing for longer is disconnected
LEAVE_S = 2.0  # grace for open streams when the process ends
NEWLINE = "\n"
DONE = "[DONE]"

Follow = Callable[[], AbstractContextManager[Followed]]


def streamed(request: Request, ticket: Ticket, asked: Asked, follow: Follow) -> EventSourceResponse:
    """The answer to a request with `stream`. `follow` begins to follow its batch, whose id `ticket` has."""
    headers = {} if ticket.batch_id is None else {"X-Request-Id": f"req_{ticket.batch_id.hex}"}
    return EventSourceResponse(
        _messages(request, ticket, asked, follow),
        headers=headers,
        ping=KEEPALIVE_S,
        send_timeout=SEND_S,
        sep=NEWLINE,
        # `Followed.news` learns it too; without this event the response would end before the error is sent.
        shutdown_event=anyio.Event(),
        shutdown_grace_period=LEAVE_S,
    )


async def _messages(
    request: Request, ticket: Ticket, asked: Asked, follow: Follow
) -> AsyncIterator[ServerSentEvent]:
    """The chunks; an error ends the stream in their place. The stream holds no connection while it waits."""
    database, viewer = deployment_of(request).database, caller_of(request).viewer
    try:
        with follow() as followed:
            async for chunk in _Stream(asked, followed, database, viewer).chunks():
                yield _message(json.dumps(chunk))
        ticket.is_over = True
    except SpecReasonError as error:
        yield _message(json.dumps(openai_error_of(error)))
    yield _message(DONE)


@dataclass(slots=True)
class _Stream:
    """The chunks of one completion. `choices` are the repeats, `ended` the jobs whose last chunk is sent."""

    asked: Asked
    followed: Followed
    database: Database
    viewer: Viewer
    choices: dict[int, Choice] = field(default_factory=dict)
    ended: list[EndedJob] = field(default_factory=list)

    async def chunks(self) -> AsyncIterator[dict[str, Any]]:
        """All chunks, in the order in which steps are stored. Raises as `Followed.news` does."""
        jobs = await self.followed.news()
        chunks = Chunks(
            batch_id=self.followed.batch_id,
            problem_row=jobs[0].problem_row,
            model=self.asked.pair,
            created=int(time.time()),
            with_usage=self.asked.with_usage,
        )
        for job in jobs:
            self.choices[job.repeat] = Choice()
            yield chunks.of_start(job.repeat, job.job_id)
        while True:
            for job in jobs:
                async for delta in self._deltas(job):
                    yield chunks.of_delta(job.repeat, delta)
            for each in await self._newly_ended(jobs):
                yield chunks.of_end(each)
            if len(self.ended) == len(jobs):
                break
            jobs = await self.followed.news()
        if not any(job.state is JobState.SUCCEEDED for job in self.ended):
            _, error = failure_of(self.ended)
            yield error
        elif self.asked.with_usage:
            yield chunks.of_usage(self.ended)

    async def _deltas(self, job: JobProgress) -> AsyncIterator[dict[str, str]]:
        """What the steps that have been stored since add to the job's message."""
        choice = self.choices[job.repeat]
        while choice.num_steps < job.num_steps:
            after = choice.num_steps - 1
            page = partial(read_step_rows, self.database, self.viewer, job.job_id, after=after)
            steps = (await self.followed.read(page)).rows
            for step in steps:
                if (delta := choice.delta(step.phase, step.kept_text or "")) is not None:
                    yield delta
            if not steps:  # their texts have been deleted
                choice.num_steps = job.num_steps

    async def _newly_ended(self, jobs: Sequence[JobProgress]) -> list[EndedJob]:
        """The jobs that have succeeded since.

        One that ends meanwhile waits for the next round: the rest of its steps comes first.
        """
        are_over = {job.job_id for job in jobs if job.state.ended}
        if len(are_over) == len(self.ended):
            return []
        new = are_over - {job.job_id for job in self.ended}
        read = partial(ended_jobs_by_problem, self.database, self.viewer, self.followed.batch_id, only=new)
        rows = await self.followed.read(lambda: list(read()))
        # The last chunk needs the counts of all, and no texts.
        self.ended += [replace(job, reasoning="", answer_text="") for job in rows]
        return [job for job in rows if job.state is JobState.SUCCEEDED]


def _message(data: str) -> ServerSentEvent:
    return ServerSentEvent(data, sep=NEWLINE)
