"""What each batch of `benchmarks.threshold_replay` predicts of the others, against what these measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from specreason.evaluation.judge.drafts import JudgedBatch
from specreason.evaluation.judge.judgement import Rule
from specreason.evaluation.judge.judging import judge, present_rule
from specreason.evaluation.judge.replay import Replayer

RESAMPLES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A figure as predicted and as measured, and the error with its interval."""

    predicted: float
    measured: float
    error: float
    low: float
    high: float


def compare(batches: Sequence[JudgedBatch], chosen: Rule) -> dict[str, Any]:
    """What each batch predicts of the others, against what these measured. `chosen` is the rule of one of them.

    `arms` has the predictions from that batch, `errors` those from all.
    """
    rules = [rule for batch in batches if (rule := present_rule(batch.config)) is not None]
    num_problems = 1 + max(int(batch.jobs.problem.max(initial=-1)) for batch in batches)
    tables = [_Table(batch, rules, num_problems) for batch in batches]
    errors: dict[str, dict[str, list[float]]] = {}
    arms: dict[str, Any] = {}
    for source, rule in zip(tables, rules, strict=True):
        for target, wanted in zip(tables, rules, strict=True):
            if source is target:
                continue
            acceptance, latency = source.predicts(wanted, target)
            errors.setdefault(name_of(rule), {})[name_of(wanted)] = [
                round(acceptance.error, 4),
                round(latency.error, 4),
            ]
            if rule == chosen:
                arms[name_of(wanted)] = {
                    "acceptance": _rounded(acceptance),
                    "latency_s": _rounded(latency),
                }
    own = judge(batches[rules.index(chosen)])
    return {
        "predicted_from": name_of(chosen),
        "arms": arms,
        "largest_acceptance_error": max(abs(each["acceptance"]["error"]) for each in arms.values()),
        "largest_latency_error": max(abs(each["latency_s"]["error"]) for each in arms.values()),
        "errors": errors,
        "summary": own.summary,
    }


class _Table:
    """Sums by problem: of a batch as measured, and as replayed under each of the rules.

    The latency is NaN where a problem has no job that was timed.
    """

    def __init__(self, batch: JudgedBatch, rules: Sequence[Rule], num_problems: int) -> None:
        replayer = Replayer(batch, rules[0], overlap=batch.config.overlap)
        problem_of_draft, problem = batch.jobs.problem[batch.drafts.job], batch.jobs.problem

        def summed(values: np.ndarray, of: np.ndarray) -> np.ndarray:
            return np.bincount(of, weights=values, minlength=num_problems)

        def of_jobs(values: np.ndarray) -> np.ndarray:
            has_job = np.bincount(problem, minlength=num_problems) > 0
            return np.where(has_job, summed(values, problem), np.nan)

        self.drafts = summed(np.ones(len(batch.drafts)), problem_of_draft)
        self.kept = summed(batch.drafts.is_accepted, problem_of_draft)
        self.latency_s = of_jobs(batch.jobs.latency_s)
        self.replayed: dict[Rule, tuple[np.ndarray, np.ndarray]] = {}
        for rule in rules:
            found = replayer.replayed(rule)
            assert found.latency_s is not None
            self.replayed[rule] = (
                summed(found.is_kept, problem_of_draft),
                of_jobs(found.latency_s),
            )

    def predicts(self, rule: Rule, target: _Table) -> tuple[Compared, Compared]:
        """Acceptance and latency over the problems that are timed in both batches."""
        kept, latency_s = self.replayed[rule]
        here = np.flatnonzero(~np.isnan(latency_s) & ~np.isnan(target.latency_s))
        drawn = np.random.default_rng(0).choice(here, (RESAMPLES, len(here)))

        def acceptance(problems: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            predicted = kept[problems].sum(-1) / self.drafts[problems].sum(-1)
            return predicted, target.kept[problems].sum(-1) / target.drafts[problems].sum(-1)

        def latency(problems: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return latency_s[problems].mean(-1), target.latency_s[problems].mean(-1)

        def compared(figure: Any, error: Any) -> Compared:
            predicted, measured = figure(here)
            low, high = np.quantile(error(*figure(drawn)), (0.025, 0.975))
            return Compared(
                predicted=float(predicted),
                measured=float(measured),
                error=float(error(predicted, measured)),
                low=float(low),
                high=float(high),
            )

        return (
            compared(acceptance, lambda predicted, measured: predicted - measured),
            compared(latency, lambda predicted, measured: predicted / measured - 1),
        )


def _rounded(compared: Compared) -> dict[str, float]:
    return {
        name: round(getattr(compared, name), 4) for name in ("predicted", "measured", "error", "low", "high")
    }


def name_of(rule: Rule) -> str:
    return f"{rule.score_method}@{rule.threshold:g}"
