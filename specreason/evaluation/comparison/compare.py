"""Compares two runs problem by problem: the figures of both, over the jobs that both have, and what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from statistics import fmean

from specreason.errors import InvalidField
from specreason.evaluation.comparison.contrasts import (
    Parts,
    chances,
    means,
    parts,
    quantiles,
    scaled,
    shares,
    speedup,
)
from specreason.evaluation.comparison.doubts import doubts
from specreason.evaluation.comparison.matching import Match, match
from specreason.evaluation.comparison.saying import sentences
from specreason.evaluation.comparison.values import Comparison, Figure, Figures, Knob, Outcomes, Side
from specreason.evaluation.pairing import bootstrap_p, mcnemar_p
from specreason.evaluation.repeats import Answer, chance_of_majority, chance_of_pass
from specreason.evaluation.runs import Run, RunJob
from specreason.evaluation.scientific import np
from specreason.words import counted

SECONDS_PER_HOUR = 3600


def compare(
    a: Run,
    b: Run,
    *,
    vote_of: Callable[[str], str] = str.strip,
    k: int | None = None,
    gpu_hour_price: float | None = None,
) -> Comparison:
    """Compare B with A. `vote_of` is the same for answers that are equal; `k` is that of pass@k and majority@k.

    By default k is the number of graded repeats that every matched problem has in both. Raises InputError if no
    problem matches, and InvalidField for a k that no problem has repeats for.
    """
    matched = match(a, b)
    jobs = _Jobs(matched)
    k = _chosen_k(jobs, k)
    figures = _figures(matched, jobs, vote_of, k, gpu_hour_price)
    sides = (_side(a, matched, 0), _side(b, matched, 1))
    return Comparison(
        says=sentences(figures, *sides),
        warnings=doubts(a, b, matched, *sides),
        a=sides[0],
        b=sides[1],
        matched_by=matched.by,
        num_problems=len(matched.problems),
        num_pairs=len(jobs.problems),
        k=k,
        knobs=differing_knobs(a, b),
        outcomes=_outcomes(jobs),
        figures=figures,
    )


def differing_knobs(a: Run, b: Run) -> tuple[Knob, ...]:
    """The knobs with other values, by name; the pair of models comes first, as if it were one."""
    found = [] if a.pair == b.pair else [Knob(name="pair", a=a.pair, b=b.pair)]
    for name in sorted({*a.config, *b.config}):
        ours, theirs = a.config.get(name), b.config.get(name)
        if ours != theirs:
            found.append(Knob(name=name, a=ours, b=theirs))
    return tuple(found)


def _side(run: Run, matched: Match, place: int) -> Side:
    jobs = [pair[place] for pair in matched.pairs]
    timed = [pair[place] for pair in matched.pairs if pair[0].is_timed and pair[1].is_timed]
    known = [job.concurrency for job in timed if job.concurrency is not None]
    return Side(
        batch_id=run.batch_id,
        name=run.name,
        pair=run.pair,
        scheme=str(run.config.get("scheme", "")),
        created_at=run.created_at,
        num_problems=len(run.problems),
        num_jobs=len(run.jobs),
        num_problems_left_out=len(run.problems) - len(matched.problems),
        num_jobs_left_out=len(run.jobs) - len(jobs),
        num_open=sum(not job.has_ended for job in jobs),
        num_unsuccessful=sum(job.has_ended and job.state != "succeeded" for job in jobs),
        num_to_grade=sum(job.state == "succeeded" and job.is_gradable and not job.is_final for job in jobs),
        num_resumed=sum(job.state == "succeeded" and job.resumed for job in jobs),
        num_unmeasured=sum(job.has_ended and job.gpu_s is None for job in jobs),
        concurrency=fmean(known) if known else None,
        graders=dict(Counter(job.graded_by for job in jobs if job.graded_by is not None)),
    )


class _Jobs:
    """The pairs of jobs of a match, in columns. `problems` has the number of each pair's problem."""

    def __init__(self, matched: Match) -> None:
        numbers = [len(each.pairs) for each in matched.problems]
        self.num_problems = len(numbers)
        self.problems = np.repeat(np.arange(len(numbers)), numbers)
        self._sides = [[pair[place] for pair in matched.pairs] for place in (0, 1)]
        self.right = self.of(lambda job: job.is_correct)

    def of(self, value: Callable[[RunJob], float | None]) -> tuple[np.ndarray, np.ndarray]:
        """A value of A's and of B's jobs, NaN where it is unknown."""
        a, b = (np.array([value(job) for job in side], dtype=float) for side in self._sides)
        return a, b

    def graded(self) -> tuple[np.ndarray, np.ndarray]:
        """By problem, the repeats with a grade in both, and how many more of them are right in B."""
        known = ~np.isnan(self.right[0] + self.right[1])
        numbers = np.bincount(self.problems[known], minlength=self.num_problems)
        more = (self.right[1] - self.right[0])[known]
        return numbers, np.bincount(self.problems[known], weights=more, minlength=self.num_problems)


