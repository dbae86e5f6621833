"""What repeats of the same problem say: pass@1, pass@k and majority@k, each with its interval over problems."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from specreason.evaluation.clusters import share_of, share_over_problems
from specreason.evaluation.figures.values import AtK
from specreason.evaluation.intervals import Interval
from specreason.evaluation.scientific import np


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A graded answer. `vote` is the same text for wrong answers that are equal; None if the run ended without one.

    Right answers equal the gold answer, and so each other: they vote together. A run without an answer votes for
    nothing.
    """

    vote: str | None
    is_correct: bool


def voting(answer: str | None, is_correct: bool, vote_of: Callable[[str], str]) -> Answer:
    """An answer with its vote. `vote_of` is the same for answers that are equal."""
    return Answer(vote=answer if answer is None or is_correct else vote_of(answer), is_correct=is_correct)


def pass_at_1(problems: Sequence[Sequence[bool]]) -> Interval | None:
    """The mean over all jobs of whether the answer is right: the grades of each problem's repeats. None without one."""
    graded = [grades for grades in problems if grades]
    if not graded:
        return None
    return share_over_problems([sum(grades) for grades in graded], [len(grades) for grades in graded])


def pass_at(problems: Sequence[Sequence[bool]], ks: Sequence[int]) -> tuple[AtK, ...]:
    """The chance that one of k repeats is right, without bias (Chen et al. 2021): 1 - C(n-c, k) / C(n, k).

    Problems with fewer than k grades are left out, and a k that no problem has.
    """
    found = []
    for k in ks:
        enough = [grades for grades in problems if len(grades) >= k]
        found.append(_at_k(k, [chance_of_pass(grades, k) for grades in enough], sum(map(len, enough))))
    return tuple(at_k for at_k in found if at_k is not None)


def chance_of_pass(grades: Sequence[bool], k: int) -> float:
    """The same of one problem, which has k grades at least."""
    return 1 - math.comb(len(grades) - sum(grades), k) / math.comb(len(grades), k)


def majority_at(problems: Sequence[Sequence[Answer]], ks: Sequence[int]) -> tuple[AtK, ...]:
    """The chance that the most frequent answer of k repeats is right.

    It is the exact mean over all choices of k among a problem's repeats. Of answers with equally many votes each wins
    as often. Problems with fewer than k answers are left out, and a k that no problem has.
    """
    of_problems = [
        (len(answers), _chances(_ballot(answers), tuple(k for k in ks if k <= len(answers))))
        for answers in problems
    ]
    found = []
    for place, k in enumerate(sorted(ks)):
        enough = [(number, chances[place]) for number, chances in of_problems if number >= k]
        found.append(_at_k(k, [chance for _, chance in enough], sum(number for number, _ in enough)))
    return tuple(at_k for at_k in found if at_k is not None)


def chance_of_majority(answers: Sequence[Answer], k: int) -> float:
    """The same of one problem, which has k answers at least."""
    (chance,) = _chances(_ballot(answers), (k,))
    return chance


def each_k(problems: Sequence[Sequence[object]]) -> list[int]:
    """1, 2, 4, … below the most repeats of a problem, and these."""
    most = max(map(len, problems), default=0)
    return [2**i for i in range(most.bit_length()) if 2**i < most] + [most] * (most > 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ballot:
    """The votes on one problem: `num` answers, the right ones, and the votes of each wrong answer."""

    num: int
    num_right: int
    wrong: tuple[int, ...]


def _at_k(k: int, chances: Sequence[float], num_jobs: int) -> AtK | None:
    if not chances:
        return None
    share = share_of(np.array(chances), num_jobs)
    return AtK(k=k, share=share, num_jobs=num_jobs, num_problems=len(chances))


def _ballot(answers: Sequence[Answer]) -> _Ballot:
    wrong = Counter(each.vote for each in answers if not each.is_correct and each.vote is not None)
    return _Ballot(
        num=len(answers),
        num_right=sum(each.is_correct for each in answers),
        wrong=tuple(sorted(wrong.values())),
    )


@lru_cache(maxsize=100_000)
def _chances(ballot: _Ballot, ks: tuple[int, ...]) -> tuple[float, ...]:
    """By k, the share of its choices that the right answer wins, where a tie counts in part.

    With `most` votes it wins if no wrong answer has more. Only wrong answers that have as many votes in all can tie;
    the rest of the choice is any of the others.
    """
    won = np.zeros(len(ks))
    longest = max((k for k in ks if k < ballot.num), default=0)
    for most in range(1, min(ballot.num_right, longest) + 1):
        rivals = [votes for votes in ballot.wrong if votes >= most]
        others = ballot.num - ballot.num_right - sum(rivals)
        # By rivals that tie and by votes beside the right ones: the number of choices.
        ways = np.array([_binomials(others, longest - most)])
        for votes in rivals:
            ways = _with_rival(ways, votes, most)
        shared = (ways / np.arange(1, len(ways) + 1)[:, None]).sum(axis=0)
        for place, k in enumerate(ks):
            if most <= k < ballot.num:
                won[place] += math.comb(ballot.num_right, most) * shared[k - most]
    shares = (float(each) / math.comb(ballot.num, k) for each, k in zip(won, ks, strict=True))
    return tuple(share if k < ballot.num else _of_all(ballot) for share, k in zip(shares, ks, strict=True))


def _of_all(ballot: _Ballot) -> float:
    """There is one choice: all answers."""
    if ballot.num_right == 0 or ballot.num_right < max(ballot.wrong, default=0):
        return 0.0
    return 1 / (1 + ballot.wrong.count(ballot.num_right))


def _with_rival(ways: np.ndarray, votes: int, most: int) -> np.ndarray:
    """The same with one more wrong answer, of which up to `most` of its votes are chosen."""
    longer = np.zeros((len(ways) + 1, ways.shape[1]))
    for chosen in range(min(most, ways.shape[1] - 1) + 1):
        ties = int(chosen == most)
        longer[ties : ties + len(ways), chosen:] += (
            math.comb(votes, chosen) * ways[:, : ways.shape[1] - chosen]
        )
    return longer


def _binomials(n: int, most: int) -> list[float]:
    return [float(math.comb(n, chosen)) for chosen in range(most + 1)]
