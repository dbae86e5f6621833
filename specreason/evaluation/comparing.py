"""Compares two runs problem by problem: the figures of both, over the jobs that both have, and what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import fmean

from specreason.errors import InvalidField
from specreason.evaluation.comparison import Comparison, Figure, Figures, Knob, Outcome, Outcomes, Side
from specreason.evaluation.contrasts import Parts, chances, means, parts, quantiles, scaled, shares, speedup
from specreason.evaluation.doubts import doubts
from specreason.evaluation.matching import Match, match
from specreason.evaluation.pairing import paired_shares
from specreason.evaluation.repeats import Answer, chance_of_majority, chance_of_pass
from specreason.evaluation.runs import Run, RunJob
from specreason.evaluation.saying import sentences
from specreason.evaluation.scientific import np
from specreason.words import counted

SECONDS_PER_HOUR = 3600

Pair = tuple[RunJob, RunJob]


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
    pairs = matched.pairs
    k = _chosen_k(matched, k)
    figures = _figures(matched, vote_of, k, gpu_hour_price)
    sides = (_side(a, matched, 0), _side(b, matched, 1))
    return Comparison(
        says=sentences(figures, *sides),
        warnings=doubts(a, b, matched, *sides),
        a=sides[0],
        b=sides[1],
        matched_by=matched.by,
        num_problems=len(matched.problems),
        num_pairs=len(pairs),
        k=k,
        knobs=differing_knobs(a, b),
        outcomes=_outcomes(matched),
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
        num_unmeasured=sum(job.has_ended and job.device_s is None for job in jobs),
        concurrency=fmean(known) if known else None,
        graders=dict(Counter(job.graded_by for job in jobs if job.graded_by is not None)),
    )


def _graded(pairs: Sequence[Pair]) -> list[tuple[bool, bool]]:
    return [
        (a.is_correct, b.is_correct)
        for a, b in pairs
        if a.is_correct is not None and b.is_correct is not None
    ]


def _outcomes(matched: Match) -> Outcomes:
    number = Counter(problem.outcome for problem in matched.problems)
    grades = [graded for problem in matched.problems if (graded := _graded(problem.pairs))]
    tests = None
    if grades:
        tests = paired_shares(
            [[b for _, b in each] for each in grades], [[a for a, _ in each] for each in grades]
        )
    return Outcomes(
        num_won=number[Outcome.WON],
        num_lost=number[Outcome.LOST],
        num_tied=number[Outcome.TIED],
        num_ungraded=number[Outcome.UNGRADED],
        mcnemar_p=None if tests is None else tests.mcnemar_p,
        # Drawing again from one problem says nothing.
        bootstrap_p=None if tests is None or len(grades) < 2 else tests.bootstrap_p,
    )


def _chosen_k(matched: Match, k: int | None) -> int | None:
    """The k to use; None where no problem has several graded repeats."""
    numbers = [number for problem in matched.problems if (number := len(_graded(problem.pairs)))]
    most, least = max(numbers, default=0), min(numbers, default=0)
    if k is not None and not 1 <= k <= most:
        has = f"at most {counted(most, 'graded repeat')}" if most else "no graded repeat"
        raise InvalidField("k", f"must be 1 to {max(most, 1)}: a matched problem has {has} in both (got {k})")
    if k is None:
        k = least
    return k if k > 1 else None


def _figures(
    matched: Match, vote_of: Callable[[str], str], k: int | None, gpu_hour_price: float | None
) -> Figures:
    pairs = matched.pairs
    problems = np.repeat(np.arange(len(matched.problems)), [len(each.pairs) for each in matched.problems])

    def of(value: Callable[[RunJob], float | None]) -> tuple[np.ndarray, np.ndarray]:
        """A value of each job, by pair."""
        columns = ([value(pair[place]) for pair in pairs] for place in (0, 1))
        a, b = (np.array(column, dtype=float) for column in columns)
        return a, b

    latencies = of(lambda job: job.latency_s if job.is_timed else None)
    right = of(lambda job: job.is_correct)
    kept, spent, device = (
        of(lambda job: job.kept_tokens),
        of(lambda job: job.spent_tokens),
        of(lambda job: job.device_s),
    )
    thinking, drafted = of(lambda job: job.num_thinking), of(lambda job: job.num_drafted)
    accepted = of(lambda job: job.num_accepted)
    steps, tokens = of(lambda job: job.num_by_drafter), of(lambda job: job.drafter_tokens)
    device_s = means(problems, *device)
    per_right = parts(problems, _parts(device, right), is_share=False)
    passes, majorities = _at_k(matched, vote_of, k)
    return Figures(
        pass_at_1=shares(problems, *right),
        pass_at_k=passes,
        majority_at_k=majorities,
        latency_s=means(problems, *latencies),
        latency_p50_s=quantiles(problems, *latencies, 0.5),
        latency_p95_s=quantiles(problems, *latencies, 0.95),
        speedup=speedup(problems, *latencies),
        kept_tokens=means(problems, *kept),
        spent_tokens=means(problems, *spent),
        wasted_tokens=means(problems, spent[0] - kept[0], spent[1] - kept[1]),
        device_s=device_s,
        device_s_per_right_answer=per_right,
        price=_priced(device_s, gpu_hour_price),
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