def _outcomes(jobs: _Jobs) -> Outcomes:
    numbers, more = jobs.graded()
    graded = more[numbers > 0]
    won, lost = int((graded > 0).sum()), int((graded < 0).sum())
    return Outcomes(
        num_won=won,
        num_lost=lost,
        num_tied=len(graded) - won - lost,
        num_ungraded=jobs.num_problems - len(graded),
        # One problem says nothing of others.
        mcnemar_p=mcnemar_p(won, lost) if len(graded) > 1 else None,
        bootstrap_p=bootstrap_p(graded) if len(graded) > 1 else None,
    )


def _chosen_k(jobs: _Jobs, k: int | None) -> int | None:
    """The k to use; None where no problem has several graded repeats."""
    numbers, _ = jobs.graded()
    most = int(numbers.max())
    if k is not None and not 1 <= k <= most:
        has = f"at most {counted(most, 'graded repeat')}" if most else "no graded repeat"
        raise InvalidField("k", f"must be 1 to {max(most, 1)}: a matched problem has {has} in both (got {k})")
    if k is None:
        k = int(numbers[numbers > 0].min()) if most else 0
    return k if k > 1 else None


def _figures(
    matched: Match, jobs: _Jobs, vote_of: Callable[[str], str], k: int | None, gpu_hour_price: float | None
) -> Figures:
    problems = jobs.problems
    latencies = jobs.of(lambda job: job.latency_s if job.is_timed else None)
    kept, spent = jobs.of(lambda job: job.kept_tokens), jobs.of(lambda job: job.spent_tokens)
    wasted = (spent[0] - kept[0], spent[1] - kept[1])
    device = jobs.of(lambda job: job.gpu_s)
    accepted, drafted = jobs.of(lambda job: job.num_accepted), jobs.of(lambda job: job.num_drafted)
    steps, thinking = jobs.of(lambda job: job.num_by_drafter), jobs.of(lambda job: job.num_thinking)
    tokens = jobs.of(lambda job: job.drafter_tokens)
    gpu_s = means(problems, *device)
    per_right = parts(problems, _parts(device, jobs.right), is_share=False)
    passes, majorities = _at_k(matched, vote_of, k)
    return Figures(
        pass_at_1=shares(problems, *jobs.right),
        pass_at_k=passes,
        majority_at_k=majorities,
        latency_s=means(problems, *latencies),
        latency_p50_s=quantiles(problems, *latencies, 0.5),
        latency_p95_s=quantiles(problems, *latencies, 0.95),
        speedup=speedup(problems, *latencies),
        kept_tokens=means(problems, *kept),
        spent_tokens=means(problems, *spent),
        wasted_tokens=means(problems, *wasted),
        gpu_s=gpu_s,
        gpu_s_per_right_answer=per_right,
        price=_priced(gpu_s, gpu_hour_price),
        price_per_right_answer=_priced(per_right, gpu_hour_price),
        step_acceptance=parts(problems, _parts(accepted, drafted), is_share=True),
        drafter_steps=parts(problems, _parts(steps, thinking), is_share=True),
        drafter_tokens=parts(problems, _parts(tokens, kept), is_share=True),
    )


def _parts(part: tuple[np.ndarray, np.ndarray], whole: tuple[np.ndarray, np.ndarray]) -> Parts:
    return Parts(part[0], whole[0], part[1], whole[1])


def _priced(figure: Figure | None, gpu_hour_price: float | None) -> Figure | None:
    """Device seconds as a price."""
    if figure is None or gpu_hour_price is None:
        return None
    factor = gpu_hour_price / SECONDS_PER_HOUR
    return Figure(
        a=scaled(figure.a, factor),
        b=scaled(figure.b, factor),
        difference=scaled(figure.difference, factor),
        ratio=figure.ratio,
        num_problems=figure.num_problems,
        num_jobs=figure.num_jobs,
    )


def _at_k(
    matched: Match, vote_of: Callable[[str], str], k: int | None
) -> tuple[Figure | None, Figure | None]:
    """pass@k and majority@k: a chance of each problem with k graded repeats in both."""
    if k is None:
        return None, None
    columns: tuple[list[float], ...] = ([], [], [], [])
    num_jobs = 0
    for problem in matched.problems:
        graded = [pair for pair in problem.pairs if None not in (pair[0].is_correct, pair[1].is_correct)]
        if len(graded) < k:
            continue
        num_jobs += len(graded)
        for place in (0, 1):
            answers = [_answer(pair[place], vote_of) for pair in graded]
            columns[place].append(chance_of_pass([answer.is_correct for answer in answers], k))
            columns[2 + place].append(chance_of_majority(answers, k, _never))
    a, b, majority_a, majority_b = map(np.array, columns)
    return chances(a, b, num_jobs), chances(majority_a, majority_b, num_jobs)


def _answer(job: RunJob, vote_of: Callable[[str], str]) -> Answer:
    """The job's vote. Right answers equal the gold answer, and so each other."""
    text = None if job.answer is None else "" if job.is_correct else f"wrong: {vote_of(job.answer)}"
    return Answer(text=text, is_correct=bool(job.is_correct))


def _never(ours: str, theirs: str) -> bool:
    """Votes are the same text where answers are equal."""
    return False
