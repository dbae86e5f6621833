"""The plan of an evaluation: which cells a grid has, which pair runs them, and which repeats are still missing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specreason.config import RunConfig, SchemeName
from specreason.evaluation.cells import Cell, cell_of, labels
from specreason.evaluation.plan.grid import Grid
from specreason.evaluation.plan.missing import (
    cell_as_asked,
    differing,
    fixed_knobs,
    missing,
    numbers_of_repeats,
    plan,
)
from specreason.evaluation.plan.pairs import pair_of
from specreason.pairs import load_pairs

PAIRS = load_pairs()
MOST = 100
BASE, DRAFTER, SPECREASON = SchemeName.BASE, SchemeName.DRAFTER, SchemeName.SPECREASON


def grid(*schemes: SchemeName, **values: Any) -> Grid:
    known: dict[str, Any] = {
        "datasets": ("sums",),
        "pairs": dict.fromkeys(schemes, "demo"),
        "thresholds": {"demo": (7.0,)},
        "first_steps_on_base": (0,),
        "token_budgets": (1024,),
        "knobs": {"temperature": 0.0},
    }
    return Grid(**known | values)


def test_a_knob_that_a_scheme_does_not_read_does_not_multiply_its_cells() -> None:
    cells = grid(
        BASE,
        SPECREASON,
        thresholds={"demo": (5.0, 7.0)},
        first_steps_on_base=(0, 10),
        token_budgets=(512, 1024),
    ).cells(MOST)
    assert [cell.scheme for cell in cells].count(BASE) == 2
    assert [cell.scheme for cell in cells].count(SPECREASON) == 8
    assert len(set(labels(list(cells)))) == 10


def test_a_grid_that_is_far_too_large_is_not_multiplied_out() -> None:
    many = tuple(range(1, 100_001))
    cells = grid(BASE, SPECREASON, first_steps_on_base=many, token_budgets=many).cells(5)
    assert len(cells) == 6


def test_every_cell_has_the_fixed_knobs_and_one_repeat() -> None:
    configs = grid(BASE, SPECREASON).cells(MOST).values()
    assert {(config.temperature, config.repeats, config.first_repeat) for config in configs} == {(0.0, 1, 0)}


@pytest.mark.parametrize(
    ("scheme", "named", "found"),
    [
        (SchemeName.SPECDECODE, "demo", "demo-decode"),
        (SchemeName.SPECREASON_DECODE, "demo", "demo-decode"),
        (BASE, "demo-decode", "demo"),
        (DRAFTER, "demo-decode", "demo-decode"),
        (SchemeName.SPECDECODE, "qwq-32b_r1-1_5b", "qwq-32b_r1-1_5b-decode"),
        (SchemeName.SPECDECODE, "qwq-32b_r1-1_5b-141gb", "qwq-32b_r1-1_5b-decode-141gb"),
        (SchemeName.SPECDECODE, "qwen3-1_7b_0_6b", None),
        (SchemeName.SPECDECODE, "qwq-32b_r1-1_5b-80gb", None),
    ],
)
def test_a_scheme_runs_on_the_pair_of_the_same_models_and_cards_that_fits_it(
    scheme: SchemeName, named: str, found: str | None
) -> None:
    assert pair_of(scheme, named, PAIRS) == found


@pytest.mark.parametrize(
    ("there", "num_repeats", "found"),
    [
        ([], 4, [range(4)]),
        ([range(4)], 4, []),
        ([range(4)], 2, []),
        ([range(4)], 8, [range(4, 8)]),
        ([range(4, 6)], 8, [range(4), range(6, 8)]),
        ([range(2, 3), range(1)], 4, [range(1, 2), range(3, 4)]),
        ([range(8), range(2, 4)], 9, [range(8, 9)]),
    ],
)
def test_missing_are_the_stretches_that_no_batch_has(
    there: list[range], num_repeats: int, found: list[range]
) -> None:
    assert list(missing(there, num_repeats)) == found


Runs = st.lists(
    st.tuples(
        st.sets(st.sampled_from([BASE, DRAFTER, SPECREASON]), min_size=1),
        st.sets(st.sampled_from([5.0, 7.0, 9.0]), min_size=1),
        st.integers(1, 9),
        st.integers(0, 6),  # so many submissions before the run is killed
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(Runs)
def test_whatever_runs_were_killed_each_cell_gets_each_repeat_exactly_once(runs: list[Any]) -> None:
    stored: dict[Cell, list[range]] = {}

    def run(
        schemes: set[SchemeName], thresholds: set[float], repeats: int, most: int
    ) -> dict[Cell, RunConfig]:
        cells = grid(*sorted(schemes), thresholds={"demo": tuple(thresholds)}).cells(MOST)
        to_submit = [(each.cell, config) for each in plan(cells, stored, repeats) for config in each.lacking]
        for cell, config in to_submit[:most]:
            kept = config.model_dump(mode="json")
            assert cell_of("demo", "sums", kept) == cell
            stored.setdefault(cell, []).append(numbers_of_repeats(kept))
        return cells

    for schemes, thresholds, repeats, killed_after in runs:
        run(schemes, thresholds, repeats, killed_after)
    schemes, thresholds, repeats, _ = runs[-1]
    cells = run(schemes, thresholds, repeats, 1_000)
    assert all(not each.lacking for each in plan(cells, stored, repeats))
    for numbers in stored.values():
        flat = [number for stretch in numbers for number in stretch]
        assert len(flat) == len(set(flat))
    assert all(set(range(repeats)) <= {n for stretch in stored[cell] for n in stretch} for cell in cells)


def test_a_stored_batch_is_of_the_cell_that_was_asked_for_whatever_its_models_files_say() -> None:
    (asked,) = grid(SPECREASON).cells(MOST)
    config = RunConfig(threshold=7, token_budget=1024, temperature=0, repeats=2, first_repeat=3)
    stored = config.model_dump(mode="json") | {"top_k": 20, "drafter_top_k": 20}
    assert cell_as_asked("demo", "sums", fixed_knobs({"temperature": 0}), stored) == asked


def test_fixed_knobs_are_compared_by_value_and_a_default_counts_as_not_chosen() -> None:
    kept = fixed_knobs({"temperature": 0, "seed": 0, "threshold": 5, "token_budget": 512, "overlap": False})
    assert kept == {"temperature": 0.0, "overlap": False}
    assert differing(fixed_knobs({"temperature": 0.0, "overlap": False}), kept) is None
    assert differing(fixed_knobs({"temperature": 0}), kept) == ("overlap", False, True)
