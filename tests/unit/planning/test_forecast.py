"""Forecasts: what jobs take by scheme, threshold and jobs in flight, from the paper's figures or a batch's rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from specreason.config import SchemeName
from specreason.pairs import PairConfig, SpeculationConfig, load_pairs
from specreason.planning import paper
from specreason.planning.cards import known_cards
from specreason.planning.forecast import Forecast, Span, Workload, forecast
from specreason.planning.job_time import PairClocks
from specreason.planning.measured import workload_of
from specreason.planning.roofline import PACES
from specreason.planning.shapes import known_shape
from specreason.planning.workload import scores_with, shares_of

PAIR = load_pairs()["qwq-32b_r1-1_5b"]
BEST, WORST = paper.statistics_on(paper.QWQ_R1, "aime")
AIME = Workload(source="the paper", best=BEST, worst=WORST)


def clocks_of(pair: PairConfig) -> list[PairClocks]:
    shapes = {role: shape for role in ("base", "drafter") if (shape := known_shape(pair.model(role).model))}
    return [PairClocks.of(pair, shapes, known_cards()["a6000"], pace=pace) for pace in PACES]


def predict(
    scheme: SchemeName = SchemeName.SPECREASON,
    *,
    threshold: float = 7,
    concurrency: int = 1,
    num_jobs: int | None = None,
) -> Forecast:
    speculates = not scheme.fits(base_speculates=False)
    pair = PAIR.model_copy(update={"speculation": SpeculationConfig() if speculates else None})
    return forecast(
        scheme,
        AIME,
        clocks_of(pair),
        threshold=threshold,
        concurrency=concurrency,
        num_devices=2,
        num_jobs=num_jobs,
    )


def test_a_draft_model_is_spread_as_the_base_and_takes_as_many_tokens_at_once() -> None:
    base = PAIR.base.model_copy(update={"engine_args": {"max_num_batched_tokens": 4096}})
    pair = PAIR.model_copy(update={"base": base, "speculation": SpeculationConfig(num_tokens=3)})
    for clocks in clocks_of(pair):
        assert clocks.draft_model is not None
        assert (clocks.draft_model.tensor_parallel_size, clocks.draft_model.batched_tokens) == (2, 4096)
        assert (clocks.drafter.tensor_parallel_size, clocks.speculated) == (1, 3)


def is_faster(a: Span, b: Span) -> bool:
    return a.low < b.low and a.high < b.high


def test_the_schemes_take_their_places_by_latency() -> None:
    order = ("drafter", "specreason+decode", "specreason", "base")
    spans = [predict(SchemeName(scheme)).latency_s for scheme in order]
    assert all(is_faster(a, b) for a, b in pairwise(spans))
    assert is_faster(predict(SchemeName.SPECDECODE).latency_s, spans[-1])


def test_an_aime_problem_takes_about_as_long_as_the_paper_says() -> None:
    """261.9 s without an answer apart (§5.3), which our loop asks for."""
    span = predict().latency_s
    answer_s = 0.06 * paper.ANSWER_TOKENS
    assert 0.75 < (span.low - answer_s) / paper.THRESHOLD_S["aime"][1] < 1.1
    assert 0.9 < (span.high - answer_s) / paper.THRESHOLD_S["aime"][1] < 1.25


def test_a_stricter_threshold_accepts_less_and_takes_longer() -> None:
    by_threshold = [predict(threshold=threshold) for threshold in (3, 5, 7, 9)]
    assert all(is_faster(a.latency_s, b.latency_s) for a, b in pairwise(by_threshold))
    rates = [each.acceptance for each in by_threshold if each.acceptance is not None]
    assert rates == sorted(rates, reverse=True)
    assert rates[2] == pytest.approx(paper.AIME_ACCEPTANCE)


def test_more_jobs_in_flight_get_more_done_and_each_takes_longer() -> None:
    by_number = [predict(concurrency=number) for number in (1, 2, 4, 8)]
    for few, many in pairwise(by_number):
        assert is_faster(few.latency_s, many.latency_s)
        assert is_faster(few.jobs_per_hour, many.jobs_per_hour)


def test_the_cost_of_jobs_is_that_of_all_cards_until_the_last_one_has_ended() -> None:
    found = predict(num_jobs=480, concurrency=8)
    assert found.jobs is not None
    assert found.jobs.hours.low == pytest.approx(480 / found.jobs_per_hour.high)
    assert found.jobs.gpu_hours == found.jobs.hours.times(2)
    assert predict(num_jobs=3, concurrency=8).concurrency == 3
    assert predict().jobs is None


@pytest.mark.parametrize("scheme", SchemeName)
@pytest.mark.parametrize("concurrency", [1, 6])
def test_every_figure_is_a_range_whose_parts_make_up_the_whole(scheme: SchemeName, concurrency: int) -> None:
    found = predict(scheme, concurrency=concurrency)
    assert 0 < found.latency_s.low < found.latency_s.high
    assert 0 < found.prefill_s.low < found.decode_s.high
    assert found.prefill_s.low + found.decode_s.low == pytest.approx(found.latency_s.low)


@pytest.mark.parametrize("pair", paper.PAIRS)
@pytest.mark.parametrize("dataset", paper.DATASETS)
def test_the_papers_acceptance_holds_at_its_own_threshold(pair: paper.Published, dataset: str) -> None:
    best, worst = paper.statistics_on(pair, dataset)
    assert best.acceptance(pair.threshold) == pytest.approx(paper.acceptance_on(pair, dataset))
    assert pair.acceptance[0] <= paper.acceptance_on(pair, dataset) <= pair.acceptance[1]
    assert best.base_tokens <= worst.base_tokens


def test_models_that_the_paper_does_not_know_get_its_best_known_pair() -> None:
    assert paper.published("Qwen/Qwen3-32B", "Qwen/Qwen3-1.7B") is paper.QWQ_R1
    assert paper.published(paper.SKYWORK_ZR1.base, paper.SKYWORK_ZR1.drafter) is paper.SKYWORK_ZR1


def test_the_reruns_scores_are_all_scores_and_have_its_means() -> None:
    assert sum(paper.SCORES) == pytest.approx(1)
    low, high = paper.SCORES[:7], paper.SCORES[7:]
    assert sum(high) == pytest.approx(0.464)
    assert sum(d * p for d, p in enumerate(low)) / sum(low) == pytest.approx(4.0, abs=0.05)
    assert sum(d * p for d, p in enumerate(high, 7)) / sum(high) == pytest.approx(7.48, abs=0.01)


@pytest.mark.parametrize("threshold", [1, 7, 9])
def test_stretched_scores_keep_their_order_on_either_side(threshold: int) -> None:
    scores = scores_with(0.3, threshold=threshold, like=paper.SCORES)
    assert sum(scores) == pytest.approx(1)
    assert sum(scores[threshold:]) == pytest.approx(0.3)


def test_a_verdict_without_a_digit_is_no_score() -> None:
    assert shares_of([7, 9, None, 7]) == (0,) * 7 + (0.5, 0, 0.25)
    assert sum(shares_of([])) == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRow:
    think_tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    index: int = 1
    score: int | None = None
    draft_tokens: int | None = None
    draft_prompt_tokens: int | None = None
    verify_prompt_tokens: int | None = None
    written_tokens: int | None = None
    written_prompt_tokens: int | None = None


def drafted(index: int, score: int, written: int | None = None) -> StepRow:
    return StepRow(
        index=index,
        score=score,
        draft_tokens=20,
        draft_prompt_tokens=100,
        verify_prompt_tokens=127,
        written_tokens=written,
    )


def test_a_batch_tells_its_own_lengths_scores_and_suffix() -> None:
    jobs = [JobRow(think_tokens=900, answer_tokens=40), JobRow(think_tokens=1100, answer_tokens=60)]
    steps = [drafted(0, 9), drafted(1, 7), drafted(2, 5, written=50), drafted(3, 3, written=30)]
    found = workload_of(SchemeName.SPECREASON, jobs, steps, AIME, "batch").best
    assert (found.think_tokens, found.answer_tokens, found.prompt_tokens) == (1000, 50, 100)
    assert (found.draft_tokens, found.written_tokens, found.suffix_tokens) == (20, 40, 7)
    assert [found.acceptance(threshold) for threshold in (3, 4, 7, 8)] == [1, 0.75, 0.5, 0.25]
    assert found.base_tokens / found.think_tokens == pytest.approx(BEST.base_tokens / BEST.think_tokens)


def test_a_batch_without_drafts_tells_lengths_and_keeps_the_papers_steps() -> None:
    jobs = [JobRow(think_tokens=2000, answer_tokens=40)]
    steps = [StepRow(index=0, written_tokens=1024, written_prompt_tokens=70), StepRow(written_tokens=976)]
    found = workload_of(SchemeName.BASE, jobs, steps, AIME, "batch").worst
    assert found.base_tokens == pytest.approx(2000)
    assert found.think_tokens == pytest.approx(2000 * WORST.think_tokens / WORST.base_tokens)
    assert found.prompt_tokens == 70
    assert replace(found, **dict.fromkeys(CHANGED, 0)) == replace(WORST, **dict.fromkeys(CHANGED, 0))


CHANGED = ("think_tokens", "base_tokens", "drafter_tokens", "answer_tokens", "prompt_tokens")
