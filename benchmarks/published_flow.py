"""The flow that the paper's authors published, written plainly by us after its description, for comparison.

Two `vllm serve` processes, one a model. Every draft, score and rewrite is a chat completion, to which the problem and
all steps go as text again. A step ends at a blank line; one that has the final answer in it ends the run, as do two
equal steps in a row and the budget, which counts kept tokens and bounds no call. Their code asks a server for its
models before each request: `asks_for_models`.

One departure, in favour of their flow: `</think>` stays in its step. They take it out of a step without an answer, and
the demo pair, which answers only after it, would go on to the budget.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from specreason.children import kill_group, spawn
from specreason.config import RunConfig
from specreason.engines.machine.placement import place
from specreason.engines.machine.platform import Device
from specreason.pairs import ModelConfig, PairConfig

DELIMITER = "\n\n"
ANSWERED = "boxed"
NAME = "model"  # by which each server knows its model
START_S = 300.0
BATCHED_TOKENS = 8192  # as our engines have it: prompts are prefilled whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run: its last step, and what its requests computed."""

    answer: str
    num_steps: int
    num_prefilled: int  # prompt tokens that were not in the prefix cache, both models together


class Chat:
    """Chat completions on both servers, which count what was prefilled."""

    def __init__(self, client: httpx2.Client, problem: str, *, asks_for_models: bool) -> None:
        self._client = client
        self._problem = problem
        self._asks_for_models = asks_for_models
        self.num_prefilled = 0

    def complete(self, url: str, steps: list[str], tail: str = "", **body: Any) -> tuple[str, int]:
        """Text and number of tokens with which the assistant's turn goes on, after the steps so far and `tail`."""
        if self._asks_for_models:
            self._client.get(f"{url}/v1/models").raise_for_status()
        thinking = "<think>\n" + "".join(step + DELIMITER for step in steps) + tail
        messages = [
            {"role": "user", "content": self._problem},
            {"role": "assistant", "content": thinking},
        ]
        request = {
            "model": NAME,
            "messages": messages,
            "add_generation_prompt": False,
            "continue_final_message": True,
            "temperature": 0.0,
            **body,
        }
        answer = self._client.post(f"{url}/v1/chat/completions", json=request).raise_for_status().json()
        usage = answer["usage"]
        cached = (usage["prompt_tokens_details"] or {}).get("cached_tokens") or 0
        self.num_prefilled += usage["prompt_tokens"] - cached
        return answer["choices"][0]["message"]["content"] or "", usage["completion_tokens"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFlow:
    """Their loop over two servers."""

    drafter_url: str
    base_url: str
    judge_suffix: str
    config: RunConfig
    threshold: int

    def run(self, problem: str, *, asks_for_models: bool) -> Outcome:
        """Draft a step, score it, keep it or have the base write it, until a step has the answer in it."""
        steps: list[str] = []
        num_kept = 0
        limits = {"max_tokens": self.config.max_step_tokens, "stop": [DELIMITER]}
        with httpx2.Client(timeout=60, trust_env=False) as client:
            chat = Chat(client, problem, asks_for_models=asks_for_models)
            while not ended(steps) and num_kept < self.config.token_budget:
                step, num_tokens = chat.complete(self.drafter_url, steps, **limits)
                if self.score(chat, steps, step) < self.threshold:
                    step, num_tokens = chat.complete(self.base_url, steps, **limits)
                steps.append(step)
                num_kept += num_tokens
        return Outcome(answer=steps[-1], num_steps=len(steps), num_prefilled=chat.num_prefilled)

    def score(self, chat: Chat, steps: list[str], step: str) -> int:
        """The digit with which the base goes on after the question; 0 where it is none."""
        question = step + DELIMITER + self.judge_suffix
        said, _ = chat.complete(self.base_url, steps, question, max_tokens=1, logprobs=True, top_logprobs=10)
        return int(said) if said.strip().isdigit() else 0

    def forget_prefixes(self) -> None:
        """Empty both servers' prefix caches."""
        for url in (self.drafter_url, self.base_url):
            answer = httpx2.post(f"{url}/reset_prefix_cache", trust_env=False).raise_for_status()
            assert answer.json()["success"]


def ended(steps: list[str]) -> bool:
    if not steps:
        return False
    return ANSWERED in steps[-1] or (len(steps) > 2 and steps[-1] == steps[-2])


def with_planned_caches(pair: PairConfig) -> PairConfig:
    """The pair with bytes in place of `auto`: `vllm serve` knows no plan for two engines."""
    shares = place(pair, Device.CPU).shares
    models = {
        role: pair.model(role).model_copy(update={"kv_cache_memory_bytes": share.kv_cache_memory_bytes})
        for role, share in shares.items()
    }
    return pair.model_copy(update=models)


@contextmanager
def served(model: ModelConfig, pair: PairConfig, cores: list[int]) -> Iterator[str]:
    """URL of a `vllm serve` of this model, with the settings and the cores that our engine of it has.

    `model` says how many bytes its KV cache has; `with_planned_caches` makes it do so.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {
        "served-model-name": NAME,
        "host": "127.0.0.1",
        "port": port,
        "dtype": model.dtype,
        "max-model-len": model.max_model_len,
        "max-num-seqs": model.max_num_seqs,
        "max-num-batched-tokens": BATCHED_TOKENS,
        "block-size": pair.block_size,
        "kv-cache-memory-bytes": model.kv_cache_memory_bytes,
        "distributed-executor-backend": "specreason.engines.vllm.on_the_cpu.OneRank",
        "worker-cls": "specreason.engines.vllm.cpu_worker.MendedWorker",
        "additional-config": json.dumps({"specreason": {"cores": [cores]}}),
    }
    switches = [
        "enforce-eager",
        "enable-prefix-caching",
        "no-enable-chunked-prefill",
        "enable-prompt-tokens-details",
        "disable-uvicorn-access-log",
    ]
    # What `vllm serve` starts; that command itself asks for a distribution named vllm, which the CPU build is not.
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", model.model]
    command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
    command += [f"--{name}" for name in switches]
    environment = {"TORCHDYNAMO_DISABLE": "1", "VLLM_SERVER_DEV_MODE": "1"}  # the latter: /reset_prefix_cache
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryFile() as log:
        process = spawn(command, environment=environment, output=log)
        try:
            _wait_until_healthy(url, process)
            yield url
        except RuntimeError:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 4000))
            sys.stderr.write(log.read().decode(errors="replace"))
            raise
        finally:
            kill_group(process)


def _wait_until_healthy(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"{url}/health", trust_env=False).is_success:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.5)
    raise RuntimeError("vllm serve did not come up")
