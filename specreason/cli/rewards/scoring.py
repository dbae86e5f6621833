"""Scores the traces of one batch, some jobs at a time, and stores the scores of each before it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from uuid import UUID

from specreason.cli.rewards.stored_traces import Model, StoredTrace, stored_traces
from specreason.client import Client
from specreason.prm.protocol import Encoded, Marked
from specreason.prm.traces import Asked, Asking, Plan, plan

T = TypeVar("T")

# Jobs are gathered until they have so many times the sequences of one pass: of these, alike lengths go together.
PASSES = 8
# In one request, far below what the API takes.
AT_ONCE = 1000


class Scorer(Protocol):
    """What scores sequences: see `prm.model.RewardModel`."""

    num_context: int

    def encode(self, text: Marked) -> Encoded: ...

    def scores(self, sequences: Sequence[Encoded]) -> list[list[float]]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to score: the drafts that were rejected, too; all `again`; of at most `limit` jobs that have ended."""

    batch_size: int = 8
    drafts: bool = True
    again: bool = False
    limit: int | None = None


@dataclass(slots=True, kw_only=True)
class Counts:
    """What came of one batch's steps. A draft that was rejected counts beside its step.

    `num_open` jobs have not ended; `num_jobs` have, and were looked at. What is left out stands behind the end of the
    model's context, says nothing, or has lost its text.
    """

    num_jobs: int = 0
    num_open: int = 0
    num_new: int = 0
    num_there: int = 0
    num_too_long: int = 0
    num_empty: int = 0
    num_without_text: int = 0


@dataclass(slots=True)
class _Job:
    """A job of which some texts are to be scored."""

    trace: StoredTrace
    plan: Plan
    found: dict[Asked, float] = field(default_factory=dict)


class Scoring:
    """The scoring of one batch by one model."""

    def __init__(self, client: Client, batch_id: UUID, model: Model, scorer: Scorer, wish: Wish) -> None:
        self._client, self._batch_id = client, batch_id
        self._model, self._scorer, self._wish = model, scorer, wish
        self.counts = Counts()

    def run(self, tell: Callable[[int], None]) -> Counts:
        """Score what has no score yet. `tell` gets the number of steps that have been gone through since.

        Whenever it is ended, what is stored stays, and the same again goes on. Raises as the client and the scorer do.
        """
        for jobs in self._gathered():
            self._score(jobs)
            self._store(jobs)
            tell(sum(job.trace.num_steps for job in jobs))
        return self.counts

    def _gathered(self) -> Iterator[list[_Job]]:
        jobs: list[_Job] = []
        num_sequences = 0
        for trace in stored_traces(self._client, self._batch_id, self._model):
            if not trace.has_ended:
                self.counts.num_open += 1
                continue
            if self._wish.limit is not None and self.counts.num_jobs >= self._wish.limit:
                break
            jobs.append(self._planned(trace))
            num_sequences += len(jobs[-1].plan.askings)
            if num_sequences >= PASSES * self._wish.batch_size or len(jobs) >= AT_ONCE:
                yield jobs
                jobs, num_sequences = [], 0
        if jobs:
            yield jobs

    def _planned(self, trace: StoredTrace) -> _Job:
        counts = self.counts
        counts.num_jobs += 1
        if not trace.has_texts:
            counts.num_without_text += trace.num_steps
        texts = [Asked(step.index) for step in trace.steps]
        if self._wish.drafts:
            texts += [Asked(step.index, is_draft=True) for step in trace.steps if step.draft is not None]
        wanted = {each for each in texts if self._wish.again or each not in trace.scores}
        counts.num_there += len(texts) - len(wanted)
        found = plan(trace.problem, trace.steps, wanted, self._scorer.encode, self._scorer.num_context)
        counts.num_too_long += len(found.too_long)
        counts.num_empty += len(found.empty)
        return _Job(trace, found)

    def _score(self, jobs: Sequence[_Job]) -> None:
        asked: list[tuple[_Job, Asking]] = [(job, each) for job in jobs for each in job.plan.askings]
        asked.sort(key=lambda pair: len(pair[1].encoded.ids))
        for some in _batches(asked, self._wish.batch_size):
            for (job, asking), scores in zip(
                some, self._scorer.scores([asking.encoded for _, asking in some]), strict=True
            ):
                job.found |= zip(asking.asked, scores, strict=True)

    def _store(self, jobs: Sequence[_Job]) -> None:
        rewards = [reward for job in jobs for reward in _rewards(job)]
        for some in _batches(rewards, AT_ONCE):
            self._client.analysis.store_rewards(
                self._batch_id,
                some,
                prm=self._model.prm,
                revision=self._model.revision,
                replace=self._wish.again,
            )
        self.counts.num_new += sum(len(job.found) for job in jobs)


def _rewards(job: _Job) -> Iterator[dict[str, Any]]:
    """The scores of a job as the API takes them. A draft goes with the score of the step that was kept."""
    scores = job.trace.scores | job.found
    for index in sorted({asked.index for asked in job.found}):
        if Asked(index) in scores:
            draft = Asked(index, is_draft=True)
            reward = {"job_id": str(job.trace.job_id), "step_index": index, "score": scores[Asked(index)]}
            yield reward | ({"draft_score": scores[draft]} if draft in scores else {})


def _batches(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (values[start : start + size] for start in range(0, len(values), size))
