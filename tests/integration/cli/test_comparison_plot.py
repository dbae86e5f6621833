"""The plot of a comparison: which points it has, and what its title says of them."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure

from specreason.cli.analysis.plots import comparison as comparison_plot
from specreason.client.analysis.comparison import Outcome
from tests.unit.cli.test_comparison_output import compared_pair, comparison


def drawn(found: Any, pairs: Any) -> tuple[str, dict[str, int]]:
    """The title of the latencies, and by label the number of points."""
    axes = Figure().subplots()
    comparison_plot._draw_latencies(axes, pairs, found.figures.latency_s.num_jobs)
    return axes.get_title(), {str(each.get_label()): len(each.get_offsets()) for each in axes.collections}


def test_each_outcome_has_a_mark_of_its_own_also_one_that_this_client_does_not_know() -> None:
    pairs = [compared_pair(outcome=word, latency_a_s=2.0) for word in (*Outcome, Outcome.WON, "strange")]
    title, points = drawn(comparison(), [*pairs, compared_pair(latency_a_s=None)])
    assert title == "Latency of each problem"
    assert points == {
        "not graded in both": 1,
        "as often right in both": 1,
        "right more often in B": 2,
        "right more often in A": 1,
        "strange": 1,
    }


def test_a_plot_of_a_part_says_so_and_reads_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison_plot, "MOST_POINTS", 3)
    pairs = iter([compared_pair(latency_a_s=2.0)] * 90)
    title, points = drawn(comparison(), pairs)
    assert (title, points) == ("Latency of each problem\n3 of 90 jobs", {"right more often in B": 3})
    assert len(list(pairs)) == 87
