"""The chunks of a streamed chat completion, from the steps of its jobs. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from api.openai.output import finish_reason, trace_ids, usage_of
from specreason.engines.base import THINK_END
from specreason.reasoning.steps import Phase
from specreason.store.read.results import EndedJob
from specreason.store.tables.states import JobState

FIRST_DELTA = {"role": "assistant", "content": ""}


@dataclass(slots=True)
class Deltas:
    """Turns texts into deltas that together are the whole text without white space at its ends, and without `ending`.

    What may be the end of the text is held back until more text follows.
    """

    ending: str = ""
    _has_begun: bool = False
    _held: str = ""

    def take(self, text: str) -> str:
        """The next delta; "" if there is none yet."""
        text = self._held + text
        if not self._has_begun:
            text = text.lstrip()
        sure = text.rstrip().removesuffix(self.ending).rstrip()
        self._held = text[len(sure) :]
        self._has_begun = self._has_begun or bool(sure)
        return sure


@dataclass(slots=True)
class Choice:
    """One repeat as far as it is sent."""

    num_steps: int = 0
    _thinking: Deltas = field(default_factory=lambda: Deltas(THINK_END))
    _answer: Deltas = field(default_factory=Deltas)

    def delta(self, phase: Phase, kept_text: str) -> dict[str, str] | None:
        """What the next step adds to the message; None: nothing yet. Counts the step as sent."""
        self.num_steps += 1
        if phase is Phase.ANSWER:
            content = self._answer.take(kept_text)
            return {"content": content} if content else None
        reasoning = self._thinking.take(kept_text)
        return {"reasoning": reasoning, "reasoning_content": reasoning} if reasoning else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunks:
    """Makes the chunks of one completion. `created` is in seconds since 1970."""

    batch_id: UUID
    problem_row: UUID
    model: str
    created: int
    with_usage: bool

    def of_start(self, index: int, job_id: UUID) -> dict[str, Any]:
        """The first chunk of one choice, with the ids by which its trace can be read meanwhile."""
        ids = {"batch_id": str(self.batch_id), "job_id": str(job_id)}
        return self.of_delta(index, FIRST_DELTA) | {"specreason": ids}

    def of_delta(self, index: int, delta: dict[str, str]) -> dict[str, Any]:
        return self._chunk([_choice(index, delta)])

    def of_end(self, job: EndedJob) -> dict[str, Any]:
        """The last chunk of one choice."""
        return self._chunk([_choice(job.repeat, {}, finish_reason(job))]) | {"specreason": trace_ids([job])}

    def of_usage(self, jobs: Sequence[EndedJob]) -> dict[str, Any]:
        """The token counts of the whole completion, in a chunk without choices, as with OpenAI."""
        succeeded = [job for job in jobs if job.state is JobState.SUCCEEDED]
        return self._chunk([]) | {"usage": usage_of(succeeded)}

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        chunk = {
            "id": f"chatcmpl-{self.problem_row.hex}",
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        }
        return chunk | {"usage": None} if self.with_usage else chunk


def _choice(index: int, delta: dict[str, str], reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
