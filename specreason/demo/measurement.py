"""What one measured run of the demo pair is reduced to, and the figures computed from many such rows.

Pure: rows in, figures out. `measure.py` makes the rows.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev

from specreason.demo.problems import Problem, Progress, advance, grade_step
from specreason.reasoning.steps import Phase, StepRecord

THRESHOLDS = (3, 5, 7, 9)


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted step: what it deserved, and what the judge gave it."""

    deserved: int
    kind: str
    digit: int | None

    @property
    def right(self) -> bool:
        return self.deserved >= 8


@dataclass(frozen=True, slots=True)
class Row:
    """One problem under one scheme, one job in flight."""

    problem: str
    scheme: str
    correct: bool
    latency_s: float
    think_tokens: int
    spent_tokens: int
    tpot_s: float | None  # of the longest completion of a baseline, after its first token
    drafts: list[Draft] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion and its 95 % Wilson interval."""

    value: float
    low: float
    high: float
    num: int


def share(hits: int, num: int) -> Share:
    if num == 0:
        return Share(math.nan, 0.0, 1.0, 0)
    p, z = hits / num, 1.96
    middle = (p + z * z / (2 * num)) / (1 + z * z / num)
    half = z / (1 + z * z / num) * math.sqrt(p * (1 - p) / num + z * z / (4 * num * num))
    return Share(round(p, 4), round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4), num)


def grade_drafts(problem: Problem, steps: Iterable[StepRecord]) -> list[Draft]:
    """Grade each draft of a trace in the context it was written in, by the problem's own rules."""
    drafts, progress = [], Progress()
    for step in steps:
        if step.phase is not Phase.THINK:
            break
        if step.draft is not None and step.verdict is not None:
            verdict = grade_step(problem, progress, step.draft.text)
            drafts.append(Draft(verdict.score, verdict.kind, step.verdict.digit))
        progress = advance(progress, grade_step(problem, progress, step.kept_text))
    return drafts


def figures(rows: Sequence[Row]) -> dict[str, object]:
    """Every figure that the pair has to meet, and what it is made of."""
    by_scheme = {s: {r.problem: r for r in rows if r.scheme == s} for s in sorted({r.scheme for r in rows})}
    result: dict[str, object] = {}
    for scheme, found in by_scheme.items():
        tpots = [r.tpot_s for r in found.values() if r.tpot_s]
        result[scheme] = {
            "pass_at_1": share(sum(r.correct for r in found.values()), len(found)),
            "mean_latency_s": round(fmean(r.latency_s for r in found.values()), 4),
            "mean_think_tokens": round(fmean(r.think_tokens for r in found.values()), 1),
            "mean_spent_tokens": round(fmean(r.spent_tokens for r in found.values()), 1),
            "tpot_ms": round(1000 * fmean(tpots), 3) if tpots else None,
        }
    base, drafter, ours = (by_scheme.get(s, {}) for s in ("base", "drafter", "specreason"))
    if base and drafter:
        result["tpot_ratio"] = round(_tpot(base.values()) / _tpot(drafter.values()), 2)
    if base and ours:
        common = sorted(base.keys() & ours.keys())
        result["speedup"] = round(
            fmean(base[p].latency_s for p in common) / fmean(ours[p].latency_s for p in common), 3
        )
        result["paired_difference"] = paired([int(ours[p].correct) - int(base[p].correct) for p in common])
        result["judge"] = judge_figures([d for r in ours.values() for d in r.drafts])
    return result


def _tpot(rows: Iterable[Row]) -> float:
    return fmean(r.tpot_s for r in rows if r.tpot_s)


def paired(differences: list[int]) -> dict[str, float]:
    """Mean difference in pass@1 over the same problems, with its 95 % interval."""
    mean = fmean(differences)
    half = 1.96 * stdev(differences) / math.sqrt(len(differences)) if len(differences) > 1 else math.inf
    return {"mean": round(mean, 4), "low": round(mean - half, 4), "high": round(mean + half, 4)}


def judge_figures(drafts: Sequence[Draft]) -> dict[str, object]:
    """Right drafts kept and wrong drafts passed at each threshold, the latter also by kind at threshold 7."""
    right = [d for d in drafts if d.right]
    wrong = [d for d in drafts if not d.right]
    accepts = {
        t: {
            "right_kept": share(sum((d.digit or 0) >= t for d in right), len(right)),
            "wrong_passed": share(sum((d.digit or 0) >= t for d in wrong), len(wrong)),
            "step_acceptance": share(sum((d.digit or 0) >= t for d in drafts), len(drafts)),
        }
        for t in THRESHOLDS
    }
    kinds = {
        kind: share(
            sum((d.digit or 0) >= 7 for d in wrong if d.kind == kind), sum(d.kind == kind for d in wrong)
        )
        for kind in sorted({d.kind for d in wrong})
    }
    return {"step_accuracy": share(len(right), len(drafts)), "thresholds": accepts, "wrong_kinds_at_7": kinds}
