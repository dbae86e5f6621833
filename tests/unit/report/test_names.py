"""Names of folders, and the value on its way through JSON."""

from __future__ import annotations

import json

import pytest

from specreason.cli.analysis.report import default_name
from specreason.client.decoding import decode, to_json
from specreason.evaluation.report.values import Report
from tests.support.report.made_up import HOSTILE, cells_of, report_of


@pytest.mark.parametrize(
    ("names", "folder"),
    [
        (["paper"], "report-paper"),
        (["sums threshold=7", "base"], "report-sums-threshold-7-base"),
        (["../../etc/passwd"], "report-etc-passwd"),
        (["a", "b", "c", "d", "e"], "report-a-b-c-and-2-more"),
        (["..."], "report-"),
    ],
)
def test_a_report_is_named_after_its_batches_or_its_evaluation(names: list[str], folder: str) -> None:
    assert default_name(names) == folder


def test_a_long_name_in_any_script_is_short_enough_for_a_folder_and_its_parts() -> None:
    assert len(f".{default_name(['数' * 200] * 9)}.12345678.part".encode()) <= 255


def test_a_report_is_the_same_after_its_way_through_json() -> None:
    report = report_of(cells_of(thresholds=(3.0, 7.0)), text=HOSTILE)
    assert decode(Report, json.loads(json.dumps(to_json(report)))) == report
