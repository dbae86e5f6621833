"""From the scheme that a user chooses by name to what the loop needs: a policy, the shape of steps, and limits."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from specreason.config import RunConfig, SchemeName, ScoreMethod
from specreason.engines.base import THINK_END, ModelPair, Role, Sampling
from specreason.engines.models.generation import GenerationDefaults, known_defaults
from specreason.errors import InputError, InvalidField, PermanentJobError
from specreason.pairs import ModelConfig, PairConfig
from specreason.reasoning.budget import Budget, context_end
from specreason.reasoning.economics import Economics
from specreason.reasoning.policies import Adaptive, FirstStepsOnBase, Policy, SingleModel, Threshold
from specreason.reasoning.sampling import sampling_of, with_defaults
from specreason.reasoning.scoring import Judge
from specreason.reasoning.seeds import noise_key
from specreason.reasoning.steps import Decision
from specreason.reasoning.transcript import Transcript
from specreason.submission.chat import spelled

# Baselines ignore delimiters and write in chunks of this many tokens: no loop cost, yet resumable.
BASELINE_CHUNK_TOKENS = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Everything that is fixed about one run of the loop."""

    pair: ModelPair
    policy: Policy
    economics: Economics
    budget: Budget
    judge: Judge
    score_method: ScoreMethod
    sampling: dict[Role, Sampling]
    delimiter: str | None
    min_step_tokens: int
    overlap: bool
    answers: Role
    answer_at_limit: bool
    closing_ids: tuple[int, ...]
    # See `seeds`.
    noise_key: bytes


def plan_run(
    config: RunConfig,
    pair: ModelPair,
    transcript: Transcript,
    *,
    seed: int,
    repeat: int,
    economics: Economics | None = None,
) -> Run:
    """The run that `config` asks for; `economics` has the measured costs of drafting on this pair, if there are any.

    Raises PromptTooLong if the problem does not fit into the context, PermanentJobError if the pair cannot run the
    configuration.
    """
    sampling = sampling_of(config, pair.generation_defaults)
    try:
        check_fit(config.scheme, sampling[Role.BASE].min_p, pair.name, base_speculates=pair.base_speculates)
    except InvalidField as error:
        raise PermanentJobError(str(error)) from error
    economics = economics or Economics()
    judge = Judge.of(pair.base.tokenizer, pair.judge_suffix)
    closing_ids = pair.base.tokenizer.encode(THINK_END)
    drafts = config.scheme.drafts_steps
    budget = Budget(
        token_budget=config.token_budget,
        context_ends={
            role: context_end(
                max_model_len=pair.engine(role).max_model_len,
                prompt=transcript.num_prompt_tokens[role],
                closing=len(closing_ids),
                judge=len(judge.suffix_ids),
                max_answer_tokens=config.max_answer_tokens,
            )
            for role in Role
        },
        max_steps=config.max_steps,
        max_step_tokens=config.max_step_tokens if drafts else BASELINE_CHUNK_TOKENS,
        max_answer_tokens=config.max_answer_tokens,
        max_same_steps=config.max_same_steps if drafts else 0,
    )
    return Run(
        pair=pair,
        policy=policy_of(config, pair, economics),
        economics=economics,
        budget=budget,
        judge=judge,
        score_method=config.score_method,
        sampling=sampling,
        delimiter=config.delimiter if drafts else None,
        min_step_tokens=config.min_step_tokens,
        overlap=config.overlap,
        answers=answers(config),
        answer_at_limit=config.on_budget == "answer",
        closing_ids=closing_ids,
        noise_key=noise_key(spelled(transcript.messages), seed, repeat),
    )


def policy_of(config: RunConfig, pair: ModelPair, economics: Economics) -> Policy:
    """The policy behind a scheme's name."""
    if config.scheme is SchemeName.DRAFTER:
        return SingleModel(Decision.DRAFTER_ONLY)
    if not config.scheme.drafts_steps:
        return SingleModel(Decision.BASE_ONLY)
    policy: Policy = Threshold(config.threshold if config.threshold is not None else pair.threshold)
    if config.adaptive:
        policy = Adaptive(economics, BASELINE_CHUNK_TOKENS, then=policy)
    return FirstStepsOnBase(config.first_steps_on_base, policy) if config.first_steps_on_base else policy


def answers(config: RunConfig) -> Role:
    """The model that writes the ANSWER phase."""
    if config.scheme.drafts_steps:
        return Role(config.answer_by)
    return Role.DRAFTER if config.scheme is SchemeName.DRAFTER else Role.BASE


def stored_config(config: RunConfig, name: str, pair: PairConfig) -> RunConfig:
    """`config` with the defaults of pair and models filled in, so that a later change of these changes no batch.

    What a model's generation_config.json says stays out if this machine does not know the file: the worker that has
    loaded the model goes by it, and stores it in `model_pair.config`. Raises InvalidField if the pair called `name`
    cannot run the configuration.
    """
    config = with_defaults(config, {role: _known_defaults(pair.model(role)) for role in Role})
    check_fit(config.scheme, config.min_p or 0.0, name, base_speculates=pair.speculation is not None)
    if config.threshold is None:
        return config.model_copy(update={"threshold": pair.threshold})
    return config


def _known_defaults(model: ModelConfig) -> GenerationDefaults | None:
    """None also where the file is wrong: the worker says so, and refuses to load the model."""
    with suppress(InputError):
        return known_defaults(model)
    return None


def check_fit(scheme: SchemeName, min_p: float, pair: str, *, base_speculates: bool) -> None:
    """Raise InvalidField if `pair` cannot run `scheme` while its base draws with `min_p`."""
    if not scheme.fits(base_speculates=base_speculates):
        reason = (
            f"'{scheme}' needs a pair without token-level speculation, and '{pair}' has it"
            if base_speculates
            else f"'{scheme}' needs a pair with token-level speculation, which '{pair}' is not"
        )
        raise InvalidField("config.scheme", reason)
    if min_p and base_speculates and scheme is not SchemeName.DRAFTER:
        reason = (
            f"must be 0, not {min_p:g}: the base of '{pair}' drafts tokens itself, and cannot draw by min_p"
        )
        raise InvalidField("config.min_p", reason)
