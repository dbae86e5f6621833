"""The generate calls of a run: model, ids, limits, sampling and seed of each.

Equal calls ask for equal texts, no matter when they are made. `Engine.generate` says how far an engine keeps to that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from specreason.engines.base import Completion, Limits, ModelPair, Role, Sampling
from specreason.engines.meter import MeteredCall
from specreason.reasoning.schemes import BASELINE_CHUNK_TOKENS, Run
from specreason.reasoning.seeds import call_seed
from specreason.reasoning.transcript import Transcript


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One generate call, before it is made."""

    role: Role
    prompt_ids: tuple[int, ...]
    limits: Limits
    sampling: Sampling
    seed: int

    async def make(self, pair: ModelPair, metered: MeteredCall | None = None) -> Completion:
        """The completion. `metered` tells what it used even if it is cancelled."""
        metered = metered or pair.meter.call()
        with metered:
            completion = await pair.engine(self.role).generate(
                self.prompt_ids, limits=self.limits, sampling=self.sampling, seed=self.seed
            )
            metered.first_token_after(completion.ttft_s)
        return replace(completion, device=metered.device)


def step_call(run: Run, transcript: Transcript, role: Role) -> Call:
    """One step of thought by `role`."""
    limits = Limits(
        max_tokens=run.budget.step_tokens(transcript),
        delimiter=run.delimiter,
        min_tokens=run.min_step_tokens,
    )
    return _call(run, transcript, role, limits)


def stretch_call(run: Run, transcript: Transcript) -> Call:
    """A baseline's chunk by the base, up to the end of the step that the chunk ends in: a draft may follow."""
    room = run.budget.room(transcript)
    limits = Limits(
        max_tokens=min(room, BASELINE_CHUNK_TOKENS + run.budget.max_step_tokens),
        delimiter=run.delimiter,
        min_tokens=min(room, BASELINE_CHUNK_TOKENS),
    )
    return _call(run, transcript, Role.BASE, limits)


def answer_call(run: Run, transcript: Transcript) -> Call:
    """The ANSWER phase in one piece, up to end of sequence."""
    room = run.pair.engine(run.answers).max_model_len - len(transcript.ids(run.answers))
    limits = Limits(max_tokens=min(run.budget.max_answer_tokens, room), stop_at_think_end=False)
    return _call(run, transcript, run.answers, limits)


def _call(run: Run, transcript: Transcript, role: Role, limits: Limits) -> Call:
    return Call(
        role=role,
        prompt_ids=transcript.ids(role),
        limits=limits,
        sampling=run.sampling[role],
        seed=call_seed(run.noise_key, len(transcript.steps), role),
    )
