"""Train the demo pair: `python -m specreason.demo.train --out DIR`.

`stages.py` lists what is trained, and in which order. Every step is seeded by its number, and a stage resumes from its
last checkpoint, so a second call with the same folder continues where the first one stopped.
"""

import argparse
import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from specreason.demo.evaluate import draft_steps, judge_report, pass_at_1, step_accuracy
from specreason.demo.exercises import exercises
from specreason.demo.main_lines import Codec, MainLine, write_main
from specreason.demo.model import Llama, LlamaShape, spread, with_layers_on_top, without_layers
from specreason.demo.model_files import export, load_checkpoint, save_checkpoint
from specreason.demo.stages import BASE, DRAFTED_SHARE, DRAFTER, DRAFTER_LAYERS, MATRIX_RATE, WRITE, Stage
from specreason.demo.tokenizer import train_tokenizer
from specreason.demo.training_batch import Drafts, TrainingBatch, make_batch
from specreason.grading.exercises import MAX_OPS

CHECKPOINT_EVERY, EVALUATE_EVERY, EVALUATION_SEED = 50, 250, 7_000


@dataclass(slots=True)
class Training:
    """The state that all stages of one training share."""

    out: Path
    seed: int
    codec: Codec
    device: torch.device
    # Whether a C++ compiler is installed.
    compiles: bool

    def log(self, text: str) -> None:
        line = f"{time.strftime('%H:%M:%S')} {text}"
        print(line, flush=True)
        with (self.out / "log.txt").open("a") as f:
            f.write(line + "\n")

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)


def losses(model: Llama, batch: TrainingBatch, device: torch.device) -> tuple[Tensor, ...]:
    """Next-token loss on what is to be learned, judge loss at the markers, and the slip signal beside them."""
    mask = torch.zeros(batch.mask.shape, dtype=torch.bfloat16).masked_fill_(~batch.mask, float("-inf"))
    hidden = model(batch.ids.to(device), batch.positions.to(device), mask.to(device))

    def at(target: Tensor) -> Tensor:
        chosen = (target >= 0).to(device)
        return F.cross_entropy(model.head(hidden[chosen]).float(), target[target >= 0].to(device))

    write = at(batch.lm_target)
    if not batch.kinds:
        return (write,)
    known = batch.slip_target >= 0
    slip = model.slip_head(hidden[known.to(device)]).float()[:, 0]
    wrong = batch.slip_target == 1
    expected = F.cross_entropy(
        model.expected_head(hidden[(wrong & (batch.expected >= 0)).to(device)]).float(),
        batch.expected[wrong & (batch.expected >= 0)].to(device),
    )
    return (
        write,
        at(batch.judge_target),
        expected,
        F.binary_cross_entropy_with_logits(slip, batch.slip_target[known].float().to(device)),
    )


def rate_at(stage: Stage, step: int) -> float:
    if step < stage.warmup:
        return stage.rate * (step + 1) / stage.warmup
    share = (step - stage.warmup) / max(1, stage.steps - stage.warmup)
    return float(stage.rate * (stage.last_rate / stage.rate) ** share)


