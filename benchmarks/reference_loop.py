"""Ours against the flow that the paper's authors published: `python -m benchmarks.reference_loop [--problems N]`.

Conditions: the demo pair, held-out problems of its generator, one job in flight, threshold 7, greedy decoding, the
same step limits. *Theirs*, written plainly by us after their description: two `vllm serve` processes, one for each
model; every draft, score and rewrite is a chat completion that sends the problem and all steps as text again; steps
are cut at a blank line; with and without a request for the list of models before each of these, as their code does.
*Ours*: the step loop on the two engines of this process. All four engines have the same settings and the same cores;
each problem runs under all three in turn, so that a busy machine disturbs all alike.

`prefilled_per_step`: prompt tokens that were computed and not found in the prefix cache, per kept step, both models
together. `speedup`: their mean latency per job over ours. The last line of stdout is one JSON object.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).parents[1])  # not this folder, whose queue.py would hide Python's own

import argparse
import asyncio
import json
import os
import platform
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from statistics import fmean
from typing import Any

import httpx2

from specreason.children import kill_group, spawn
from specreason.config import ModelConfig, PairConfig, RunConfig, get_pair, load_pairs
from specreason.demo.problems import Problem, problems
from specreason.engines.base import ModelPair
from specreason.engines.cores import available_cores, split_cores
from specreason.engines.pair import close_pair, load_pair
from specreason.evaluation.metrics import mean_interval
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import ListSink
from specreason.reasoning.transcript import Transcript

PAIR = "demo"
SEED = 50_001
THRESHOLD = 7
CONFIG = RunConfig(
    threshold=THRESHOLD, temperature=0.0, token_budget=600, max_step_tokens=32, max_answer_tokens=24
)
DELIMITER = "\n\n"
ANSWERED = "boxed"
START_S = 300.0


@dataclass(frozen=True, slots=True)
class Run:
    """One problem under one flow."""

    correct: bool
    latency_s: float
    num_steps: int
    num_prefilled: int


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", type=int, default=60)
    arguments = parser.parse_args()
    config = get_pair(load_pairs(), PAIR)
    chosen = list(islice(problems(SEED, held_out=True), arguments.problems))
    drafter_cores, base_cores = split_cores(available_cores())
    with (
        served(config.drafter, config, drafter_cores) as drafter,
        served(config.base, config, base_cores) as base,
    ):
        runs = asyncio.run(compare(config, Servers(drafter, base, config.judge_suffix), chosen))
    result = figures(runs) | {
        "problems": len(chosen),
        "threshold": THRESHOLD,
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
    }
    print(json.dumps(result))
    return 0


async def compare(config: PairConfig, servers: Servers, chosen: list[Problem]) -> dict[str, list[Run]]:
    pair = await load_pair(PAIR, config)
    runs: dict[str, list[Run]] = {"ours": [], "theirs": [], "theirs without model list": []}
    try:
        for number, problem in enumerate([chosen[0], *chosen]):  # the first one warms up
            found = {
                "ours": await ours(pair, problem),
                "theirs": await asyncio.to_thread(theirs, servers, problem, ask_for_models=True),
                "theirs without model list": await asyncio.to_thread(
                    theirs, servers, problem, ask_for_models=False
                ),
            }
            for name, run in found.items():
                runs[name] += [run] if number else []
            if number and number % 10 == 0:
                print(f"{number}/{len(chosen)} problems", flush=True)
    finally:
        await close_pair(pair)
    return runs


async def ours(pair: ModelPair, problem: Problem) -> Run:
    began = time.perf_counter()
    transcript = Transcript(pair, problem.text)
    trace = await reason(plan_run(CONFIG, pair, transcript, seed=0, repeat=0), transcript, ListSink())
    latency_s = time.perf_counter() - began
    calls = [
        call for step in trace.steps for call in (step.draft, step.verdict, step.written) if call is not None
    ]
    return Run(
        correct=f"\\boxed{{{problem.answer}}}" in (trace.answer_text or ""),
        latency_s=latency_s,
        num_steps=len(trace.steps),
        num_prefilled=sum(call.num_prompt_tokens - call.num_cached_tokens for call in calls),
    )


# Their flow


@dataclass(frozen=True, slots=True)
class Servers:
    drafter: str
    base: str
    judge_suffix: str


class Chat:
    """Chat completions that count what was prefilled."""

    def __init__(self, client: httpx2.Client, *, ask_for_models: bool) -> None:
        self._client = client
        self._ask_for_models = ask_for_models
        self.num_prefilled = 0

    def complete(
        self, url: str, problem: str, steps: list[str], tail: str = "", **body: Any
    ) -> dict[str, Any]:
        """Go on with the assistant's turn, which holds the steps so far and `tail`."""
        if self._ask_for_models:
            self._client.get(f"{url}/v1/models").raise_for_status()
        thinking = "<think>\n" + "".join(step + DELIMITER for step in steps) + tail
        answer = self._client.post(
            f"{url}/v1/chat/completions",
            json={
                "model": "it",
                "messages": [
                    {"role": "user", "content": problem},
                    {"role": "assistant", "content": thinking},
                ],
                "add_generation_prompt": False,
                "continue_final_message": True,
                "temperature": 0.0,
                **body,
            },
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        usage = found["usage"]
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
        self.num_prefilled += usage["prompt_tokens"] - cached
        choice: dict[str, Any] = found["choices"][0]
        return choice


def theirs(servers: Servers, problem: Problem, *, ask_for_models: bool) -> Run:
    """Draft a step, score it, keep it or have the base write it; until a step has the answer in it."""
    began = time.perf_counter()
    steps: list[str] = []
    step_limits = {"max_tokens": CONFIG.max_step_tokens, "stop": [DELIMITER]}
    with httpx2.Client(timeout=60, trust_env=False) as client:
        chat = Chat(client, ask_for_models=ask_for_models)
        while len(steps) < CONFIG.token_budget // 8 and not (steps and ANSWERED in steps[-1]):
            step = _text(chat.complete(servers.drafter, problem.text, steps, **step_limits))
            verdict = chat.complete(
                servers.base,
                problem.text,
                steps,
                step + DELIMITER + servers.judge_suffix,
                max_tokens=1,
                logprobs=True,
                top_logprobs=10,
            )
            digit = _text(verdict).strip()
            if not (digit.isdigit() and int(digit) >= THRESHOLD):
                step = _text(chat.complete(servers.base, problem.text, steps, **step_limits))
            steps.append(step)
    return Run(
        correct=f"\\boxed{{{problem.answer}}}" in steps[-1],
        latency_s=time.perf_counter() - began,
        num_steps=len(steps),
        num_prefilled=chat.num_prefilled,
    )


def _text(choice: dict[str, Any]) -> str:
    return choice["message"]["content"] or ""


@contextmanager
def served(model: ModelConfig, pair: PairConfig, cores: list[int]) -> Iterator[str]:
    """URL of a `vllm serve` of this model with the settings that our engines have; its log is shown if it fails."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "vllm.entrypoints.cli.main", "serve", model.model),
        *("--served-model-name", "it", "--host", "127.0.0.1", "--port", str(port)),
        *("--dtype", model.dtype, "--max-model-len", str(model.max_model_len), "--enforce-eager"),
        *("--block-size", str(pair.block_size), "--enable-prefix-caching", "--enable-prompt-tokens-details"),
        *(
            "--kv-cache-memory-bytes",
            str(model.kv_cache_memory_bytes),
            "--max-num-seqs",
            str(model.max_num_seqs),
        ),
        *("--no-enable-chunked-prefill", "--max-num-batched-tokens", "8192"),
        *("--distributed-executor-backend", "specreason.engines.vllm_setup.CpuExecutor"),
        *("--additional-config", json.dumps({"specreason": {"cores": cores}})),
    ]
    with tempfile.TemporaryFile() as log:
        process = spawn(command, environment={"TORCHDYNAMO_DISABLE": "1"}, output=log)  # type: ignore[arg-type]
        try:
            _wait_until_healthy(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        except RuntimeError:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace")[-4000:])
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


def figures(runs: dict[str, list[Run]]) -> dict[str, Any]:
    mean_s = {name: fmean(run.latency_s for run in found) for name, found in runs.items()}
    saved = [
        (their.latency_s - our.latency_s) / mean_s["theirs"]
        for our, their in zip(runs["ours"], runs["theirs"], strict=True)
    ]
    interval = mean_interval(saved)
    return {
        "speedup": round(mean_s["theirs"] / mean_s["ours"], 3),
        "speedup_without_model_list": round(mean_s["theirs without model list"] / mean_s["ours"], 3),
        "saved_share": [round(interval.mean, 3), round(interval.low, 3), round(interval.high, 3)],
        "latency_s": {name: round(seconds, 4) for name, seconds in mean_s.items()},
        "pass_at_1": {name: round(fmean(run.correct for run in found), 3) for name, found in runs.items()},
        "prefilled_per_step": {
            name: round(sum(r.num_prefilled for r in found) / sum(r.num_steps for r in found), 1)
            for name, found in runs.items()
        },
    }


if __name__ == "__main__":
    sys.exit(main())
