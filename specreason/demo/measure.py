"""Measure the demo pair: `python -m specreason.demo.measure --out DIR`.

Runs held-out problems through the product's own step loop on two vLLM engines, one job in flight, each problem under
`base`, `drafter` and `specreason` in turn, so that a busy machine disturbs all three alike. Rows go to `rows.jsonl`;
a second call with the same options goes on from there. Then it leaves out layers of the base, to show which are
needed. The last line is JSON.
"""

import argparse
import asyncio
import json
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import torch

from specreason.config import RunConfig, SchemeName, get_pair, load_pairs
from specreason.demo.data import Codec
from specreason.demo.evaluate import pass_at_1, step_accuracy
from specreason.demo.measurement import Draft, Row, figures, grade_drafts
from specreason.demo.model import load_exported, without_layers
from specreason.demo.problems import Problem, problems
from specreason.demo.tokenizer import train_tokenizer
from specreason.engines.base import ModelPair
from specreason.engines.pair import close_pair, load_pair
from specreason.reasoning.loop import reason
from specreason.reasoning.schemes import plan_run
from specreason.reasoning.steps import ListSink, Phase, StepRecord, kept_thinking_tokens
from specreason.reasoning.transcript import Transcript

SCHEMES = (SchemeName.BASE, SchemeName.DRAFTER, SchemeName.SPECREASON)
SEED = 20_001  # of the measured problems; the split, not the seed, keeps them out of training


async def run_one(pair: ModelPair, problem: Problem, config: RunConfig) -> Row:
    """One job, timed from prompt to answer."""
    began = time.perf_counter()
    transcript = Transcript(pair, problem.text)
    run = plan_run(config, pair, transcript, seed=0, repeat=0)
    trace = await reason(run, transcript, ListSink())
    latency = time.perf_counter() - began
    return Row(
        problem=problem.text,
        scheme=config.scheme.value,
        correct=f"\\boxed{{{problem.answer}}}" in (trace.answer_text or ""),
        latency_s=latency,
        think_tokens=kept_thinking_tokens(trace.steps),
        spent_tokens=sum(s.num_spent_tokens for s in trace.steps),
        tpot_s=_tpot(trace.steps) if config.scheme is not SchemeName.SPECREASON else None,
        drafts=grade_drafts(problem, trace.steps),
    )


def _tpot(steps: tuple[StepRecord, ...]) -> float | None:
    written = [s.written for s in steps if s.phase is Phase.THINK and s.written and s.written.num_tokens > 1]
    if not written:
        return None
    longest = max(written, key=lambda c: c.num_tokens)
    return (longest.latency_s - longest.ttft_s) / (longest.num_tokens - 1)


async def run_all(out: Path, pairs: Path | None, num: int, config: RunConfig) -> list[Row]:
    rows = read_rows(out)
    known = {(r.problem, r.scheme) for r in rows}
    pair = await load_pair("demo", get_pair(load_pairs(pairs), "demo"))
    try:
        chosen = list(islice(problems(SEED, held_out=True), num))
        warming = next(problems(1, held_out=False))
        await run_one(pair, warming, config)
        with out.open("a") as file:
            for i, problem in enumerate(chosen):
                for scheme in SCHEMES:
                    if (problem.text, scheme.value) not in known:
                        of_scheme = config.model_copy(update={"scheme": scheme})
                        rows.append(await run_one(pair, problem, of_scheme))
                        file.write(json.dumps(asdict(rows[-1])) + "\n")
                file.flush()
                if (i + 1) % 20 == 0:
                    print(f"{i + 1}/{num} problems", flush=True)
    finally:
        await close_pair(pair)
    return rows


def read_rows(path: Path) -> list[Row]:
    if not path.exists():
        return []
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [Row(**{**r, "drafts": [Draft(**d) for d in r["drafts"]]}) for r in found]


def ablations(folder: Path, num: int = 96) -> dict[str, float]:
    """pass@1 of the base in torch, whole and without some of its layers."""
    model, codec = load_exported(folder), Codec(train_tokenizer())
    layers = model.cfg.layers
    bounds = [round(q * layers / 4) for q in range(5)]
    dropped = {"none": set[int]()}
    dropped |= {f"quarter {q + 1}": set(range(bounds[q], bounds[q + 1])) for q in range(4)}
    dropped["every fourth"] = set(range(0, layers, 4))
    dropped |= {f"layer {layer}": {layer} for layer in range(layers)}
    result = {}
    for name, without in dropped.items():
        small = without_layers(model, without)
        with torch.autocast("cpu", torch.bfloat16):
            result[name] = round(pass_at_1(small, codec, SEED, num), 4)
            print(f"without {name}: pass@1 {result[name]} {step_accuracy(small, codec, SEED)}", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for rows.jsonl and figures.json")
    parser.add_argument("--pairs", type=Path, default=None, help="another pairs.toml with a pair called demo")
    parser.add_argument("--num", type=int, default=400)
    parser.add_argument("--threshold", type=float, default=7)
    parser.add_argument("--temperature", type=float, default=0.0, help="default: greedy, as in the demo")
    parser.add_argument("--no-ablations", action="store_true")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    config = RunConfig(
        threshold=args.threshold,
        temperature=args.temperature,
        token_budget=600,
        max_step_tokens=32,
        max_answer_tokens=24,
    )
    rows = asyncio.run(run_all(args.out / "rows.jsonl", args.pairs, args.num, config))
    result = {"config": config.model_dump(mode="json", exclude={"scheme"})} | figures(rows)
    if not args.no_ablations:
        result["without_layers"] = ablations(Path(get_pair(load_pairs(args.pairs), "demo").base.model))
    text = json.dumps(result, default=asdict)
    (args.out / "figures.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
