"""Threshold replay: what another threshold or score method would have done with the drafts of a batch. An estimate.

The drafts are decided anew from their stored scores, step by step. Of a step that is decided as it was, every second is
as measured. A draft that is now kept saves what the base wrote in place of it; one that is now rejected costs the time
of its tokens, as the base took it in the same batch. With overlap the draft behind a kept one runs beside the verdict,
and the draft behind a rejected one does not. Verdicts are the same: `ASSUMPTION` says what this leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass

from specreason.config import ScoreMethod
from specreason.evaluation.clusters import mean_over_problems, ratio_of_means
from specreason.evaluation.intervals import Interval
from specreason.evaluation.judge.drafts import Drafts, Graded, Jobs, JudgedBatch, Written, share
from specreason.evaluation.judge.judgement import ASSUMPTION, Estimate, Replay, Rule, StepCosts
from specreason.evaluation.judge.thresholds import Alike, differing
from specreason.evaluation.scientific import np


def replay(batch: JudgedBatch, present: Rule, *, overlap: bool, asked: Rule | None = None) -> Replay:
    """Every rule that differs, and the one that `asked` names. There is at least one draft."""
    replayer = Replayer(batch, present, overlap=overlap)

    def all_of(method: ScoreMethod) -> tuple[Estimate, ...]:
        own = present.threshold if present.score_method is method else None
        return tuple(
            replayer.estimate(Rule(score_method=method, threshold=alike.threshold), alike)
            for alike in differing(batch.drafts.scores(method), method, own)
        )

    timed = replayer.timed
    concurrency = batch.jobs.concurrency[timed & ~np.isnan(batch.jobs.concurrency)]
    return Replay(
        present=present,
        num_timed=int(timed.sum()),
        concurrency=float(concurrency.mean()) if len(concurrency) else None,
        costs=replayer.costs,
        num_unlike=int((decisions(batch.drafts, present) != batch.drafts.is_accepted).sum()),
        by_digit=all_of(ScoreMethod.GREEDY),
        by_expected_score=all_of(ScoreMethod.EXPECTED),
        asked=None if asked is None else replayer.estimate(asked),
        assumption=ASSUMPTION,
    )


def decisions(drafts: Drafts, rule: Rule) -> np.ndarray:
    """Whether the rule keeps each draft. No digit rejects it."""
    kept: np.ndarray = drafts.scores(rule.score_method) >= rule.threshold
    return kept


def step_costs(drafts: Drafts, written: Written) -> StepCosts | None:
    """What steps cost in a batch; None if the base wrote nothing after a first token."""
    if not written.num_calls or not written.tokens_after:
        return None
    rejected = ~drafts.is_accepted
    in_place, of_drafts = drafts.written_tokens[rejected].sum(), drafts.tokens[rejected].sum()
    # The device time of verdicts alone is that of kept drafts.
    alone = drafts.base_device_s[drafts.is_accepted]
    verdict_s = float(alone.mean()) if len(alone) and not np.isnan(drafts.base_device_s).any() else None
    wrote_s = drafts.base_device_s[rejected].sum() - (verdict_s or 0.0) * rejected.sum()
    drafter_s = drafts.drafter_device_s.sum() / max(drafts.latency_s.sum(), 1e-9)
    return StepCosts(
        base_ttft_s=written.ttft_s / written.num_calls,
        base_token_s=written.after_s / written.tokens_after,
        verify_s=float(drafts.verify_s.mean()),
        draft_s=float(drafts.latency_s.mean()),
        ahead_s=float(drafts.ahead_s.mean()),
        length_ratio=float(in_place / of_drafts) if in_place and of_drafts else 1.0,
        verdict_device_s=verdict_s,
        base_token_device_s=(
            max(0.0, float(wrote_s / in_place)) if verdict_s is not None and in_place else None
        ),
        draft_device_share=None if np.isnan(drafter_s) else float(drafter_s),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Replayed:
    """A batch under a rule: whether each draft is kept, and the tokens that the base writes in place of the others.

    Seconds are of jobs, NaN where a job's are not known; None where the costs of steps are not.
    """

    is_kept: np.ndarray
    rewritten_tokens: float
    latency_s: np.ndarray | None
    device_s: np.ndarray | None


class Replayer:
    """Replays one batch under any number of rules."""

    def __init__(self, batch: JudgedBatch, present: Rule, *, overlap: bool) -> None:
        self._drafts, self._jobs, self._graded = batch.drafts, batch.jobs, batch.graded
        self._present = present
        self._overlap = overlap
        self.costs = step_costs(batch.drafts, batch.written)
        self.timed = ~np.isnan(batch.jobs.latency_s)
        drafts, job, position = batch.drafts, batch.drafts.job, batch.drafts.position
        # Whether the draft after this one in the arrays is that of the next step of the same job.
        self._leads = np.append((job[1:] == job[:-1]) & (position[1:] == position[:-1] + 1), False)
        ratio = self.costs.length_ratio if self.costs is not None else 1.0
        # What the base writes in place of a draft, or wrote.
        self._tokens = np.where(drafts.is_accepted, drafts.tokens * ratio, drafts.written_tokens)
        # What changes with a draft that is decided otherwise than it was.
        self._latency_change_s = self._latency_if_changed()
        self._device_change_s = self._device_if_changed()

    def replayed(self, rule: Rule) -> Replayed:
        """The batch under the rule."""
        kept = decisions(self._drafts, rule)
        changed = np.flatnonzero(kept != self._drafts.is_accepted)
        adds = (~kept[changed]).any()
        unknown = self.costs is None or (adds and self.costs.base_token_device_s is None)
        return Replayed(
            is_kept=kept,
            rewritten_tokens=float(self._tokens[~kept].sum()),
            latency_s=self._with_changes(self._jobs.latency_s, self._latency_change_s, changed),
            device_s=(
                None if unknown else self._with_changes(self._jobs.device_s, self._device_change_s, changed)
            ),
        )

    def estimate(self, rule: Rule, alike: Alike | None = None) -> Estimate:
        """The figures of a rule, for all thresholds that decide as it does."""
        found, drafts, jobs = self.replayed(rule), self._drafts, self._jobs
        acceptance = share(found.is_kept, jobs.problem[drafts.job])
        assert acceptance is not None
        return Estimate(
            rule=rule,
            low=alike.low if alike is not None else rule.threshold,
            high=alike.high if alike is not None else rule.threshold,
            is_present=rule == self._present,
            num_changed=int((found.is_kept != drafts.is_accepted).sum()),
            num_accepted=int(found.is_kept.sum()),
            acceptance=acceptance,
            rewritten_tokens=found.rewritten_tokens,
            latency_s=_mean(found.latency_s, jobs),
            latency_ratio=_ratio(found.latency_s, jobs),
            device_s=_mean(found.device_s, jobs),
            right_accepted=_kept(found.is_kept, self._graded, 1),
            wrong_accepted=_kept(found.is_kept, self._graded, 0),
        )

    def _latency_if_changed(self) -> np.ndarray | None:
        """The seconds that each draft would add or save."""
        if self.costs is None:
            return None
        drafts = self._drafts
        anew_s = self.costs.base_ttft_s + np.maximum(self._tokens - 1, 0) * self.costs.base_token_s
        # The wait for the draft of the next step: beside the verdict behind a kept draft, after it behind another.
        then_s, then_ahead_s = np.roll(drafts.latency_s, -1), np.roll(drafts.ahead_s, -1)
        waits_s = np.where(self._leads, np.minimum(then_ahead_s, then_s), 0.0)
        return np.where(drafts.is_accepted, anew_s + waits_s, -drafts.written_s - self._beside_s())

    def _device_if_changed(self) -> np.ndarray | None:
        """The same in device time. A draft ahead that is thrown away costs what it has used until the verdict."""
        costs, drafts = self.costs, self._drafts
        if costs is None or costs.verdict_device_s is None or costs.draft_device_share is None:
            return None
        wrote_s = np.maximum(drafts.base_device_s - costs.verdict_device_s, 0.0)
        anew_s = self._tokens * (costs.base_token_device_s or 0.0)
        thrown_away_s = self._beside_s() * costs.draft_device_share
        return np.where(drafts.is_accepted, anew_s + thrown_away_s, -wrote_s - thrown_away_s)

    def _beside_s(self) -> np.ndarray:
        """The seconds that the next step's draft would run beside each verdict, if it ran ahead."""
        if not self._overlap:
            return np.zeros(len(self._drafts))
        then_s = np.roll(self._drafts.latency_s, -1)
        return np.where(self._leads, np.minimum(then_s, self._drafts.verify_s), 0.0)

    def _with_changes(
        self, measured_s: np.ndarray, change_s: np.ndarray | None, changed: np.ndarray
    ) -> np.ndarray | None:
        """Seconds of each job with the changes of its drafts."""
        if change_s is None:
            return None
        of_job = self._drafts.job[changed]
        by_job = np.bincount(of_job, weights=change_s[changed], minlength=len(measured_s))
        seconds: np.ndarray = np.maximum(measured_s + by_job, 0.0)
        return seconds


def _mean(values: np.ndarray | None, jobs: Jobs) -> Interval | None:
    """The mean over the jobs that have the figure; None without one."""
    if values is None or np.isnan(values).all():
        return None
    return mean_over_problems(*_sums(values, jobs))


def _ratio(latency_s: np.ndarray | None, jobs: Jobs) -> Interval | None:
    """The ratio of a rule's latencies to the measured ones."""
    if latency_s is None or np.isnan(latency_s).all():
        return None
    return ratio_of_means(_sums(latency_s, jobs)[0], _sums(jobs.latency_s, jobs)[0])


def _sums(values: np.ndarray, jobs: Jobs) -> tuple[np.ndarray, np.ndarray]:
    """By problem: the sum of a figure of its jobs, and how many of them have it. There is one at least."""
    known = ~np.isnan(values)
    counts = np.bincount(jobs.problem[known])
    here = counts > 0
    return np.bincount(jobs.problem[known], weights=values[known])[here], counts[here]


def _kept(is_kept: np.ndarray, graded: Graded | None, is_right: int) -> float | None:
    """The share of right drafts, or of wrong ones, that are kept."""
    if graded is None:
        return None
    of_these = is_kept[graded.is_right == is_right]
    return float(of_these.mean()) if len(of_these) else None
