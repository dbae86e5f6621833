"""Which cells one line joins, and what it is called."""

from __future__ import annotations

from specreason.report.drawing.lines import lines_of
from specreason.report.drawing.rows import alike, by_dataset, interval, label_of
from tests.support.report.made_up import cells_of, report_of


def figure_of(name: str, **grid: object):  # type: ignore[no-untyped-def]
    report = report_of(cells_of(**grid))  # type: ignore[arg-type]
    rows = next(figure for figure in report.figures if figure.name == name).dicts()
    return rows, {cell.key: cell for cell in report.cells}


def test_a_line_joins_cells_that_differ_in_the_swept_knob_and_the_dataset_alone() -> None:
    rows, cells = figure_of(
        "threshold_sweep", datasets=("a", "b"), thresholds=(3.0, 5.0, 7.0), methods=("greedy", "expected")
    )
    swept = [row for row in rows if row["threshold"] is not None]
    lines = lines_of(swept, cells, "threshold")
    assert {line.name for line in lines} == {
        "specreason score_method expected",
        "specreason score_method greedy",
    }
    (of_a, of_b) = by_dataset(rows).values()
    for line in lines:
        for here in (of_a, of_b):
            assert [value for value, _ in line.points(here, "threshold", "pass_at_1")] == [3, 5, 7]


def test_a_line_leaves_out_what_is_unknown() -> None:
    rows, cells = figure_of("threshold_sweep", thresholds=(3.0, 7.0))
    unknown = [dict(row, pass_at_1=None) if row["threshold"] == 3 else row for row in rows]
    (line,) = lines_of([row for row in unknown if row["threshold"] is not None], cells, "threshold")
    assert [value for value, _ in line.points(rows, "threshold", "pass_at_1")] == [7]


def test_a_row_of_a_cell_that_the_report_does_not_list_is_drawn_by_itself() -> None:
    rows, _ = figure_of("budget_gap", budgets=(512, 1024), schemes=("base", "specreason"))
    assert len(lines_of(rows, {}, "token_budget")) == 2


def test_a_label_says_the_dataset_only_where_no_panel_does() -> None:
    row = {"label": "specreason gsm8k at 7", "dataset": "gsm8k"}
    assert label_of(row, in_dataset=True) == "specreason at 7"
    assert label_of(row, in_dataset=False) == "specreason gsm8k at 7"
    of_pair = {"label": "specreason demo-decode demo at 7", "dataset": "demo"}
    assert label_of(of_pair, in_dataset=True) == "specreason demo-decode at 7"


def test_cells_of_other_bases_are_alike_where_scheme_and_knobs_are_and_others_have_names_of_their_own() -> (
    None
):
    rows, cells = figure_of(
        "base_sizes", pairs=("large", "small"), schemes=("base", "specreason"), budgets=(512, 1024)
    )
    names = alike(rows, cells)
    assert set(names.values()) == {
        f"{scheme} token_budget {budget}" for scheme in ("base", "specreason") for budget in (512, 1024)
    }
    assert len(names) == 8
    same_base = [dict(row, base="one") for row in rows if row["token_budget"] == 512]
    assert set(alike(same_base, cells).values()) == {
        *("base", "specreason drafter of large", "specreason drafter of small")
    }


def test_an_estimate_of_a_row_is_unknown_without_its_mean() -> None:
    assert interval({"gap": None, "gap_low": 0.1}, "gap") is None
    found = interval({"gap": 0.1, "gap_low": None, "gap_high": None}, "gap")
    assert found is not None
    assert found.bounds is None
