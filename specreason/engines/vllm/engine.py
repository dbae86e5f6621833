"""One model in vLLM behind the Engine protocol. Only this folder imports vllm."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import time
from collections.abc import Sequence
from contextlib import suppress

from vllm import SamplingParams
from vllm.config import VllmConfig
from vllm.exceptions import VLLMClientError, VLLMError
from vllm.inputs import tokens_input
from vllm.outputs import RequestOutput
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError
from vllm.v1.metrics.loggers import StatLoggerBase

from specreason.engines.base import Completion, Limits, Sampling, Verdict
from specreason.engines.machine.parent_watch import without_ctrl_c
from specreason.engines.machine.ranks import processes_below, see_ended
from specreason.engines.tokenizer import HFTokenizer, first_line
from specreason.engines.vllm.requests import CompletionRequests, verdict_params
from specreason.errors import EngineDead, PermanentJobError, PromptTooLong, TransientError

SHUTDOWN_TIMEOUT_S = 5.0
# vLLM logs the death of its engine process with a traceback; `VllmEngine` raises EngineDead instead.
logging.getLogger("vllm.v1.engine.async_llm").setLevel(logging.CRITICAL)


class Pulse(StatLoggerBase):  # type: ignore[misc]  # vLLM's base class is not typed here
    """vLLM calls `record` after every step of the engine, whether or not a request ended in it."""

    def __init__(self) -> None:
        self.last_beat = time.monotonic()

    def record(self, *args: object, **kwargs: object) -> None:
        self.last_beat = time.monotonic()

    def log_engine_initialized(self) -> None: ...


class VllmEngine:
    """Construct it in a thread: that blocks until the model is loaded. Call it from one event loop."""

    def __init__(self, config: VllmConfig, tokenizer: HFTokenizer) -> None:
        self._tokenizer = tokenizer
        self._max_model_len: int = config.model_config.max_model_len
        self._speculates = config.speculative_config is not None
        self._requests = CompletionRequests(tokenizer)
        self._request_number = itertools.count()
        self._live: set[str] = set()
        self._closed = False
        self._pulse = Pulse()
        with without_ctrl_c():
            self._engine = AsyncLLM.from_vllm_config(config, stat_loggers=[lambda *_: self._pulse])
        # Ranks are found through their engine, so they are noted while it lives.
        processes = self._engine.engine_core.resources.engine_manager.processes
        self._ranks = [rank for process in processes for rank in processes_below(process.pid)]
        # The engine process has completed this by now: the number of blocks is known once the model is loaded.
        cache = config.cache_config
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

    async def forget_prefixes(self) -> bool:
        """Empty the prefix cache. False, and nothing is forgotten, while a request still holds a part of it."""
        forgotten: bool = await self._engine.reset_prefix_cache()
        return forgotten

    @property
    def num_unfinished(self) -> int:
        """The number of requests that the engine still works on."""
        count: int = self._engine.get_num_unfinished_requests()
        return count

    async def generate(
        self, prompt_ids: Sequence[int], *, limits: Limits, sampling: Sampling, seed: int
    ) -> Completion:
        """See Engine. vLLM clamps `max_tokens` at the context's end: the finish is then LENGTH."""
        started = time.perf_counter()
        first = output = await self._run(prompt_ids, self._requests.params(limits, sampling, 0, seed))
        written = list(output.outputs[0].token_ids)
        while (
            self._requests.goes_on(output, written, limits)
            and len(prompt_ids) + len(written) < self._max_model_len
        ):
            params = self._requests.params(limits, sampling, len(written), seed)
            output = await self._run([*prompt_ids, *written], params)
            written += output.outputs[0].token_ids
        return Completion(
            token_ids=tuple(written),
            text=self._tokenizer.decode(written),
            finish_reason=self._requests.finish_reason(output, limits),
            num_prompt_tokens=len(prompt_ids),
            num_cached_tokens=first.num_cached_tokens or 0,
            ttft_s=first.metrics.first_token_latency if first.metrics else 0.0,
            latency_s=time.perf_counter() - started,
        )

    async def score(self, prompt_ids: Sequence[int], *, digit_ids: Sequence[int]) -> Verdict:
        started = time.perf_counter()
        output = await self._run(prompt_ids, verdict_params(digit_ids, speculates=self._speculates))
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
        """Shut the engine down, which takes a few seconds. No process of it is left then.

        Safe to call twice, and on an engine that has died.
        """
        if self._closed:
            return
        self._closed = True
        # The engine's calls have failed already, or fail with its process.
        with suppress(EngineDeadError, TimeoutError):
            await asyncio.wait_for(self._engine.abort(list(self._live)), SHUTDOWN_TIMEOUT_S)
        if self._engine.output_handler is not None:
            self._engine.output_handler.cancel()
        resources = self._engine.engine_core.resources
        processes = resources.engine_manager.processes
        await asyncio.to_thread(self._engine.shutdown, SHUTDOWN_TIMEOUT_S)
        # vLLM kills a process that has not ended in time, but does not wait for it. It closes its sockets in this
        # loop, and never closes its message context.
        for process in processes:
            await asyncio.to_thread(process.join, SHUTDOWN_TIMEOUT_S)
        await asyncio.to_thread(see_ended, self._ranks, SHUTDOWN_TIMEOUT_S)
        resources.ctx.destroy(linger=0)

    async def _run(self, prompt_ids: Sequence[int], params: SamplingParams) -> RequestOutput:
        """Run one request to its end. If the caller is cancelled, vLLM's generator aborts the request."""
        await self.check_health()
        if len(prompt_ids) >= self._max_model_len:
            raise PromptTooLong(
                f"{PromptTooLong.SAYS}{len(prompt_ids)} tokens; the model takes {self._max_model_len}"
                " with its completion"
            )
        request_id = str(next(self._request_number))
        if not self._live:
            # The engine was idle until now, not silent.
            self._pulse.last_beat = time.monotonic()
        self._live.add(request_id)
        try:
            stream = self._engine.generate(tokens_input(list(prompt_ids)), params, request_id)
            # With FINAL_ONLY the stream has exactly one output.
            (output,) = [output async for output in stream]
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
