"""What the scores of one process reward model say together."""

from __future__ import annotations

from dataclasses import dataclass

from specreason.evaluation.clusters import mean_of_cases
from specreason.evaluation.intervals import Interval
from specreason.evaluation.judge.worth import in_brackets
from specreason.evaluation.rewards.correlation import spearman
from specreason.evaluation.rewards.values import DecisionRewards, ModelRewards
from specreason.evaluation.scientific import np
from specreason.reasoning.steps import Decision
from specreason.words import counted

DECISIONS = tuple(Decision)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSteps:
    """The scored steps of a batch as arrays.

    `decision` is a place in DECISIONS, `draft_score` NaN where there is none, `digit` −1 where the base wrote none.
    """

    job: np.ndarray
    problem: np.ndarray
    decision: np.ndarray
    score: np.ndarray
    draft_score: np.ndarray
    digit: np.ndarray

    def judged(self) -> tuple[np.ndarray, np.ndarray]:
        """Which steps have a draft with a digit and a score, and the scores of the drafts of all."""
        is_kept = self.decision == DECISIONS.index(Decision.ACCEPTED)
        score = np.where(is_kept, self.score, self.draft_score)
        return (self.digit >= 0) & ~np.isnan(score), score


def summarize(prm: str, revision: str, steps: ScoredSteps) -> ModelRewards:
    """One model's scores. Needs one step at least."""
    both, score = steps.judged()
    problems = steps.problem[both]
    rho = spearman(steps.digit[both], score[both], problems)
    num_problems = len(np.unique(problems))
    return ModelRewards(
        prm=prm,
        revision=revision,
        num_steps=len(steps.score),
        num_jobs=len(np.unique(steps.job)),
        num_problems=len(np.unique(steps.problem)),
        num_compared=int(both.sum()),
        num_compared_problems=num_problems,
        rho=rho,
        says=_says(rho, int(both.sum()), num_problems),
        by_decision=tuple(_of(decision, steps) for decision in sorted(set(steps.decision.tolist()))),
    )


def _of(decision: int, steps: ScoredSteps) -> DecisionRewards:
    here = steps.decision == decision
    drafts = here & ~np.isnan(steps.draft_score)
    return DecisionRewards(
        decision=DECISIONS[decision],
        num_steps=int(here.sum()),
        mean=mean_of_cases(steps.score[here], steps.problem[here]),
        num_drafts=int(drafts.sum()),
        draft_mean=(
            mean_of_cases(steps.draft_score[drafts], steps.problem[drafts]) if drafts.any() else None
        ),
    )


def _says(rho: Interval | None, num_drafts: int, num_problems: int) -> str:
    """Whether the base agrees with the model, in a sentence."""
    if rho is None:
        why = (
            "no draft has both a utility score and a reward"
            if not num_drafts
            else "one of the two scores is the same for all drafts"
        )
        return f"Whether utility scores agree with the model is unknown: {why}."
    of = f"Spearman's rho {in_brackets(rho)}, {counted(num_drafts, 'draft')} of {counted(num_problems, 'problem')}"
    if rho.bounds is None:
        return f"Whether utility scores agree with the model is unknown, too few problems differ: {of}."
    low, high = rho.bounds
    if low <= 0 <= high:
        return f"Utility scores may or may not rank drafts as the model does: {of}."
    if high < 0:
        return f"Utility scores rank drafts against the model: {of}."
    return f"Utility scores rank drafts as the model does, {_how_well(rho.mean)}: {of}."


def _how_well(rho: float) -> str:
    return "weakly" if rho < 0.3 else "in part" if rho < 0.6 else "closely"
