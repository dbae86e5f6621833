"""Cheap checks of the models during training, in torch and in bulk, on held-out exercises only."""

import random
from collections import Counter
from dataclasses import dataclass

import torch

from specreason.demo.exercises import exercises
from specreason.demo.main_lines import Codec, MainLine, Recipe, write_main
from specreason.demo.model import Llama
from specreason.demo.sampling import Prefixes, pad, sample
from specreason.demo.tokenizer import prompt_text
from specreason.demo.training_batch import Drafts, TrainingBatch, make_batch
from specreason.grading.exercises import Exercise, grade_step

MAX_STEP_TOKENS = 24
ACCEPT = 7  # the threshold the pair is tuned for


@dataclass(frozen=True, slots=True)
class JudgeReport:
    """Share of right steps kept and of wrong steps passed, per origin and kind."""

    kept: dict[str, tuple[float, int]]
    passed: dict[str, tuple[float, int]]

    def __str__(self) -> str:
        def line(shares: dict[str, tuple[float, int]]) -> str:
            return " ".join(f"{k} {share:.3f}/{n}" for k, (share, n) in sorted(shares.items()))

        return f"right kept: {line(self.kept)} | wrong passed: {line(self.passed)}"


def draft_steps(
    model: Llama,
    sequences: list[MainLine],
    codec: Codec,
    temperature: float,
    generator: torch.Generator,
    *,
    share: float = 1.0,
) -> list[list[list[int] | None]]:
    """One sampled step for each place in each main line where a step begins, or for a share of the places."""
    places = [(s, p.offset) for s, sequence in enumerate(sequences) for p in sequence.points]
    asked = (torch.rand(len(places), generator=generator) < share).tolist()
    row, seen = (
        torch.tensor(c) for c in zip(*(p for p, ask in zip(places, asked, strict=True) if ask), strict=True)
    )
    prefixes = Prefixes(pad([s.ids for s in sequences]), row, seen)
    answers = iter(sample(model, prefixes, MAX_STEP_TOKENS, codec.step_stops, temperature, generator))
    flat = iter([next(answers) if ask else None for ask in asked])
    return [[next(flat) for _ in sequence.points] for sequence in sequences]


def step_accuracy(model: Llama, codec: Codec, seed: int, temperature: float = 0.6, num: int = 48) -> str:
    """Share of right steps where the model writes each next one from a right transcript, and after a slip."""
    sequences = held_out_lines(seed, num, Recipe(slipped=0.5), codec)
    drafts = draft_steps(model, sequences, codec, temperature, torch.Generator().manual_seed(seed))
    counts: Counter[tuple[str, bool]] = Counter()
    for sequence, row in zip(sequences, drafts, strict=True):
        for point, text in zip(sequence.points, codec.decode([r or [] for r in row]), strict=True):
            grade = grade_step(sequence.exercise, point.state, text)
            closes = point.state.done == len(sequence.exercise.ops)
            group = "corrects" if point.state.slipped else "closes" if closes else "steps"
            counts[group, grade.right] += 1
            if not grade.right and not point.state.slipped:
                counts[grade.kind, False] += 1
    parts = []
    for group in ("steps", "closes", "corrects"):
        total = counts[group, True] + counts[group, False]
        parts.append(f"{group} {counts[group, True] / max(total, 1):.3f}/{total}")
    wrong = {
        k: n for (k, right), n in counts.items() if k not in ("steps", "closes", "corrects") and not right
    }
    return " ".join(parts) + f" wrong: {wrong}"


def pass_at_1(model: Llama, codec: Codec, seed: int, num: int = 96, temperature: float = 0.6) -> float:
    """Share of held-out exercises answered rightly by free writing."""
    stream = exercises(seed, held_out=True)
    chosen: list[Exercise] = [next(stream) for _ in range(num)]
    prompts = codec.encode([prompt_text(p.text) for p in chosen])
    prefixes = Prefixes(pad(prompts), torch.arange(num), torch.tensor([len(p) for p in prompts]))
    texts = codec.decode(
        sample(model, prefixes, 320, {*codec.end}, temperature, torch.Generator().manual_seed(seed))
    )
    return sum(f"\\boxed{{{p.answer}}}" in t for p, t in zip(chosen, texts, strict=True)) / num


def held_out_lines(seed: int, num: int, recipe: Recipe, codec: Codec) -> list[MainLine]:
    rng, stream = random.Random(seed), exercises(seed, held_out=True)
    return [write_main(next(stream), recipe, codec, rng) for _ in range(num)]


@torch.no_grad()  # type: ignore[untyped-decorator]
def digits_given(model: Llama, batch: TrainingBatch, codec: Codec) -> list[int]:
    """The likeliest digit at each judge marker of a batch."""
    device = next(model.parameters()).device
    hidden = model(batch.ids.to(device), batch.positions.to(device), batch.mask.to(device))
    rows = torch.tensor([k[0] for k in batch.kinds], device=device)
    columns = torch.tensor([k[1] for k in batch.kinds], device=device)
    logits = model.head(hidden[rows, columns]).float()[:, codec.digits]
    return [int(d) for d in logits.argmax(-1).tolist()]


def judge_report(model: Llama, codec: Codec, seed: int, drafts: Drafts | None, num: int = 48) -> JudgeReport:
    recipe, rng = Recipe(candidates=1), random.Random(seed)
    counts: Counter[tuple[bool, str, bool]] = Counter()
    lines = held_out_lines(seed, num, recipe, codec)
    for i in range(0, num, 8):
        batch = make_batch(lines[i : i + 8], recipe, codec, rng, drafts)
        for (_, _, grade, origin), digit in zip(batch.kinds, digits_given(model, batch, codec), strict=True):
            name = f"{origin}:{grade.kind}"
            counts[grade.right, name, digit >= ACCEPT] += 1
            counts[grade.right, f"{origin}:ALL", digit >= ACCEPT] += 1

    def shares(right: bool) -> dict[str, tuple[float, int]]:
        names = {n for r, n, _ in counts if r is right}
        totals = {n: counts[right, n, True] + counts[right, n, False] for n in names}
        return {n: (counts[right, n, True] / t, t) for n, t in totals.items()}

    return JudgeReport(shares(True), shares(False))
