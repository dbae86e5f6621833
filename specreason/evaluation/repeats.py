"""What repeats of the same problem say: pass@1, pass@k and majority@k, each with its interval over problems."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from specreason.evaluation.clusters import share_over_problems
from specreason.evaluation.intervals import Interval

MOST_SUBSETS = 1000  # of a problem's repeats; a problem with more is sampled


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A graded answer; None if the run ended without one. It then votes for nothing and is wrong."""

    text: str | None
    is_correct: bool


def pass_at_1(problems: Sequence[Sequence[bool]]) -> Interval:
    """The mean over all jobs of whether the answer is right; `problems` holds the grades of each problem's repeats."""
    graded = [grades for grades in problems if grades]
    return share_over_problems([sum(grades) for grades in graded], [len(grades) for grades in graded])


def pass_at_k(problems: Sequence[Sequence[bool]], k: int) -> Interval:
    """The chance that one of k repeats is right, without bias (Chen et al. 2021): 1 - C(n-c, k) / C(n, k).

    Problems with fewer than k grades are left out; there must be one with k.
    """
    enough = [grades for grades in problems if len(grades) >= k]
    chances = [chance_of_pass(grades, k) for grades in enough]
    return share_over_problems(chances, [1] * len(chances))


def chance_of_pass(grades: Sequence[bool], k: int) -> float:
    """The same of one problem with at least k grades."""
    return 1 - math.comb(len(grades) - sum(grades), k) / math.comb(len(grades), k)


def majority_at_k(
    problems: Sequence[Sequence[Answer]], k: int, equal: Callable[[str, str], bool]
) -> Interval:
    """The chance that the most frequent answer of k repeats is right; answers that are `equal` vote together.

    It is a mean over all choices of k among a problem's repeats, or over 1,000 of them. A tie counts in part. Problems
    with fewer than k answers are left out; there must be one with k.
    """
    enough = [answers for answers in problems if len(answers) >= k]
    chances = [chance_of_majority(answers, k, equal) for answers in enough]
    return share_over_problems(chances, [1] * len(chances))


def chance_of_majority(answers: Sequence[Answer], k: int, equal: Callable[[str, str], bool]) -> float:
    """The same of one problem with at least k answers."""
    candidates: list[Answer] = []
    votes: list[int | None] = []  # the place of each answer's candidate
    for answer in answers:
        text = answer.text
        if text is None:
            votes.append(None)
            continue
        place = next((i for i, other in enumerate(candidates) if _agree(text, other.text or "", equal)), None)
        if place is None:
            place = len(candidates)
            candidates.append(answer)
        votes.append(place)
    subsets = list(_subsets(len(answers), k))
    return sum(_winner(candidates, [votes[i] for i in subset]) for subset in subsets) / len(subsets)


def _agree(ours: str, theirs: str, equal: Callable[[str, str], bool]) -> bool:
    return ours == theirs or equal(ours, theirs)


def _subsets(n: int, k: int) -> Iterator[tuple[int, ...]]:
    if math.comb(n, k) <= MOST_SUBSETS:
        yield from combinations(range(n), k)
        return
    chance = random.Random(0)  # the same choices each time
    for _ in range(MOST_SUBSETS):
        yield tuple(chance.sample(range(n), k))


def _winner(candidates: Sequence[Answer], votes: Sequence[int | None]) -> float:
    """The share of the candidates with the most votes that are right."""
    cast = [vote for vote in votes if vote is not None]
    if not cast:
        return 0.0
    most = max(map(cast.count, cast))
    first = [candidates[vote] for vote in sorted(set(cast)) if cast.count(vote) == most]
    return sum(candidate.is_correct for candidate in first) / len(first)
