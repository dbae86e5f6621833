"""Where things of a picture stand: labels beside points, lines beside each other, limits of axes, legends."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from specreason.evaluation.intervals import Interval
from specreason.report.drawing.axes import arms, fitting_columns, on_two_lines, page, share_limits, shortened
from specreason.report.drawing.draw import SHARPNESS
from specreason.report.drawing.ink import INK_OF, line_styles
from specreason.report.drawing.lines import dodged
from specreason.report.drawing.placing import MARKER, Box, places

PAGE = Box(0, 0, 500, 320)


def boxes(middles: list[tuple[float, float]], width: float, height: float) -> list[Box]:
    return [Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2) for x, y in middles]


@pytest.mark.parametrize(("num_points", "width"), [(1, 80), (3, 80), (11, 60), (40, 12)])
def test_labels_cover_neither_each_other_nor_a_point_nor_leave_the_panel(
    num_points: int, width: float
) -> None:
    draws = random.Random(num_points)
    points = [(draws.uniform(90, 410), draws.uniform(40, 280)) for _ in range(num_points)]
    found = boxes(places(points, [(width, 11)] * num_points, PAGE), width, 11)
    assert all(a.covered_by(b) == 0 for a, b in combinations(found, 2))
    markers = [Box(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in points]
    assert all(label.covered_by(marker) == 0 for label in found for marker in markers)
    assert all(label.outside(PAGE) == pytest.approx(0) for label in found)


def test_points_at_one_place_have_labels_apart() -> None:
    found = boxes(places([(250, 160)] * 6, [(70, 11)] * 6, PAGE), 70, 11)
    assert all(a.covered_by(b) == 0 for a, b in combinations(found, 2))


def test_a_label_keeps_both_ends_if_it_is_cut() -> None:
    assert shortened("specreason at 7") == "specreason at 7"
    cut = shortened("specreason of_a_very_long_pair_name_with_many_letters at 7")
    assert len(cut) == 38
    assert cut.startswith("specreason of_a")
    assert cut.endswith("at 7")
    assert shortened("two\nlines\x1b[0m") == "two lines␛[0m"


def test_a_long_label_takes_two_lines_before_it_is_cut() -> None:
    lines = on_two_lines("specreason score_method expected at 7 token_budget 1024").splitlines()
    assert lines == ["specreason score_method expected at 7", "token_budget 1024"]
    assert len(on_two_lines("x" * 200).splitlines()) == 2


def test_lines_at_one_value_stand_around_it() -> None:
    asides = [dodged(place, 5) for place in range(5)]
    assert sum(asides) == pytest.approx(0)
    assert asides == sorted(set(asides))
    assert max(dodged(place, 40) for place in range(40)) <= 0.25
    assert dodged(0, 1) == 0


def test_limits_of_shares_keep_air_and_show_no_impossible_share() -> None:
    assert share_limits((0, 100)) == (-4, 104)
    low, high = share_limits((80, 80))
    assert (low, high) == (70, 90)
    low, high = share_limits((40, 60))
    assert low < 40
    assert high > 60


def test_an_estimate_without_bounds_has_arms_of_no_length_and_none_is_negative() -> None:
    intervals = [
        Interval(mean=0.5, low=None, high=None),
        Interval(mean=0.5, low=0.25, high=0.75),
        Interval(mean=0.3, low=0.3 + 1e-17, high=0.3 - 1e-17),
    ]
    assert arms(intervals, 100) == [[0, 25, 0], [0, 25, 0]]


@pytest.mark.parametrize("height", [3, 400, 4000])
def test_a_page_of_any_height_can_be_drawn_and_a_usual_one_is_sharp(height: float) -> None:
    drawing = page("Title", "hint", 8, height)
    dots = SHARPNESS * drawing.dpi
    assert dots * drawing.get_size_inches()[1] < 2**16
    assert (dots == 150) is (height < 300)


def test_a_legend_takes_one_line_where_that_fits_and_one_column_where_nothing_else_does() -> None:
    assert fitting_columns([4, 7, 10], 7.0) == 3
    assert fitting_columns([60, 60, 60], 7.0) == 1
    assert fitting_columns([20] * 8, 7.0) == 3


def test_no_two_lines_look_alike_and_a_schemes_only_line_has_its_own_colour() -> None:
    schemes = {f"specreason {number}": "specreason" for number in range(40)} | {"drafter": "drafter"}
    styles = line_styles(schemes)
    assert len({(s["color"], s["marker"], str(s["linestyle"])) for s in styles.values()}) == 41
    assert styles["drafter"]["color"] == INK_OF["drafter"].colour
    assert styles["drafter"]["color"] not in {s["color"] for name, s in styles.items() if name != "drafter"}
