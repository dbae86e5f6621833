"""Which batches count as repeats of one another."""

from __future__ import annotations

from specreason.config import RunConfig
from specreason.evaluation.cells import cell_of, labels
from specreason.evaluation.estimate import Likeness, likeness


def stored(**knobs: object) -> dict[str, object]:
    return RunConfig.model_validate(knobs).model_dump(mode="json")


def test_batches_that_run_other_repeats_are_of_one_cell_and_other_seeds_are_not() -> None:
    first, later, other = stored(repeats=4), stored(repeats=2, first_repeat=4), stored(seed=1)
    assert cell_of("demo", "sums", first) == cell_of("demo", "sums", later)
    assert cell_of("demo", "sums", first) != cell_of("demo", "sums", other)


def test_labels_are_short_and_never_alike_even_where_values_nearly_are() -> None:
    thresholds = (7, 7.25, 7.0000001)
    cells = [cell_of("demo", "sums", stored(threshold=each)) for each in thresholds]
    assert labels(cells) == ("specreason at 7", "specreason at 7.25", "specreason at 7.0000001")
    lines = [cell_of("demo", "sums", stored(delimiter=each)) for each in ("\n", "\n\n")]
    assert labels(lines) == (r"specreason delimiter '\n'", r"specreason delimiter '\n\n'")


def test_jobs_of_earlier_repeats_are_like_those_of_later_ones() -> None:
    assert likeness(stored(repeats=4), stored(repeats=4, first_repeat=4)) is Likeness.SAME
