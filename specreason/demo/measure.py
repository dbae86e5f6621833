"""Measure the demo pair: `python -m specreason.demo.measure --out DIR`.

Runs held-out exercises through the product's own step loop on two vLLM engines, one job in flight, each exercise under
`base`, `drafter` and `specreason` in turn, so that a busy machine disturbs all three alike. Measured jobs go to
`rows.jsonl`; a second call with the same options adds what is missing. Then layers of the base are left out, to show
which are needed. The last line is JSON.
"""

import argparse
import asyncio
import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import torch

from specreason.config import RunConfig, SchemeName
from specreason.demo.evaluate import pass_at_1, step_accuracy
from specreason.demo.exercises import exercises
from specreason.demo.main_lines import Codec
from specreason.demo.measured_job import MeasuredJob, measure_job, read_jobs
from specreason.demo.measurement import figures
from specreason.demo.model import without_layers
from specreason.demo.model_files import load_exported
from specreason.demo.tokenizer import train_tokenizer
from specreason.engines.pair import close_pair, load_pair
from specreason.pairs import get_pair, load_pairs

SCHEMES = (SchemeName.BASE, SchemeName.DRAFTER, SchemeName.SPECREASON)
# The seed of the measured exercises. The split, not the seed, keeps them out of training.
SEED = 20_001


async def run_all(out: Path, pairs: Path | None, num: int, config: RunConfig) -> list[MeasuredJob]:
    """Measure what is missing of `num` exercises in the file `out`; return all of its jobs."""
    jobs = read_jobs(out)
    known = {(job.problem, job.arm) for job in jobs}
    pair = await load_pair("demo", get_pair(load_pairs(pairs), "demo"))
    try:
        chosen = list(islice(exercises(SEED, held_out=True), num))
        warming = next(exercises(1, held_out=False))
        await measure_job(pair, warming, config.scheme.value, config)
        with out.open("a") as file:
            for i, exercise in enumerate(chosen):
                for scheme in SCHEMES:
                    if (exercise.text, scheme.value) not in known:
                        of_scheme = config.model_copy(update={"scheme": scheme})
                        jobs.append(await measure_job(pair, exercise, scheme.value, of_scheme))
                        file.write(json.dumps(asdict(jobs[-1])) + "\n")
                file.flush()
                if (i + 1) % 20 == 0:
                    print(f"{i + 1}/{num} exercises", flush=True)
    finally:
        await close_pair(pair)
    return jobs


def ablations(folder: Path, num: int = 96) -> dict[str, float]:
    """pass@1 of the base in torch, whole and without some of its layers."""
    model, codec = load_exported(folder), Codec(train_tokenizer())
    layers = model.shape.layers
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
    jobs = asyncio.run(run_all(args.out / "rows.jsonl", args.pairs, args.num, config))
    result = {"config": config.model_dump(mode="json", exclude={"scheme"})} | figures(jobs)
    if not args.no_ablations:
        result["without_layers"] = ablations(Path(get_pair(load_pairs(args.pairs), "demo").base.model))
    text = json.dumps(result, default=asdict)
    (args.out / "figures.json").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
