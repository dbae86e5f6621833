"""The figures of `benchmarks.simulate`: each one of the paper beside its prediction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from statistics import fmean

from benchmarks.simulated_job import Case, clocks_of, run
from specreason.config import SchemeName
from specreason.planning import paper
from specreason.planning.forecast import Span
from specreason.planning.paper import Ends, Published
from specreason.planning.roofline import PACES, Pace
from tests.support.virtual_time import in_virtual_time

# Of the published figures only one decimal is known.
ROUNDING = 0.05
BASE, SPECDECODE = SchemeName.BASE, SchemeName.SPECDECODE
SPECREASON, WITH_DECODE = SchemeName.SPECREASON, SchemeName.SPECREASON_DECODE


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of the paper beside its prediction. `slack` is how much the paper's own rounding leaves open."""

    figure: str
    where: str
    predicted: Span
    published: Span
    slack: float = 0.0
    digits: int = 2

    @property
    def miss(self) -> str | None:
        """By how much the nearest ends miss each other; None if the ranges meet."""
        low, high = self.published.low - self.slack, self.published.high + self.slack
        if self.predicted.high < low:
            return f"too low by {1 - self.predicted.high / low:.0%}"
        if self.predicted.low > high:
            return f"too high by {self.predicted.low / high - 1:.0%}"
        return None

    @property
    def is_one_number(self) -> bool:
        """Whether the paper gives one number here, and not a range over datasets that is easily met."""
        return self.published.low == self.published.high

    def __str__(self) -> str:
        words = f"{_words(self.predicted, self.digits)} ({_words(self.published, self.digits)})"
        return words if self.miss is None else f"**{words}, {self.miss}**"


class Simulation:
    """Runs cases, each once, and compares them as the paper does."""

    def __init__(self, num_jobs: int) -> None:
        self._num_jobs = num_jobs
        self.seconds = cache(self._seconds)

    def main_results(self) -> Iterator[Row]:
        """Fig. 3: four pairs, three datasets."""
        for pair, dataset in product(paper.PAIRS, paper.DATASETS):
            where = f"{_name(pair)}, {dataset}"
            yield Row(
                figure="base / SpecReason (§5.2)",
                where=where,
                predicted=self.speedup(pair, dataset),
                published=_speedup(pair, dataset),
                slack=ROUNDING,
            )
            yield Row(
                figure="SpecReason / +Decode (§5.2)",
                where=where,
                predicted=self.decode_speedup(pair, dataset),
                published=_ends(pair.decode_speedup),
                slack=ROUNDING,
            )
            yield Row(
                figure="saved by +Decode over SpecDecode (§5.2)",
                where=where,
                predicted=self.saved(pair, dataset),
                published=_ends(pair.saved),
            )

    def speedup(self, pair: Published, dataset: str) -> Span:
        think = paper.THINK_TOKENS[dataset]
        return _over(
            self.seconds(Case(scheme=BASE, think_tokens=think * fewer, pace=pace))
            / self.seconds(_case(pair, dataset, pace))
            for pace, fewer in product(PACES, pair.fewer_tokens)
        )

    def decode_speedup(self, pair: Published, dataset: str, *, threshold: float | None = None) -> Span:
        return _over(
            self.seconds(plain) / self.seconds(replace(plain, scheme=WITH_DECODE, token_acceptance=tokens))
            for pace, tokens in product(PACES, paper.TOKEN_ACCEPTANCE)
            for plain in [_case(pair, dataset, pace, threshold=threshold)]
        )

    def saved(self, pair: Published, dataset: str) -> Span:
        think = paper.THINK_TOKENS[dataset]
        return _over(
            1
            - self.seconds(replace(_case(pair, dataset, pace), scheme=WITH_DECODE, token_acceptance=tokens))
            / self.seconds(
                Case(scheme=SPECDECODE, think_tokens=think * fewer, pace=pace, token_acceptance=tokens)
            )
            for pace, tokens, fewer in product(PACES, paper.TOKEN_ACCEPTANCE, pair.fewer_tokens)
        )

    def thresholds(self) -> Iterator[Row]:
        """Fig. 5 and the first steps on the base, QwQ-32B and R1-1.5B."""
        for dataset, seconds in paper.THRESHOLD_S.items():
            low, high = (
                [self.seconds(_case(paper.QWQ_R1, dataset, pace, threshold=threshold)) for pace in PACES]
                for threshold in (3, 7)
            )
            yield Row(
                figure="threshold 7 / threshold 3 (§5.3)",
                where=dataset,
                predicted=_over(b / a for a, b in zip(low, high, strict=True)),
                published=_known(seconds[1] / seconds[0]),
            )
            if dataset == "aime":
                for threshold, predicted, published in zip((3, 7), (low, high), seconds, strict=True):
                    yield Row(
                        figure=f"seconds at threshold {threshold} (§5.3)",
                        where=dataset,
                        predicted=_over(predicted),
                        published=_known(published),
                        digits=0,
                    )
        for threshold, saved, whole in zip(
            (3, 7), paper.DECODE_SAVES_S, paper.THRESHOLD_S["math500"], strict=True
        ):
            yield Row(
                figure=f"SpecReason / +Decode at threshold {threshold} (§5.3)",
                where="math500",
                predicted=self.decode_speedup(paper.QWQ_R1, "math500", threshold=threshold),
                published=_known(whole / (whole - saved)),
            )
        without = [_case(paper.QWQ_R1, "aime", pace) for pace in PACES]
        yield Row(
            figure=f"{paper.FIRST_STEPS} first steps on the base / none (§5.3)",
            where="aime",
            predicted=_over(
                self.seconds(replace(case, first_steps_on_base=paper.FIRST_STEPS)) / self.seconds(case)
                for case in without
            ),
            published=_known(paper.FIRST_STEPS_S[1] / paper.FIRST_STEPS_S[0]),
        )

    def large_base(self) -> Iterator[Row]:
        """R1-70B on four A100 of 80 GB. Its fewer tokens are not published; QwQ-32B's are taken."""
        think = paper.THINK_TOKENS["aime"]
        ratios = []
        for pace, fewer in product(PACES, paper.QWQ_R1.fewer_tokens):
            case = Case(
                scheme=SPECREASON,
                think_tokens=think,
                pace=pace,
                acceptance=paper.LARGE_ACCEPTANCE,
                usual_threshold=8,
                threshold=8,
                large=True,
            )
            alone = Case(scheme=BASE, think_tokens=think * fewer, pace=pace, large=True)
            ratios.append(self.seconds(alone) / self.seconds(case))
        yield Row(
            figure="base / SpecReason (§A.1)",
            where="R1-70B + R1-1.5B, aime",
            predicted=_over(ratios),
            published=_known(paper.LARGE_SPEEDUP),
            slack=ROUNDING,
        )

    def clocks(self) -> Iterator[Row]:
        """What the roofline says itself, at 4,000 tokens of context."""
        small, large = ([clocks_of(pace, large=is_large) for pace in PACES] for is_large in (False, True))
        for role, what, ratio in (
            ("base", "QwQ-32B on 2 A6000 / R1-70B on 4 A100", paper.LARGE_TOKEN_RATIO),
            ("drafter", "R1-1.5B on 2 A6000 / on 4 A100", paper.SMALL_TOKEN_RATIO),
        ):
            yield Row(
                figure="time per token (§A.1)",
                where=what,
                predicted=_over(
                    getattr(ours, role).decode_s(1, context=4000)
                    / getattr(theirs, role).decode_s(1, context=4000)
                    for ours, theirs in zip(small, large, strict=True)
                ),
                published=_known(ratio),
                slack=ROUNDING,
            )
        yield Row(
            figure="a verdict in tokens of the base (§4.1)",
            where="QwQ-32B on 2 A6000",
            predicted=_over(
                clocks.base.verdict_s(paper.DRAFT_TOKENS, paper.SUFFIX_TOKENS, context=4000)
                / clocks.base.decode_s(1, context=4000)
                for clocks in small
            ),
            published=Span(low=1, high=2),
        )

    def _seconds(self, case: Case) -> float:
        """The mean latency of a case's jobs."""
        return fmean(
            in_virtual_time(lambda now, number=number: run(case, number, now))  # type: ignore[misc]
            for number in range(self._num_jobs)
        )


