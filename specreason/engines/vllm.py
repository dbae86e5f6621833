"""One model in vLLM behind the Engine protocol. Only this file and `vllm_setup.py` import vllm."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from vllm import SamplingParams
from vllm.config import VllmConfig
from vllm.exceptions import VLLMClientError, VLLMError
from vllm.inputs import tokens_input
from vllm.outputs import RequestOutput
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError
from vllm.v1.metrics.loggers import StatLoggerBase

from specreason.engines.base import THINK_END, Completion, FinishReason, Limits, Sampling, Verdict
from specreason.engines.parent_watch import without_ctrl_c
from specreason.engines.tokenizer import HFTokenizer, first_line
from specreason.engines.vllm_setup import MAX_LOGPROBS
from specreason.errors import EngineDead, PermanentJobError, PromptTooLong, TransientError

SHUTDOWN_TIMEOUT_S = 5.0
# It logs the death of its engine process with a traceback; we raise EngineDead instead.
logging.getLogger("vllm.v1.engine.async_llm").setLevel(logging.CRITICAL)


class Pulse(StatLoggerBase):  # type: ignore[misc]  # vLLM's base class is not typed here
    """vLLM calls `record` after every step of the engine, whether or not a request ended in it."""

    def __init__(self) -> None:
        self.last_beat = time.monotonic()

    def record(self, *args: object, **kwargs: object) -> None:
        self.last_beat = time.monotonic()

    def log_engine_initialized(self) -> None: ...


class VllmEngine:
    """Construct in a thread: it blocks until the model is loaded. Its calls belong to one event loop."""

    def __init__(self, config: VllmConfig, tokenizer: HFTokenizer) -> None:
        self._tokenizer = tokenizer
        self._max_model_len: int = config.model_config.max_model_len
        self._speculates = config.speculative_config is not None
        think_ids = tokenizer.encode(THINK_END)
        # A token where the vocabulary has one for it, else the text.
        self._think_end: int | str = think_ids[0] if len(think_ids) == 1 else THINK_END
        self._request_number = itertools.count()
        self._live: set[str] = set()
        self._closed = False
        # A pair has few delimiters, and finding their tokens takes some tenths of a second.
        self._delimiter_ids = lru_cache(maxsize=8)(tokenizer.ids_containing)
        self._pulse = Pulse()
        with without_ctrl_c():
            self._engine = AsyncLLM.from_vllm_config(config, stat_loggers=[lambda *_: self._pulse])
        cache = (
            config.cache_config
        )  # completed by the engine process: only now it knows how many blocks it has
        self._kv_tokens: int = cache.num_gpu_blocks * cache.block_size

    @property
    def tokenizer(self) -> HFTokenizer:
        return self._tokenizer

    @property
    def max_model_len(self) -> int:
        return self._max_model_len

    @property
    def kv_tokens(self) -> int:
        return self._kv_tokens

    @property
    def silent_s(self) -> float:
        return time.monotonic() - self._pulse.last_beat if self._live else 0.0

    async def forget_prefixes(self) -> None:
        """Empty the prefix cache, for measurements."""
        await self._engine.reset_prefix_cache()

    @property
    def num_unfinished(self) -> int:
        """Requests that the engine still works on."""
        count: int = self._engine.get_num_unfinished_requests()
        return count

    async def generate(
        self, prompt_ids: Sequence[int], *, limits: Limits, sampling: Sampling, seed: int
    ) -> Completion:
        """See Engine. vLLM clamps `max_tokens` at the context's end: the finish is then LENGTH."""
        started = time.perf_counter()
        first = output = await self._run(prompt_ids, self._sampling_params(limits, sampling, 0, seed))
        written = list(output.outputs[0].token_ids)
        while self._goes_on(output, written, limits) and len(prompt_ids) + len(written) < self._max_model_len:
            params = self._sampling_params(limits, sampling, len(written), seed)
            output = await self._run([*prompt_ids, *written], params)
            written += output.outputs[0].token_ids
        return Completion(
            token_ids=tuple(written),
            text=self._tokenizer.decode(written),
            finish_reason=self._finish_reason(output, limits),
            num_prompt_tokens=len(prompt_ids),
            num_cached_tokens=first.num_cached_tokens or 0,
            ttft_s=first.metrics.first_token_latency if first.metrics else 0.0,
            latency_s=time.perf_counter() - started,
        )

    async def score(self, prompt_ids: Sequence[int], *, digit_ids: Sequence[int]) -> Verdict:
        started = time.perf_counter()
        output = await self._run(prompt_ids, _verdict_params(digit_ids, speculates=self._speculates))
        (token_id,) = output.outputs[0].token_ids
        (logprobs,) = output.outputs[0].logprobs
        probs = tuple(math.exp(logprobs[i].logprob) if i in logprobs else None for i in digit_ids)
        return Verdict(
            digit=list(digit_ids).index(token_id) if token_id in digit_ids else None,
            digit_probs=probs,
            token_id=token_id,
            num_prompt_tokens=len(prompt_ids),
            num_cached_tokens=output.num_cached_tokens or 0,
            latency_s=time.perf_counter() - started,
        )

    async def check_health(self) -> None:
        if self._closed or self._engine.errored:
            raise EngineDead("the engine is closed" if self._closed else "the engine process has died")

    async def close(self) -> None:
        """Takes a few seconds; safe to call twice, and on an engine that has died."""
        if self._closed:
            return
        self._closed = True
        with suppress(
            EngineDeadError, TimeoutError
        ):  # its calls have failed already, or fail with the process
            await asyncio.wait_for(self._engine.abort(list(self._live)), SHUTDOWN_TIMEOUT_S)
        if self._engine.output_handler is not None:
            self._engine.output_handler.cancel()
        resources = self._engine.engine_core.resources
        processes = resources.engine_manager.processes
        await asyncio.to_thread(self._engine.shutdown, SHUTDOWN_TIMEOUT_S)
        # vLLM kills what has not ended in time, but does not wait for it; it leaves the closing of its sockets to
        # this loop, and that of its message context to nobody.
        for process in processes:
            await asyncio.to_thread(process.join, SHUTDOWN_TIMEOUT_S)
        resources.ctx.destroy(linger=0)

    async def _run(self, prompt_ids: Sequence[int], params: SamplingParams) -> RequestOutput:
        """One request, to its end. Cancelling the caller aborts it: vLLM's generator sees to that."""
        await self.check_health()
        if len(prompt_ids) >= self._max_model_len:
            raise PromptTooLong(
                f"the prompt has {len(prompt_ids)} tokens; the model takes {self._max_model_len} with its completion"
            )
        request_id = str(next(self._request_number))
        if not self._live:
            self._pulse.last_beat = time.monotonic()  # it was idle, not silent
        self._live.add(request_id)
        try:
            stream = self._engine.generate(tokens_input(list(prompt_ids)), params, request_id)
            (output,) = [output async for output in stream]  # FINAL_ONLY: there is exactly one
        except EngineDeadError as error:
            raise EngineDead("the engine process has died") from error
        except VLLMClientError as error:
            raise PermanentJobError(f"the engine refuses the request: {first_line(error)}") from error
        except VLLMError as error:
            await self.check_health()
            raise TransientError(f"the engine lost a request: {first_line(error)}") from error
        finally:
            self._live.discard(request_id)
        if output.outputs[0].finish_reason == "abort":
            raise EngineDead("the engine is shutting down and gave up its requests")
        return output

    def _sampling_params(
        self, limits: Limits, sampling: Sampling, num_written: int, seed: int
    ) -> SamplingParams:
        stop_strings, stop_ids = [], []
        # vLLM's own `min_tokens` would keep the model from ending its thinking, too. So we ask for the first tokens
        # without the delimiter, and then for the rest.
        free = 0
        if limits.delimiter is not None:
            free = max(0, min(limits.min_tokens, limits.max_tokens) - num_written)
        if limits.delimiter is not None and not free:
            # Ids end the request in the engine at once; the string finds a delimiter written in several tokens.
            stop_strings.append(limits.delimiter)
            stop_ids += sorted(self._delimiter_ids(limits.delimiter))
        if limits.stop_at_think_end:
            if isinstance(self._think_end, str):
                stop_strings.append(self._think_end)
            else:
                stop_ids.append(self._think_end)
        return SamplingParams(
            max_tokens=free or limits.max_tokens - num_written,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            # A continued request draws on; the same seed again would repeat the first draws.
            seed=seed + num_written,
            stop=stop_strings,
            stop_token_ids=stop_ids,
            include_stop_str_in_output=True,
            skip_special_tokens=False,
            detokenize=bool(stop_strings),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _goes_on(self, output: RequestOutput, written: Sequence[int], limits: Limits) -> bool:
        """Whether the request ended, but not the completion.

        It does so before a delimiter may count. And vLLM matches stop strings in text that may begin with the
        prompt's tail, if the prompt ends inside a UTF-8 character: such a stop is not the model's.
        """
        if len(written) >= limits.max_tokens:
            return False
        cut = output.outputs[0].finish_reason == "length" and len(written) <= limits.min_tokens
        return cut or self._is_false_stop(output)

    def _is_false_stop(self, output: RequestOutput) -> bool:
        completion = output.outputs[0]
        return isinstance(
            completion.stop_reason, str
        ) and completion.stop_reason not in self._tokenizer.decode(completion.token_ids)

    def _finish_reason(self, output: RequestOutput, limits: Limits) -> FinishReason:
        completion = output.outputs[0]
        if completion.finish_reason == "length" or self._is_false_stop(output):
            return FinishReason.LENGTH
        if completion.finish_reason != "stop":
            return FinishReason.ABORT
        stop = completion.stop_reason
        if stop == self._think_end:
            return FinishReason.THINK_END
        if isinstance(stop, str) or (limits.delimiter and stop in self._delimiter_ids(limits.delimiter)):
            return FinishReason.DELIMITER
        return FinishReason.EOS  # None, or one of the further end tokens of generation_config.json


def _verdict_params(digit_ids: Sequence[int], *, speculates: bool) -> SamplingParams:
    """One greedy token and the probabilities of the ten digits, taken before temperature and masks.

    An engine with token-level speculation dies of `logprob_token_ids` (design §4): there the twenty likeliest tokens
    have to do, and a digit that is not among them is unknown.
    """
    return SamplingParams(
        max_tokens=1,
        temperature=0.0,
        logprobs=MAX_LOGPROBS if speculates else None,
        logprob_token_ids=None if speculates else list(digit_ids),
        detokenize=False,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
