"""What a user chooses by name, as what the loop needs: a policy, a step's shape and the limits of a run."""

from __future__ import annotations

from dataclasses import dataclass

from specreason.config import RunConfig, SchemeName
from specreason.engines.base import ModelPair, Role, Sampling
from specreason.reasoning.budget import Budget, context_room
from specreason.reasoning.policies import BaseOnly, DrafterOnly, FirstStepsOnBase, Policy, Threshold
from specreason.reasoning.scoring import Judge
from specreason.reasoning.transcript import Transcript

# Baselines ignore delimiters and write in chunks of this many tokens: no loop cost, yet resumable.
BASELINE_CHUNK_TOKENS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that is fixed about one run of the loop."""

    pair: ModelPair
    policy: Policy
    budget: Budget
    judge: Judge
    sampling: Sampling
    delimiter: str | None
    answer_at_limit: bool
    closing_ids: tuple[int, ...]
    seed: int
    repeat: int


def plan_run(config: RunConfig, pair: ModelPair, transcript: Transcript, *, seed: int, repeat: int) -> Run:
    """The run that `config` asks for. Raises PromptTooLong if the problem does not fit into the context."""
    judge = Judge.of(pair.base.tokenizer, pair.judge_suffix)
    closing_ids = pair.base.tokenizer.encode(pair.think_end)
    baseline = config.scheme is not SchemeName.SPECREASON
    budget = Budget(
        token_budget=config.token_budget,
        context_room=min(
            context_room(
                max_model_len=pair.engine(role).max_model_len,
                prompt=transcript.num_prompt_tokens[role],
                closing=len(closing_ids),
                judge=len(judge.suffix_ids),
                max_answer_tokens=config.max_answer_tokens,
            )
            for role in Role
        ),
        max_steps=config.max_steps,
        max_step_tokens=BASELINE_CHUNK_TOKENS if baseline else config.max_step_tokens,
        max_answer_tokens=config.max_answer_tokens,
    )
    return Run(
        pair=pair,
        policy=policy_of(config, pair),
        budget=budget,
        judge=judge,
        sampling=Sampling(temperature=config.temperature, top_p=config.top_p),
        delimiter=None if baseline else config.delimiter,
        answer_at_limit=config.on_budget == "answer",
        closing_ids=closing_ids,
        seed=seed,
        repeat=repeat,
    )


def policy_of(config: RunConfig, pair: ModelPair) -> Policy:
    """The policy behind a scheme's name."""
    if config.scheme is SchemeName.BASE:
        return BaseOnly()
    if config.scheme is SchemeName.DRAFTER:
        return DrafterOnly()
    threshold = Threshold(config.threshold if config.threshold is not None else pair.threshold)
    return (
        FirstStepsOnBase(config.first_steps_on_base, threshold) if config.first_steps_on_base else threshold
    )