def _case(pair: Published, dataset: str, pace: Pace, *, threshold: float | None = None) -> Case:
    return Case(
        scheme=SPECREASON,
        think_tokens=paper.THINK_TOKENS[dataset],
        pace=pace,
        acceptance=paper.acceptance_on(pair, dataset),
        usual_threshold=pair.threshold,
        threshold=pair.threshold if threshold is None else threshold,
    )


def _speedup(pair: Published, dataset: str) -> Span:
    """Return what the paper says of this dataset; where it does not tell datasets apart, the pair's whole range.

    QwQ-32B gains most on MATH500 (§5.2). With R1-1.5B, 1.9 is AIME's (§A.1), so that the lowest is GPQA's.
    """
    low, high = pair.speedup
    if dataset == "math500" and pair in (paper.QWQ_R1, paper.QWQ_ZR1):
        return _known(high)
    if pair is paper.QWQ_R1:
        known = paper.AIME_SPEEDUP if dataset == "aime" else low
        return _known(known)
    return _ends(pair.speedup)


def _over(values: Iterator[float] | Sequence[float]) -> Span:
    found = list(values)
    return Span(low=min(found), high=max(found))


def _ends(ends: Ends) -> Span:
    return Span(low=ends[0], high=ends[1])


def _known(value: float) -> Span:
    return Span(low=value, high=value)


def _name(pair: Published) -> str:
    base = "QwQ" if "QwQ" in pair.base else "Skywork"
    return f"{base} + {'ZR1' if 'ZR1' in pair.drafter else 'R1-1.5B'}"


def _words(span: Span, digits: int) -> str:
    low, high = (f"{end:,.{digits}f}" for end in (span.low, span.high))
    return low if low == high else f"{low}–{high}"
