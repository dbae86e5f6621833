"""`specreason plan` predicts what jobs take and cost; every command runs in this process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from specreason.demo import evaluate
from tests.support.messages import names
from tests.support.shell import Shell

PAPERS = ("plan", "--pair", "qwq-32b_r1-1_5b", "--gpu", "a6000x2")
PROBLEMS = Path(evaluate.__file__).parent / "problems.jsonl"


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.delenv("SPECREASON_PAIRS_FILE", raising=False)
    return Shell("", capsys)


def forecast(shell: Shell, *options: object) -> dict[str, Any]:
    ended = shell(*PAPERS, *options, "--json")
    assert ended.status == 0
    found: dict[str, Any] = ended.json["forecast"]
    return found


def test_each_scheme_that_the_pair_can_run_has_a_range_of_latencies_and_rates(shell: Shell) -> None:
    found = forecast(shell)
    assert [row["scheme"] for row in found["rows"]] == ["base", "drafter", "specreason"]
    for row in found["rows"]:
        for figure in ("latency_s", "prefill_s", "decode_s", "jobs_per_hour"):
            assert 0 < row[figure]["low"] < row[figure]["high"]
        assert (row["jobs"], row["cost"]) == (None, None)
    assert names(found["source"], "paper", "aime")


def test_problems_and_repeats_have_hours_gpu_hours_and_a_cost(shell: Shell) -> None:
    found = forecast(shell, "--problems", 30, "--repeats", 16, "--price", 0.8)
    assert (found["num_jobs"], found["num_devices"]) == (480, 2)
    for row in found["rows"]:
        hours, gpu_hours, cost = row["jobs"]["hours"], row["jobs"]["gpu_hours"], row["cost"]
        assert hours["low"] == pytest.approx(480 / row["jobs_per_hour"]["high"])
        assert gpu_hours["high"] == pytest.approx(2 * hours["high"])
        assert cost["high"] == pytest.approx(0.8 * gpu_hours["high"])


def test_a_dataset_counts_its_own_problems(shell: Shell) -> None:
    lines = len(PROBLEMS.read_text().splitlines())
    assert forecast(shell, "--file", PROBLEMS, "--repeats", 2)["num_jobs"] == 2 * lines
    ended = shell(*PAPERS, "--file", PROBLEMS, "--problems", 3, "--json")
    assert (ended.status, ended.json["error"]["field"]) == (2, "--problems")


def test_thresholds_and_schemes_are_chosen(shell: Shell) -> None:
    rows = forecast(shell, "--scheme", "specreason", "--threshold", 5, "--threshold", 9)["rows"]
    assert [(row["scheme"], row["threshold"]) for row in rows] == [("specreason", 5), ("specreason", 9)]
    assert rows[0]["latency_s"]["high"] < rows[1]["latency_s"]["high"]


@pytest.mark.parametrize(
    ("options", "field", "says"),
    [
        (("--scheme", "bass"), "--scheme", "base"),
        (("--scheme", "specdecode"), "--scheme", "token-level speculation"),
        (("--like", "aim"), "--like", "aime"),
        (("--repeats", "1"), "--repeats", "--problems"),
    ],
)
def test_what_cannot_be_predicted_is_refused_by_its_option(
    shell: Shell, options: tuple[str, ...], field: str, says: str
) -> None:
    ended = shell(*PAPERS, *options, "--json")
    assert (ended.status, ended.json["error"]["field"]) == (2, field)
    assert says in ended.json["error"]["message"]


def test_more_jobs_in_flight_than_there_is_room_for_are_not_predicted(shell: Shell) -> None:
    most = forecast(shell)["rows"][-1]["concurrency"]
    assert most > 1
    assert [forecast(shell, "--concurrency", n)["rows"][-1]["concurrency"] for n in (1, 1000)] == [1, most]


def test_an_easier_dataset_takes_less(shell: Shell) -> None:
    hard, easy = (forecast(shell, "--like", name)["rows"][-1]["latency_s"] for name in ("aime", "math500"))
    assert easy["high"] < hard["low"]


def test_a_pair_that_the_paper_does_not_know_says_whose_figures_it_borrows(shell: Shell) -> None:
    ended = shell("plan", "--pair", "qwen3-14b_0_6b-48gb", "--gpu", "a6000", "--json")
    assert names(ended.json["forecast"]["source"], "QwQ-32B", "R1-1.5B")


def test_a_person_gets_a_table_of_ranges_and_where_they_are_from(shell: Shell) -> None:
    ended = shell(*PAPERS, "--problems", 100, "--price", 1)
    assert names(ended.out, "specreason", "GPU-hours", "cost", "100 jobs", "data sheet", "paper")
    assert "–" in ended.out


def test_a_machine_without_a_gpu_and_a_pair_that_does_not_fit_have_no_forecast(shell: Shell) -> None:
    small = shell("plan", "--pair", "qwq-32b_r1-1_5b", "--gpu", "rtx4090x2", "--json")
    assert (small.status, small.json["forecast"]) == (3, None)
    here = shell("plan", "--pair", "demo", "--json")
    assert here.json["forecast"] is None
    assert names(here.err, "no forecast", "--gpu")
