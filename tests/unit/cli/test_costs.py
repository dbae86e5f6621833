"""Costs and estimates as people read them."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from specreason.cli.estimating import Expectations
from specreason.cli.show import estimates
from specreason.cli.show.costs import facts_of_batch, money
from specreason.client.analysis.cost_values import BatchCost, CostBeside, Estimate
from specreason.config import RunConfig
from specreason.evaluation.comparison.values import Knob
from specreason.evaluation.cost import CostRatio, cost_of_batch
from specreason.evaluation.estimate import Expected
from tests.support.client_batches import BATCH_ID, client_batch
from tests.support.messages import names

BATCH = client_batch(
    num_succeeded=4,
    num_graded=4,
    num_correct=2,
    device_s=10.0,
    drafter_device_s=4.0,
    base_device_s=6.0,
    prefill_s=1.0,
    num_devices=1.0,
    num_metered=4,
)


def facts(ratio: CostRatio | None, **beside: Any) -> dict[str, str | None]:
    known = {
        "batch_id": BATCH_ID,
        "name": "sums alone",
        "scheme": "base",
        "mean_concurrency": 2.0,
        "cost": None,
        "unlike": (),
    }
    other = CostBeside(**known | beside, ratio=ratio)
    found = BatchCost(batch_id=BATCH_ID, mean_concurrency=4.0, cost=cost_of_batch(BATCH, None), beside=other)
    return dict(facts_of_batch(BATCH, found))


def test_a_batch_whose_cost_is_not_known_tells_none() -> None:
    assert facts_of_batch(BATCH, None) == []
    unknown = replace(BATCH, device_s=None)
    assert cost_of_batch(unknown, 1.0) is None
    told = BatchCost(batch_id=BATCH_ID, mean_concurrency=None, cost=None, beside=None)
    assert facts_of_batch(unknown, told) == []


def test_a_ratio_names_the_other_batch_the_loads_and_how_many_problems_it_stands_on() -> None:
    several = facts(CostRatio(num_problems=40, ratio=0.6, low=0.5, high=0.7))["beside"]
    assert several is not None
    assert names(several, "0.60 (95 %: 0.50–0.70, 40 problems)", "the base alone (sums alone)", "4.0 and 2.0")
    alone = facts(CostRatio(num_problems=1, ratio=0.6, low=None, high=None))["beside"]
    assert alone is not None
    assert names(alone, "0.60 (1 problem, no interval)")
    unlike = tuple(Knob(name=name, a=1, b=2) for name in ("temperature", "token_budget"))
    other = facts(CostRatio(num_problems=40, ratio=0.6, low=0.5, high=0.7), unlike=unlike)["beside"]
    assert other is not None
    assert other.endswith("; unlike in temperature, token_budget")
    nothing = facts(None, name="", scheme="drafter", mean_concurrency=None)["beside"]
    assert nothing is not None
    assert "no problem" in nothing


@pytest.mark.parametrize(
    ("price", "words"),
    [(0, "0.00"), (1234.5, "1,234.50"), (0.0123, "0.012"), (0.5, "0.50"), (0.00001, "0.000010")],
)
def test_a_small_price_keeps_two_digits(price: float, words: str) -> None:
    assert money(price) == words


def expected(mean: float) -> Expected:
    return Expected(mean=mean, low=mean / 2, high=mean * 2)


ESTIMATE = Estimate(
    num_jobs=3,
    num_past_jobs=40,
    num_past_problems=20,
    likeness="same",
    are_cut=False,
    concurrency=15.8,
    num_workers=0,
    latency_s=3.0,
    device_s_per_job=expected(1.0),
    device_s=expected(3.0),
    wall_s=expected(3600.0),
    gpu_hours=expected(2.0),
    price=None,
)


def printed(monkeypatch: pytest.MonkeyPatch, *found: Estimate) -> tuple[list[str], str]:
    """The lines of a terminal of 60 columns, and what is said beside them."""
    console = Console(file=io.StringIO(), width=60, force_terminal=True, color_system=None)
    said: list[str] = []
    monkeypatch.setattr(estimates, "data_console", lambda: console)
    monkeypatch.setattr(estimates, "print_message", said.append)
    estimates.print_estimates([RunConfig()] * len(found), Expectations(estimates=found))
    lines: str = console.file.getvalue()  # type: ignore[attr-defined]
    return lines.splitlines(), "\n".join(said)


def test_estimates_fit_a_narrow_terminal_and_say_what_they_suppose(monkeypatch: pytest.MonkeyPatch) -> None:
    lines, said = printed(monkeypatch, ESTIMATE)
    assert max(map(cell_len, lines)) <= 60
    assert names("\n".join(lines), "specreason", "60.00 (30.00–120.00)", "2.00 (1.00–4.00)")
    assert names(said, "95 %", "one worker; none is alive now")
    assert names(said, "3 jobs", "15.8 places")


@pytest.mark.parametrize(
    ("change", "said_of_it"),
    [
        ({"likeness": "other"}, "alike in the scheme alone have no bounds"),
        ({"num_past_problems": 2}, "past jobs of 2 problems are too few to bound"),
        ({"are_cut": True}, "still run or were stopped, so expect more"),
    ],
)
def test_where_nothing_is_in_brackets_it_is_said_why(
    monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], said_of_it: str
) -> None:
    bare = Expected(mean=2.0, low=None, high=None)
    found = replace(ESTIMATE, gpu_hours=bare, wall_s=bare, **change)
    lines, said = printed(monkeypatch, found)
    assert said_of_it in said
    assert "95 %" not in said
    assert "(" not in lines[-1]
    # A row with bounds beside it has them in brackets.
    _, said = printed(monkeypatch, found, ESTIMATE)
    assert names(said, said_of_it, "95 % in brackets")


def test_a_newer_servers_word_is_shown_as_it_is_and_one_problem_without_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bare = Expected(mean=2.0, low=None, high=None)
    lines, _ = printed(
        monkeypatch, replace(ESTIMATE, likeness="twin", gpu_hours=bare, wall_s=bare, num_jobs=50)
    )
    assert names("\n".join(lines), "2.00")
    assert "(" not in lines[-1]
