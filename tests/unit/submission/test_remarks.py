"""What is remarked of configurations that do not do what they seem to."""

from __future__ import annotations

from typing import Any

import pytest

from specreason.config import RunConfig
from specreason.submission.grid import Grid, configurations
from specreason.submission.remarks import remarks
from tests.support.messages import names


def remarked(grid: dict[str, Any] | None = None, **config: Any) -> tuple[str, ...]:
    return remarks(configurations(RunConfig(**config), None if grid is None else Grid(**grid)))


@pytest.mark.parametrize(
    ("config", "facts"),
    [
        ({"threshold": 9, "score_method": "expected"}, ["threshold 9", "expected"]),
        ({"threshold": 5.2}, ["5.2", "6"]),
        ({"scheme": "base", "threshold": 5}, ["threshold", "base"]),
        ({"scheme": "drafter", "overlap": False, "adaptive": True}, ["overlap", "adaptive", "drafter"]),
        ({"scheme": "base", "drafter_temperature": 0.1}, ["drafter_temperature", "base"]),
        ({"scheme": "base", "drafter_top_k": 0, "drafter_min_p": 0}, ["drafter_top_k", "drafter_min_p"]),
        ({"first_steps_on_base": 4, "max_steps": 4}, ["first_steps_on_base", "max_steps"]),
        ({"temperature": 0, "repeats": 3}, ["repeats 3", "alike", "temperature 0"]),
        ({"scheme": "drafter", "drafter_temperature": 0, "repeats": 2}, ["repeats 2", "alike"]),
    ],
)
def test_a_knob_that_does_not_do_what_it_seems_to_is_remarked_once(
    config: dict[str, Any], facts: list[str]
) -> None:
    (remark,) = remarked(**config)
    assert names(remark, *facts)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"scheme": "base"},
        {"threshold": 9},
        {"threshold": 8, "score_method": "expected"},
        {"threshold": 5.2, "score_method": "expected"},
        {"first_steps_on_base": 3, "max_steps": 4},
        {"temperature": 0},
        {"temperature": 0, "drafter_temperature": 0.5, "repeats": 3},
        {"temperature": 0, "adaptive": True, "repeats": 3},
        {"scheme": "drafter", "drafter_temperature": 0.5},
        {"scheme": "drafter", "top_k": 20, "drafter_min_p": 0.1},
    ],
)
def test_a_configuration_that_does_what_it_says_is_not_remarked(config: dict[str, Any]) -> None:
    assert remarked(**config) == ()


def test_several_schemes_without_drafts_are_named_together() -> None:
    (remark,) = remarked({"scheme": ["base", "drafter"]}, overlap=False)
    assert remark == "overlap: without effect, since the schemes base and drafter draft no steps"


def test_thresholds_of_a_grid_that_act_alike_are_named_together() -> None:
    (remark,) = remarked({"threshold": [5, 5.2, 6, 7], "scheme": ["base", "specreason"]})
    assert names(remark, "5.2", "6", "alike")
    assert not names(remark, "7")
    assert remarked({"threshold": [5.2, 6]}, score_method="expected") == ()


def test_a_knob_that_one_scheme_of_a_grid_reads_has_its_effect() -> None:
    assert remarked({"scheme": ["base", "specreason"]}, threshold=5) == ()
    (remark,) = remarked({"scheme": ["base", "drafter"]}, first_steps_on_base=2)
    assert names(remark, "first_steps_on_base", "base", "drafter")


def test_repeats_are_alike_only_with_the_schemes_that_draw_nothing() -> None:
    greedy_base = {"temperature": 0, "drafter_temperature": 0.5, "repeats": 2}
    (remark,) = remarked({"scheme": ["base", "specreason"]}, **greedy_base)
    assert names(remark, "scheme base", "alike")
