"""The interface of an engine: it continues token ids, and scores a step with one token.

An engine knows nothing of steps, problems or thresholds: it takes token ids and returns token ids and timings. The ids
are the truth; `text` is for people to read, and may be cut inside the last token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from specreason.engines.meter import DeviceTime, Meter
from specreason.engines.models.generation import GenerationDefaults
from specreason.submission.chat import Message

THINK_END = "</think>"  # what closes the thinking, of every model that this project runs


class Role(StrEnum):
    """The two seats of a pair. Never call them by size."""

    DRAFTER = "drafter"
    BASE = "base"


class FinishReason(StrEnum):
    """Why one completion ended."""

    DELIMITER = "delimiter"  # the step delimiter was written
    THINK_END = "think_end"  # the model closed its thinking
    EOS = "eos"  # the model ended the sequence
    LENGTH = "length"  # max_tokens were written: the text is cut
    ABORT = "abort"  # the engine was told to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a token is drawn. Temperature 0 is greedy decoding.

    Only the `top_k` likeliest tokens can be drawn (0: all) and those that tie with the last of them, and none that is
    less than `min_p` times as likely as the likeliest one. An engine that drafts tokens itself refuses a `min_p` above
    0 with PermanentJobError.
    """

    temperature: float = 0.6
    top_p: float = 0.95
    top_k: int = 0
    min_p: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where a completion has to end, whichever comes first; end of sequence always ends it."""

    max_tokens: int
    # None: delimiters are ordinary text.
    delimiter: str | None = None
    # A delimiter among the first `min_tokens` tokens is ordinary text.
    min_tokens: int = 0
    stop_at_think_end: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """The output of one generate call.

    `token_ids` include the token that completed the stop. `ttft_s` and `latency_s` are wall seconds
    from the call to the first and the last token. `num_cached_tokens` of the `num_prompt_tokens` came from the
    prefix cache. `ahead_s` is how long the call had been under way when the step loop asked for it. `device` is its
    share of the time of the pair's devices; None unless the call was metered. It is not compared: the store keeps only
    sums of it.
    """

    token_ids: tuple[int, ...]
    text: str
    finish_reason: FinishReason
    num_prompt_tokens: int
    num_cached_tokens: int
    ttft_s: float
    latency_s: float
    ahead_s: float = 0.0
    device: DeviceTime | None = field(default=None, compare=False)

    @property
    def num_tokens(self) -> int:
        return len(self.token_ids)

    @property
    def waited_s(self) -> float:
        """Wall seconds that the step loop waited for it."""
        return max(0.0, self.latency_s - self.ahead_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The base model's verdict on a step: one greedily decoded token and the ten digits' probabilities.

    `digit_probs[d]` is the probability of digit d; None where the engine cannot tell.
    `token_id` is the decoded token and `digit` its value, None if it is not one of the ten digits. `device` is as in
    Completion.
    """

    digit: int | None
    digit_probs: tuple[float | None, ...]
    token_id: int
    num_prompt_tokens: int
    num_cached_tokens: int
    latency_s: float
    device: DeviceTime | None = field(default=None, compare=False)

    @property
    def expected_score(self) -> float | None:
        """Mean over the ten digits, by their probabilities; unknown ones count as 0. None if the token is no digit."""
        known = {digit: p for digit, p in enumerate(self.digit_probs) if p is not None}
        mass = sum(known.values())
        if self.digit is None or mass <= 0:
            return None
        return sum(digit * p for digit, p in known.items()) / mass

    @property
    def non_digit_mass(self) -> float | None:
        """Probability that was on no digit; None unless all ten are known."""
        known = [p for p in self.digit_probs if p is not None]
        return max(0.0, 1.0 - sum(known)) if len(known) == 10 else None


class Tokenizer(Protocol):
    """The part of a tokenizer that the algorithm needs."""

    @property
    def vocabulary_id(self) -> str:
        """Hash of the token-to-id table: equal for two models that can share token ids."""

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of `text` as it stands, no special tokens added."""

    def encode_text(self, text: str) -> tuple[int, ...]:
        """As `encode`, but what spells a control token is text, too."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of `token_ids`, special tokens included."""

    def render_prompt(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """The messages in the model's own chat template, ending inside an open `<think>`.

        Control tokens stand where the template put them and nowhere else. Raises PermanentJobError if the template
        refuses the messages.
        """


class Engine(Protocol):
    """One loaded model. Cancelling a call's task aborts its request in the engine.

    Every call raises EngineDead if the engine is gone, for this and every later call.
    """

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def max_model_len(self) -> int:
        """Longest prompt plus completion, in tokens."""

    @property
    def kv_tokens(self) -> int:
        """Tokens that its KV cache holds, all requests and cached prefixes together."""

    @property
    def silent_s(self) -> float:
        """Seconds for which the engine has shown no sign of work although it has some; 0 while it has none."""

    async def generate(
        self, prompt_ids: Sequence[int], *, limits: Limits, sampling: Sampling, seed: int
    ) -> Completion:
        """Continue `prompt_ids`. `seed` is 0 … 2^62-1.

        The same ids, limits, sampling and seed ask for the same completion: its draws have the same noise. The scripted
        engine always gives it. A real one computes logits in bfloat16, and adds in another order when other requests
        run beside this one, when more of the prompt is cached, or on more devices. Then two tokens that are about
        equally likely may change places, even in greedy decoding, and all later tokens differ. So nothing may rely on
        equal texts from a GPU. All this goes for an engine that drafts tokens itself, too.
        """

    async def score(self, prompt_ids: Sequence[int], *, digit_ids: Sequence[int]) -> Verdict:
        """Decode one token greedily after `prompt_ids` and read the probabilities of the ten `digit_ids`."""

    async def check_health(self) -> None:
        """Raise EngineDead if the engine cannot serve."""

    async def close(self) -> None:
        """End the engine and every process it started. Calls in flight fail with EngineDead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPair:
    """A drafter and a base that serve together, and how the base is asked for a score.

    `judge_suffix` follows transcript + step; the token after it is the score. `fingerprint` names weights,
    templates and engine version: steps of one job never come from two fingerprints (design §4).
    """

    name: str
    fingerprint: str
    drafter: Engine
    base: Engine
    judge_suffix: str
    # The text of the user's message.
    prompt: str = "{problem}"
    # The acceptance threshold of a run that names none.
    threshold: float = 7.0
    # Whether the base's engine drafts tokens itself, with the drafter's weights (paper §4.2).
    base_speculates: bool = False
    # The sampling of a run that names none, by each model's own generation_config.json.
    generation_defaults: Mapping[Role, GenerationDefaults] = field(
        default_factory=lambda: dict.fromkeys(Role, GenerationDefaults())
    )
    # The jobs in flight that there is memory for: what a worker takes if nobody names a number.
    slots: int = 16
    # The devices that its engines share: GPUs, or the CPU as one.
    num_devices: int = 1
    # Shares the time of these devices among the calls in flight.
    meter: Meter = field(default_factory=Meter, compare=False)

    def engine(self, role: Role) -> Engine:
        return self.drafter if role is Role.DRAFTER else self.base

    @property
    def shares_vocabulary(self) -> bool:
        """Whether token ids pass between the two as they are."""
        return self.drafter.tokenizer.vocabulary_id == self.base.tokenizer.vocabulary_id
