"""An engine that writes what a script says: the public test double for everything above the engines.

    pair = scripted_pair(
        drafter=ScriptedEngine(steps=["Start with 2.\\n\\n", "Add 2: 4.\\n\\n", "</think>"], answer="\\\\boxed{4}"),
        base=ScriptedEngine(respond=lambda prompt, seed: "Wait, 2 + 2 is 4.\\n\\n", scores=[9, 3]),
    )

It honours Limits token by token, as a model would. Its texts depend on prompt and seed alone, never on the order of
calls: a resumed job gets the texts that the first run got.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from specreason.engines.base import (
    THINK_END,
    Completion,
    FinishReason,
    Limits,
    ModelPair,
    Sampling,
    Tokenizer,
    Verdict,
)
from specreason.engines.meter import Meter
from specreason.engines.scripted.cache import PrefixCache
from specreason.engines.scripted.scripts import Respond, Score, follow, score_by_index
from specreason.engines.scripted.tokenizer import ScriptedTokenizer
from specreason.errors import EngineDead, PromptTooLong
from specreason.planning.timing import Steady, Timing

JUDGE_SUFFIX = "\nScore 0-9: "

_WINNER_PROB, _OTHER_PROB = 0.9, 0.01


class EndingTokenizer(Tokenizer, Protocol):
    """A tokenizer that knows the end of sequence, which a model writes and no text contains."""

    @property
    def eos_id(self) -> int: ...


class ScriptedEngine:
    """Give `steps` (and `answer`), or `respond`.

    With `steps`, the n-th step of the thinking is the n-th of them, no matter which model wrote the earlier ones;
    `answer` follows after the last one, or once the thinking is closed. `scores[n]` is the verdict on the n-th step;
    the list starts again at its end. A callable `score` gets the prompt instead.

    `latency_s` passes before the first token, `token_s` per token; or `timing` says how long a call takes, such as the
    roofline of a card (planning/roofline.py). It is asked once, when a call begins, and the calls then in flight count
    as there to this call's end. So a call that others join ends too early, and one that they leave too late.

    The engine sleeps by the event loop and reads `clock`, in seconds, to measure its calls: with the `time` of a loop
    that skips its waits, a day of a cluster takes seconds. After `die_after` calls the engine is dead.
    """

    def __init__(
        self,
        *,
        steps: Sequence[str] = (),
        answer: str = "",
        respond: Respond | None = None,
        scores: Sequence[int | None] = (9,),
        score: Score | None = None,
        judge_suffix: str = JUDGE_SUFFIX,
        max_model_len: int = 1 << 20,
        kv_tokens: int = 1 << 30,
        latency_s: float = 0.0,
        token_s: float = 0.0,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
        die_after: int | None = None,
        tokenizer: EndingTokenizer | None = None,
    ) -> None:
        self._respond = respond or follow(steps, answer)
        self._score = score or score_by_index(scores, judge_suffix)
        self._tokenizer: EndingTokenizer = tokenizer or ScriptedTokenizer()
        self._max_model_len = max_model_len
        self._kv_tokens = kv_tokens
        self._timing = timing or Steady(latency_s=latency_s, token_s=token_s)
        self._clock = clock
        self._die_after = die_after
        self._dead = asyncio.Event()
        self._cache = PrefixCache()
        self.num_calls = 0
        self.num_unfinished = 0
        self._last_call = 0.0

    @property
    def tokenizer(self) -> EndingTokenizer:
        return self._tokenizer

    @property
    def max_model_len(self) -> int:
        return self._max_model_len

    @property
    def kv_tokens(self) -> int:
        return self._kv_tokens

    @property
    def clock(self) -> Callable[[], float]:
        return self._clock

    @property
    def silent_s(self) -> float:
        return self._clock() - self._last_call if self.num_unfinished else 0.0

    async def generate(
        self, prompt_ids: Sequence[int], *, limits: Limits, sampling: Sampling, seed: int
    ) -> Completion:
        started = self._clock()
        with self._call(prompt_ids) as prompt:
            room = min(limits.max_tokens, self._max_model_len - len(prompt))
            text = self._respond(self._tokenizer.decode(prompt), seed if sampling.temperature else 0)
            ids, finish = self._cut((*self._tokenizer.encode(text), self._tokenizer.eos_id), limits, room)
            num_cached = self._cache.look_up(prompt, ids)
            context, in_flight = len(prompt) + len(ids) / 2, self.num_unfinished
            rest_s = self._timing.next_token_s(context, in_flight=in_flight) * (len(ids) - 1)
            await self._pass_time(self._first_token_s(prompt, num_cached))
            ttft_s = self._clock() - started
            await self._pass_time(rest_s)
        return Completion(
            token_ids=ids,
            text=self._tokenizer.decode(ids),
            finish_reason=finish,
            num_prompt_tokens=len(prompt),
            num_cached_tokens=num_cached,
            ttft_s=ttft_s,
            latency_s=self._clock() - started,
        )

    async def score(self, prompt_ids: Sequence[int], *, digit_ids: Sequence[int]) -> Verdict:
        started = self._clock()
        with self._call(prompt_ids) as prompt:
            utility = self._score(self._tokenizer.decode(prompt))
            token_id = self._tokenizer.encode("?" if utility is None else str(utility))[0]
            digit = digit_ids.index(token_id) if token_id in digit_ids else None
            num_cached = self._cache.look_up(prompt, (token_id,))
            await self._pass_time(self._first_token_s(prompt, num_cached))
        return Verdict(
            digit=digit,
            digit_probs=tuple(_WINNER_PROB if d == digit else _OTHER_PROB for d in range(10)),
            token_id=token_id,
            num_prompt_tokens=len(prompt),
            num_cached_tokens=num_cached,
            latency_s=self._clock() - started,
        )

    async def check_health(self) -> None:
        if self._dead.is_set():
            raise EngineDead("the scripted engine is dead")

    async def close(self) -> None:
        self.die()

    def die(self) -> None:
        """Act like a killed engine process: calls in flight and all later ones raise EngineDead."""
        self._dead.set()

    @contextmanager
    def _call(self, prompt_ids: Sequence[int]) -> Iterator[tuple[int, ...]]:
        if self.num_calls == self._die_after:
            self.die()
        if self._dead.is_set():
            raise EngineDead("the scripted engine is dead")
        if len(prompt_ids) >= self._max_model_len:
            raise PromptTooLong(
                f"{PromptTooLong.SAYS}{len(prompt_ids)} tokens; the model takes {self._max_model_len}"
            )
        self.num_calls += 1
        self.num_unfinished += 1
        self._last_call = self._clock()
        try:
            yield tuple(prompt_ids)
        finally:
            self.num_unfinished -= 1

    def _cut(self, ids: Sequence[int], limits: Limits, room: int) -> tuple[tuple[int, ...], FinishReason]:
        """The ids up to and including the one that completes the first stop."""
        text = ""
        for count, token_id in enumerate(ids, 1):
            token = self._tokenizer.decode((token_id,))
            text += token
            if token_id == self._tokenizer.eos_id:
                return tuple(ids[:count]), FinishReason.EOS
            if limits.stop_at_think_end and token == THINK_END:
                return tuple(ids[:count]), FinishReason.THINK_END
            if limits.delimiter is not None and limits.delimiter in text:
                if count > limits.min_tokens:
                    return tuple(ids[:count]), FinishReason.DELIMITER
                text = ""
            if count == room:
                break
        return tuple(ids[:room]), FinishReason.LENGTH

    def _first_token_s(self, prompt: tuple[int, ...], num_cached: int) -> float:
        return self._timing.first_token_s(
            len(prompt) - num_cached, cached=num_cached, in_flight=self.num_unfinished
        )

    async def _pass_time(self, seconds: float) -> None:
        """Sleep unless the engine dies meanwhile; always lets other tasks run, and be cancelled."""
        await asyncio.sleep(0)
        if seconds > 0:
            try:
                async with asyncio.timeout(seconds):
                    await self._dead.wait()
            except TimeoutError:
                return
        await self.check_health()


def scripted_pair(
    *, drafter: ScriptedEngine, base: ScriptedEngine, name: str = "scripted", judge_suffix: str = JUDGE_SUFFIX
) -> ModelPair:
    """The two as a pair. Give an engine its own `judge_suffix` too if it is not the default."""
    return ModelPair(
        name=name,
        fingerprint=f"{name}-1",
        drafter=drafter,
        base=base,
        judge_suffix=judge_suffix,
        meter=Meter(base.clock),
    )
