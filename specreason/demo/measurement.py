"""The figures of the demo pair, computed from many measured jobs. Pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from specreason.demo.measured_job import Draft, MeasuredJob
from specreason.evaluation.clusters import mean_over_problems
from specreason.evaluation.intervals import wilson

THRESHOLDS = (3, 5, 7, 9)


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion of `num`, and its 95 % interval."""

    value: float
    low: float
    high: float
    num: int


def share(hits: int, num: int) -> Share:
    """`hits` of `num` with Wilson's interval; NaN between 0 and 1 of none."""
    if num == 0:
        return Share(math.nan, 0.0, 1.0, 0)
    low, high = wilson(hits / num, num)
    return Share(round(hits / num, 4), round(low, 4), round(high, 4), num)


def figures(jobs: Sequence[MeasuredJob]) -> dict[str, object]:
    """Every figure that the pair has to meet, and what it is made of."""
    by_arm = {arm: {j.problem: j for j in jobs if j.arm == arm} for arm in sorted({j.arm for j in jobs})}
    result: dict[str, object] = {}
    for arm, of_arm in by_arm.items():
        tpots = [j.tpot_s for j in of_arm.values() if j.tpot_s]
        result[arm] = {
            "pass_at_1": share(sum(j.correct for j in of_arm.values()), len(of_arm)),
            "mean_latency_s": round(fmean(j.latency_s for j in of_arm.values()), 4),
            "mean_think_tokens": round(fmean(j.kept_tokens for j in of_arm.values()), 1),
            "mean_spent_tokens": round(fmean(j.spent_tokens for j in of_arm.values()), 1),
            "tpot_ms": round(1000 * fmean(tpots), 3) if tpots else None,
        }
    base, drafter, speculating = (by_arm.get(arm, {}) for arm in ("base", "drafter", "specreason"))
    if base and drafter:
        result["tpot_ratio"] = round(_tpot(base.values()) / _tpot(drafter.values()), 2)
    if base and speculating:
        common = sorted(base.keys() & speculating.keys())
        result["speedup"] = round(
            fmean(base[p].latency_s for p in common) / fmean(speculating[p].latency_s for p in common), 3
        )
        result["paired_difference"] = paired(
            [int(speculating[p].correct) - int(base[p].correct) for p in common]
        )
        result["judge"] = judge_figures([d for j in speculating.values() for d in j.drafts])
    return result


def _tpot(jobs: Iterable[MeasuredJob]) -> float:
    return fmean(j.tpot_s for j in jobs if j.tpot_s)


def paired(differences: Sequence[int]) -> dict[str, float | None]:
    """Mean difference in pass@1 over the same problems, with its 95 % interval: None where all are equal."""
    interval = mean_over_problems(differences, [1] * len(differences))
    low, high = interval.bounds or (None, None)
    return {
        "mean": round(interval.mean, 4),
        "low": None if low is None else round(low, 4),
        "high": None if high is None else round(high, 4),
    }


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
