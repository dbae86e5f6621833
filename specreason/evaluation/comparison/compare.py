"""Compares two runs problem by problem: the figures of both, over the jobs that both have, and what they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from specreason.errors import InvalidField
from specreason.evaluation.clusters import variance_of_difference
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
from specreason.evaluation.comparison.knobs import differing_knobs
from specreason.evaluation.comparison.matching import Match, match
from specreason.evaluation.comparison.pairs import Pairs
from specreason.evaluation.comparison.saying import sentences
from specreason.evaluation.comparison.values import Comparison, Figure, Figures, Outcome, Outcomes
from specreason.evaluation.cost import price_of
from specreason.evaluation.pairing import bootstrap_p, mcnemar_p
from specreason.evaluation.repeats import Answer, chance_of_majority, chance_of_pass, voting
from specreason.evaluation.runs import Run
from specreason.evaluation.scientific import np
from specreason.words import counted


def compare(
    a: Run,
    b: Run,
    *,
    vote_of: Callable[[str], str] = str.strip,
    k: int | None = None,
    gpu_hour_price: float | None = None,
) -> Comparison:
    """Compare B with A. `vote_of` is the same for answers that are equal; `k` is that of pass@k and majority@k.

    By default k is the usual number of graded repeats that a matched problem has in both. Raises InputError if no
    problem matches, and InvalidField for a k that no problem has repeats for.
    """
    matched = match(a, b)
    pairs = Pairs(a, b, matched)
    k = _chosen_k(matched, k)
    figures = _figures(matched, pairs, vote_of, k, gpu_hour_price)
    sides = (pairs.side(0), pairs.side(1))
    return Comparison(
        says=sentences(figures, *sides, variance=_variance(matched)),
        warnings=doubts(pairs, matched, *sides),
        a=sides[0],
        b=sides[1],
        matched_by=matched.by,
        num_problems=len(matched.problems),
        num_pairs=len(matched.pairs),
        k=k,
        knobs=differing_knobs(a, b),
        outcomes=_outcomes(matched),
        figures=figures,
    )


def _outcomes(matched: Match) -> Outcomes:
    number = Counter(grades.outcome for grades in matched.grades)
    won, lost = number[Outcome.WON], number[Outcome.LOST]
    more = [grades.more for grades in matched.grades if grades.num]
    return Outcomes(
        num_won=won,
        num_lost=lost,
        num_tied=number[Outcome.TIED],
        num_ungraded=number[Outcome.UNGRADED],
        # One problem says nothing of others.
        mcnemar_p=mcnemar_p(won, lost) if len(more) > 1 else None,
        bootstrap_p=bootstrap_p(more) if len(more) > 1 else None,
    )


def _variance(matched: Match) -> float | None:
    """That of a problem's difference in right answers; None without grades."""
    graded = [grades for grades in matched.grades if grades.num]
    if not graded:
        return None
    return variance_of_difference([each.more for each in graded], [each.num for each in graded])


def _chosen_k(matched: Match, k: int | None) -> int | None:
    """The k to use; None for 1, where pass@k and majority@k are pass@1."""
    of_problems = Counter(grades.num for grades in matched.grades if grades.num)
    most = max(of_problems, default=0)
    if k is not None and not 1 <= k <= most:
        has = f"at most {counted(most, 'graded repeat')}" if most else "no graded repeat"
        raise InvalidField("k", f"must be 1 to {max(most, 1)}: a matched problem has {has} in both (got {k})")
    if k is None:
        k = max(of_problems, key=lambda number: (of_problems[number], number), default=1)
    return k if k > 1 else None


def _figures(
    matched: Match, pairs: Pairs, vote_of: Callable[[str], str], k: int | None, gpu_hour_price: float | None
) -> Figures:
    problems, latencies = pairs.problems, pairs.latency_s
    kept, spent, tokens = (pairs.measured(name) for name in ("kept_tokens", "spent_tokens", "drafter_tokens"))
    wasted = (spent[0] - kept[0], spent[1] - kept[1])
    accepted, drafted = pairs.measured("num_accepted"), pairs.measured("num_drafted")
    steps, thinking = pairs.measured("num_by_drafter"), pairs.measured("num_thinking")
    gpu_s = means(problems, *pairs.gpu_s)
    per_right = parts(problems, _parts(pairs.all_gpu_s, pairs.all_right), is_share=False)
    passes, majorities = _at_k(matched, pairs, vote_of, k)
    return Figures(
        pass_at_1=shares(problems, *pairs.right),
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
    """GPU-seconds as a price."""
    factor = price_of(1.0, gpu_hour_price)
    if figure is None or factor is None:
        return None
    return Figure(
        a=scaled(figure.a, factor),
        b=scaled(figure.b, factor),
        difference=scaled(figure.difference, factor),
        ratio=figure.ratio,
        num_problems=figure.num_problems,
        num_jobs=figure.num_jobs,
    )


def _at_k(
    matched: Match, pairs: Pairs, vote_of: Callable[[str], str], k: int | None
) -> tuple[Figure | None, Figure | None]:
    """pass@k and majority@k: a chance of each problem with k graded repeats in both."""
    if k is None:
        return None, None
    a, b = pairs.runs
    votes: dict[tuple[str | None, bool], Answer] = {}  # equal ones are one object
    answers: dict[int, tuple[list[Answer], list[Answer]]] = {}
    for number, place, other in matched.pairs:
        if a.jobs["is_correct"][place] is None or b.jobs["is_correct"][other] is None:
            continue
        both = answers.setdefault(number, ([], []))
        for side, jobs, at in ((both[0], a.jobs, place), (both[1], b.jobs, other)):
            given = (jobs["answer"][at], bool(jobs["is_correct"][at]))
            if given not in votes:
                votes[given] = voting(*given, vote_of)
            side.append(votes[given])
    enough = [both for both in answers.values() if len(both[0]) >= k]
    num_jobs = sum(len(ours) for ours, _ in enough)
    passed = [[chance_of_pass([each.is_correct for each in side], k) for side in both] for both in enough]
    agreed = [[chance_of_majority(side, k) for side in both] for both in enough]
    passes, majorities = np.array(passed).T, np.array(agreed).T
    return chances(passes[0], passes[1], num_jobs), chances(majorities[0], majorities[1], num_jobs)