def make_optimizers(model: Llama) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for embeddings, heads and norms."""
    inner = [p for n, p in model.named_parameters() if n.startswith("blocks.") and p.dim() == 2]
    outer = [p for n, p in model.named_parameters() if not (n.startswith("blocks.") and p.dim() == 2)]
    return [
        torch.optim.Muon(inner, lr=1.0, momentum=0.95, weight_decay=0.01, adjust_lr_fn="original"),
        torch.optim.AdamW(outer, lr=1.0, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def main_lines(training: Training, stage: Stage, step: int, rng: random.Random) -> list[MainLine]:
    """The main lines of one step; all of nearly one length, so that little is padded."""
    short = step < stage.short_until
    num_ops = rng.randint(2, 6) if short else rng.choice((rng.randint(2, MAX_OPS), rng.randint(8, 14)))
    stream = exercises(
        rng.getrandbits(60), held_out=False, min_ops=num_ops, max_ops=num_ops, multiply=stage.multiply
    )
    size = stage.batch * 11 // max(4, num_ops)
    return [write_main(next(stream), stage.recipe, training.codec, rng) for _ in range(size)]


def drafts_from(training: Training, drafter: Llama, rng: random.Random) -> Drafts:
    generator = torch.Generator().manual_seed(rng.getrandbits(60))
    temperature = rng.choice((0.6, 0.8, 1.0))
    return lambda sequences: draft_steps(
        drafter, sequences, training.codec, temperature, generator, share=DRAFTED_SHARE
    )


def train_stage(training: Training, stage: Stage, model: Llama, drafter: Llama | None) -> Llama:
    """Train through one stage, from its checkpoint if there is one."""
    path = training.out / f"{stage.name}.pt"
    saved = torch.load(path, weights_only=True) if path.exists() else None
    if saved is not None:
        model, start = load_checkpoint(saved), int(saved["step"])
    else:
        # The seed of the fresh layers.
        torch.manual_seed(random.Random(f"{training.seed} {stage.name}").getrandbits(60))
        model, start = with_layers_on_top(model, stage.append), 0
        model = spread(model) if stage.spread else model
    model.to(training.device)
    if start >= stage.steps:
        return model
    if training.compiles:
        model.use_compiler()
    optimizers = make_optimizers(model)
    for opt, state in zip(optimizers, saved["optimizers"] if saved is not None else (), strict=False):
        opt.load_state_dict(state)
    training.log(
        f"{stage.name}: {sum(p.numel() for p in model.parameters()):,} parameters, from step {start}"
    )
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task(stage.name, total=stage.steps, completed=start)
        tokens, labels, begun = 0, 0, time.monotonic()
        for step in range(start, stage.steps):
            rng = random.Random(f"{training.seed} {stage.name} {step}")
            lines = main_lines(training, stage, step, rng)
            with training.autocast():
                drafts = drafts_from(training, drafter, rng) if stage.drafts and drafter is not None else None
                batch = make_batch(lines, stage.recipe, training.codec, rng, drafts)
                parts = losses(model, batch, training.device)
            model.zero_grad()
            torch.stack(parts).sum().backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            for opt, scale in zip(optimizers, (MATRIX_RATE, 1.0), strict=True):
                opt.param_groups[0]["lr"] = scale * rate_at(stage, step)
                opt.step()
            tokens, labels = tokens + batch.ids.numel(), labels + len(batch.kinds)
            shown = " ".join(f"{p.item():.3f}" for p in parts)
            progress.update(bar, advance=1, description=f"{stage.name} {shown}")
            if (step + 1) % 50 == 0:
                speed = tokens / (time.monotonic() - begun)
                training.log(f"{stage.name} {step + 1} loss {shown} {speed:,.0f} tokens/s {labels:,} labels")
            last = step + 1 == stage.steps
            if (step + 1) % CHECKPOINT_EVERY == 0 or last:
                save_checkpoint(path, model, step=step + 1, optimizers=[o.state_dict() for o in optimizers])
            if (step + 1) % EVALUATE_EVERY == 0 or last:
                report(training, stage, model, drafter)
    return model


def report(training: Training, stage: Stage, model: Llama, drafter: Llama | None) -> None:
    with training.autocast():
        training.log(f"{stage.name} pass@1 {pass_at_1(model, training.codec, EVALUATION_SEED):.3f} "
                f"{step_accuracy(model, training.codec, EVALUATION_SEED)}")  # fmt: skip
        if stage.recipe.candidates:
            drafts = (
                drafts_from(training, drafter, random.Random(EVALUATION_SEED))
                if drafter is not None
                else None
            )
            training.log(f"{stage.name} {judge_report(model, training.codec, EVALUATION_SEED, drafts)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for checkpoints, log and the finished pair"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the full number of steps, for a trial run"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    training = Training(
        args.out, args.seed, Codec(train_tokenizer()), device, shutil.which("g++") is not None
    )
    torch.manual_seed(args.seed)
    base = Llama(LlamaShape(training.codec.size, layers=6, width=128, inner=352))
    base = train_stage(training, WRITE.scaled(args.scale), base, None)
    drafter = without_layers(base, set(range(6)) - DRAFTER_LAYERS)
    drafter = train_stage(training, DRAFTER.scaled(args.scale), drafter, None)
    export(drafter, args.out / "drafter")
    for stage in BASE:
        base = train_stage(training, stage.scaled(args.scale), base, drafter)
        export(base, args.out / "base")


if __name__ == "__main__":
    main()
