"""What repeats of the same problem say: pass@1, pass@k and majority@k, each with its interval over problems."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from specreason.evaluation.clusters import share_of, share_over_problems
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import np


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A graded answer; None if the run ended without one. It then votes for nothing and is wrong."""

    text: str | None
    is_correct: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AtK:
    """pass@k or majority@k over the `num_problems` problems that have k repeats. Each problem weighs the same."""

    k: int
    share: Interval
    num_problems: int


def pass_at_1(problems: Sequence[Sequence[bool]]) -> Interval | None:
    """The mean over all jobs of whether the answer is right: the grades of each problem's repeats. None without one."""
    graded = [grades for grades in problems if grades]
    if not graded:
        return None
    return share_over_problems([sum(grades) for grades in graded], [len(grades) for grades in graded])


def pass_at_k(problems: Sequence[Sequence[bool]], k: int) -> AtK | None:
    """The chance that one of k repeats is right, without bias (Chen et al. 2021): 1 - C(n-c, k) / C(n, k).

    Problems with fewer than k grades are left out. None if all have.
    """
    enough = [grades for grades in problems if len(grades) >= k]
    chances = [chance_of_pass(grades, k) for grades in enough]
    return _at_k(chances, sum(map(len, enough)), k)


def chance_of_pass(grades: Sequence[bool], k: int) -> float:
    """The same of one problem, which has k grades at least."""
    return 1 - math.comb(len(grades) - sum(grades), k) / math.comb(len(grades), k)


def pass_at_each_k(problems: Sequence[Sequence[bool]]) -> tuple[AtK, ...]:
    """pass@k for k = 1, 2, 4, … up to the most repeats that a problem has, and for these."""
    found = (pass_at_k(problems, k) for k in each_k(problems))
    return tuple(at_k for at_k in found if at_k is not None)


def majority_at_k(
    problems: Sequence[Sequence[Answer]], k: int, equal: Callable[[str, str], bool]
) -> AtK | None:
    """The chance that the most frequent answer of k repeats is right; answers that are `equal` vote together.

    It is the exact mean over all choices of k among a problem's repeats. Of answers with equally many votes each wins
    as often. Problems with fewer than k answers are left out. None if all have.
    """
    return _majority_at_k([_ballot(answers, equal) for answers in problems], k)


def chance_of_majority(answers: Sequence[Answer], k: int, equal: Callable[[str, str], bool]) -> float:
    """The same of one problem, which has k answers at least."""
    return _majority(_ballot(answers, equal), k)


def majority_at_each_k(
    problems: Sequence[Sequence[Answer]], equal: Callable[[str, str], bool]
) -> tuple[AtK, ...]:
    """majority@k for the k of `pass_at_each_k`. Answers are compared once for all k."""
    ballots = [_ballot(answers, equal) for answers in problems]
    found = (_majority_at_k(ballots, k) for k in each_k(problems))
    return tuple(at_k for at_k in found if at_k is not None)


def each_k(problems: Sequence[Sequence[object]]) -> list[int]:
    """1, 2, 4, … below the most repeats of a problem, and these."""
    most = max(map(len, problems), default=0)
    return [2**i for i in range(most.bit_length()) if 2**i < most] + [most] * (most > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ballot:
    """The votes on one problem. `tallies` has by candidate its votes, and the share of them that is right.

    What is missing up to `num` votes for nothing.
    """

    num: int
    tallies: tuple[tuple[int, float], ...]


def _at_k(chances: Sequence[float], num_jobs: int, k: int) -> AtK | None:
    if not chances:
        return None
    return AtK(k=k, share=share_of(np.array(chances), num_jobs), num_problems=len(chances))


def _majority_at_k(ballots: Sequence[_Ballot], k: int) -> AtK | None:
    enough = [ballot for ballot in ballots if ballot.num >= k]
    return _at_k([_majority(ballot, k) for ballot in enough], sum(ballot.num for ballot in enough), k)


def _ballot(answers: Sequence[Answer], equal: Callable[[str, str], bool]) -> _Ballot:
    """Count equal answers together: each joins the first candidate that it equals, and equal texts are not compared."""
    place: dict[str, int] = {}
    candidates: list[str] = []
    grades: list[list[bool]] = []
    for answer in answers:
        text = answer.text
        if text is None:
            continue
        if text not in place:
            place[text] = next(
                (i for i, other in enumerate(candidates) if equal(text, other)), len(candidates)
            )
            if place[text] == len(candidates):
                candidates.append(text)
                grades.append([])
        grades[place[text]].append(answer.is_correct)
    tallies = sorted((len(of_one), sum(of_one) / len(of_one)) for of_one in grades)
    return _Ballot(num=len(answers), tallies=tuple(tallies))


@lru_cache(maxsize=100_000)
def _majority(ballot: _Ballot, k: int) -> float:
    """Sum over `most`, the votes of the winner, the choices in which no candidate has more and some have as many."""
    if k == ballot.num:  # there is one choice
        most = max((votes for votes, _ in ballot.tallies), default=0)
        leaders = [right for votes, right in ballot.tallies if votes == most]
        return sum(leaders) / len(leaders) if leaders else 0.0
    silent = ballot.num - sum(votes for votes, _ in ballot.tallies)
    won = sum(_won_with(most, ballot.tallies, silent, k) for most in range(1, k + 1))
    return won / math.comb(ballot.num, k)


def _won_with(most: int, tallies: Sequence[tuple[int, float]], silent: int, k: int) -> float:
    """The number of choices of k votes in which the winner has `most` of them and is right; a tie counts in part."""
    if not any(votes >= most and right > 0 for votes, right in tallies):
        return 0.0
    # By votes used and candidates that lead: the choices, and the sum over them of how many leaders are right.
    ways: dict[tuple[int, int], tuple[int, float]] = {
        (n, 0): (math.comb(silent, n), 0.0) for n in range(silent + 1)
    }
    for votes, right in tallies:
        longer: dict[tuple[int, int], tuple[int, float]] = {}
        for (used, leaders), (choices, right_leaders) in ways.items():
            for n in range(min(votes, most, k - used) + 1):
                leads, more = int(n == most), math.comb(votes, n)
                old = longer.get((used + n, leaders + leads), (0, 0.0))
                longer[used + n, leaders + leads] = (
                    old[0] + choices * more,
                    old[1] + (right_leaders + leads * right * choices) * more,
                )
        ways = longer
    return sum(right / leaders for (used, leaders), (_, right) in ways.items() if used == k and leaders)
