"""Durations and sizes of the command line."""

from __future__ import annotations

import pytest

from specreason.cli.durations import seconds_of
from specreason.cli.show.sizes import size_of
from specreason.errors import InvalidField


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30d", 2_592_000), ("12h", 43_200), ("2w", 1_209_600), ("1.5h", 5400), ("0s", 0), (" 5m ", 300)],
)
def test_a_number_and_a_unit_are_so_many_seconds(written: str, seconds: float) -> None:
    assert seconds_of("--older-than", written) == seconds


@pytest.mark.parametrize("written", ["", "30", "d", "-1d", "30 days", "1e3d", "30D", "9999999d"])
def test_anything_else_is_refused_by_the_name_of_its_option(written: str) -> None:
    with pytest.raises(InvalidField, match=r"^--older-than: must be a number and a unit"):
        seconds_of("--older-than", written)


def test_a_size_is_written_in_the_largest_unit_that_fits() -> None:
    written = [size_of(size) for size in (0, 1023, 1024, 3_565_158, 5 << 30, 1 << 60)]
    assert written == ["0 bytes", "1,023 bytes", "1.0 KiB", "3.4 MiB", "5.0 GiB", "1,048,576.0 TiB"]
