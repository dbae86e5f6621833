"""What `specreason compare` prints: a comparison, its problems, and two traces side by side, at every width."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx2
import pytest
from rich.console import Console

from specreason.cli.analysis import compared
from specreason.cli.analysis.compared import print_comparison, print_problems
from specreason.cli.analysis.named_jobs import jobs_of_problem
from specreason.cli.analysis.side_by_side import paired, parted, print_side_by_side
from specreason.client import Step
from specreason.client.analysis.comparison import ComparedPair, Outcome, Parting, compared_problems
from specreason.client.decoding import decode, to_json
from specreason.errors import NotFound
from specreason.evaluation.comparison.compare import compare
from tests.support.client_batches import client_batch
from tests.support.runs import run_of
from tests.unit.cli import test_reports as reports

LONG = "First we look at the sum of both numbers. " * 40
ID = UUID(int=7)
WIDTHS = (60, 80, 120, 200)


def printed(monkeypatch: pytest.MonkeyPatch, columns: int, show: Callable[[Console], None]) -> str:
    out = io.StringIO()
    console = Console(file=out, width=columns, force_terminal=True, no_color=True, highlight=False)
    monkeypatch.setattr(compared, "data_console", lambda: console)
    show(console)
    text = out.getvalue()
    for style in ("\x1b[1m", "\x1b[2m", "\x1b[0m", "\x1b[2;9m", "\x1b[9m", "\x1b[1;2m"):
        text = text.replace(style, "")
    return text


def comparison(**values: Any) -> Any:
    a = run_of([[index % 3 > 0] for index in range(90)])
    spent = {"spent_tokens": 12_345, "latency_s": 1.25}
    config = {"scheme": "specreason", "repeats": 1, "threshold": 7.0, "delimiter": "\n", "overlap": True}
    b = run_of(
        [[index % 9 > 0] for index in range(90)], job=lambda *_: spent, config=config, batch_id=UUID(int=2)
    )
    return compare(replace(a, **values), b, gpu_hour_price=2.5)


@pytest.mark.parametrize("columns", WIDTHS)
def test_a_comparison_fits_every_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    found = comparison(name="a name that is much longer than a narrow terminal is wide, threshold=7")
    text = printed(monkeypatch, columns, lambda _: print_comparison(found))
    assert max(map(len, text.splitlines())) <= columns
    assert "B is right more often: +22.2 points" in text.replace("\n", " ")
    assert "pass@1, %" in text
    assert "12,345" in text
    assert "95 %" in text
    assert r"'\n\n'" in text
    assert "none" not in text.lower().replace("none found", "")
    assert "nan" not in text


def test_wider_terminals_show_the_intervals_of_both_and_of_the_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow, wide = (
        printed(monkeypatch, columns, lambda _: print_comparison(comparison())) for columns in (60, 200)
    )
    assert narrow.count(" to ") < wide.count(" to ")
    assert "95 % of B" in wide


def test_what_is_not_known_has_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = dict.fromkeys(("latency_s", "drafter_device_s", "kept_tokens", "spent_tokens", "num_thinking"))
    ungraded = run_of([[None], [None]], job=lambda *_: unknown)
    text = printed(monkeypatch, 80, lambda _: print_comparison(compare(ungraded, ungraded)))
    assert "Nothing can be said of right answers" in text
    assert "latency, s" not in text
    assert "price" not in text


def test_where_pass_at_k_is_of_fewer_problems_they_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = run_of([[True, False]] * 4), run_of([[True, None], *[[True, False]] * 3])
    text = printed(monkeypatch, 120, lambda _: print_comparison(compare(a, b)))
    assert "pass@2 and majority@2: over the 3 problems of 4 with 2 graded repeats in both" in text
    assert "graded repeats" not in printed(monkeypatch, 120, lambda _: print_comparison(compare(a, a)))


def compared_pair(**values: Any) -> ComparedPair:
    pair = ComparedPair(
        problem_id="aime-2024-I-15",
        problem=LONG,
        gold="12",
        index_a=3,
        index_b=4,
        repeat=1,
        outcome=Outcome.WON,
        job_a=ID,
        job_b=ID,
        state_a="failed",
        state_b="succeeded",
        is_correct_a=None,
        is_correct_b=True,
        answer_a=None,
        answer_b="12" * 40,
        latency_a_s=None,
        latency_b_s=1.0,
        spent_tokens_a=None,
        spent_tokens_b=10,
    )
    return replace(pair, **values)


def test_of_several_repeats_the_first_whose_grades_differ_is_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pairs = [
        compared_pair(repeat=repeat, is_correct_a=is_correct, is_correct_b=True, job_a=UUID(int=repeat))
        for repeat, is_correct in enumerate((True, False, False))
    ]
    client: Any = SimpleNamespace(analysis=SimpleNamespace(compared_problems=lambda *_, **__: pairs))
    assert jobs_of_problem(client, ID, ID, "p1", None) == (UUID(int=1), ID)
    assert "repeat 1; --repeat shows another of 3" in capsys.readouterr().err
    assert jobs_of_problem(client, ID, ID, "p1", 2) == (UUID(int=2), ID)
    with pytest.raises(NotFound, match="repeat: both batches have 3 repeats"):
        jobs_of_problem(client, ID, ID, "p1", 3)


@pytest.mark.parametrize("columns", WIDTHS)
def test_the_problems_fit_and_name_both_jobs(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    batch = client_batch(config={"repeats": 2}, num_succeeded=1)
    text = printed(monkeypatch, columns, lambda _: print_problems(batch, batch, [compared_pair()]))
    assert max(map(len, text.splitlines())) <= columns
    assert "0000abcd/3/1" in text
    assert "0000abcd/4/1" in text
    assert "failed" in text


def test_a_word_that_this_client_does_not_know_is_read_as_text() -> None:
    row = to_json(compared_pair(outcome="strange"))
    assert decode(ComparedPair, row).outcome == "strange"


def test_pairs_come_in_long_pages_and_only_as_many_as_are_asked_for() -> None:
    asked: list[Any] = []

    def request(method: str, path: str, **options: Any) -> httpx2.Response:
        asked.append(dict(options["params"]))
        return httpx2.Response(200, json={"data": [to_json(compared_pair())] * 2, "next": str(ID)})

    transport: Any = SimpleNamespace(request=request)
    found = compared_problems(transport, ID, ID, outcomes=("won",), problem=None)
    assert len(list(islice(found, 3))) == 3
    assert [(each["limit"], each.get("after")) for each in asked] == [(1000, None), (1000, str(ID))]


def parting(**values: Any) -> Parting:
    known = Parting(
        job_a=ID,
        job_b=ID,
        same_problem=True,
        num_steps_a=4,
        num_steps_b=4,
        index=2,
        decided=2,
        num_same_characters=10,
        step_a=None,
        step_b=None,
    )
    return replace(known, **values)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "The first 2 steps are the same. The traces part at step 2, after 10 characters."),
        ({"index": 0, "num_same_characters": 0, "decided": 0}, "The traces part at step 0."),
        (
            {"decided": 1},
            "The first 2 steps are the same. The traces part at step 2, after 10 characters. Step 1 was decided "
            "otherwise, with the same text.",
        ),
        (
            {"num_same_characters": 1},
            "The first 2 steps are the same. The traces part at step 2, after 1 character.",
        ),
        ({"index": None, "decided": None}, "The traces have the same text in all 4 steps."),
        ({"num_steps_b": 2}, "B's trace ends after 2 steps; until then both are the same."),
        ({"num_steps_a": 0, "num_steps_b": 0, "index": None}, "Neither job has a step yet."),
        (
            {"index": None, "lacks_texts": True},
            "Texts of these traces are not stored, as after `prune` or an import without `payload`, and cannot be "
            "compared. Step 2 is the first that was decided otherwise.",
        ),
        (
            {"index": None, "decided": None, "lacks_texts": True},
            "Texts of these traces are not stored, as after `prune` or an import without `payload`, and cannot be "
            "compared. No step was decided otherwise.",
        ),
    ],
)
def test_where_traces_part_is_said_in_a_sentence(values: dict[str, Any], said: str) -> None:
    assert parted(parting(**values)) == said


def step(index: int, kept: str = "So.") -> Step:
    return reports.step(index, score=8, kept=kept, draft=kept, decision="accepted", author="drafter")


def traces() -> tuple[list[Step], list[Step]]:
    """Two same steps, of which one was decided otherwise; then another draft, and one trace is longer."""
    same = [step(index, f"Same {index}.") for index in range(2)]
    a = [*same, step(2, "So it is four. " + LONG)]
    rejected: dict[str, Any] = {
        "decision": "rejected",
        "draft_text": "No, it is nine.",
        "author": "base",
        "score": 2,
    }
    b = [
        *same,
        replace(step(2, "So it is five. " + LONG), **rejected),
        step(3),
    ]
    return a, b


def side(columns: int, *, full: bool, monkeypatch: pytest.MonkeyPatch, **values: Any) -> str:
    def show(console: Console) -> None:
        print_side_by_side(
            console,
            ("abcd/1: one", "ef01/1: two"),
            (reports.job(), reports.job()),
            parting(**values),
            paired(*traces(), None),
            full=full,
        )

    return printed(monkeypatch, columns, show)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("columns", WIDTHS)
def test_two_traces_stand_side_by_side_at_every_width(
    monkeypatch: pytest.MonkeyPatch, columns: int, full: bool
) -> None:
    text = side(columns, full=full, monkeypatch=monkeypatch)
    lines = text.splitlines()
    assert max(map(len, lines)) <= columns
    assert text.count("Same 1.") == 1
    (beside,) = [line for line in lines if "four" in line]
    assert "│" in beside
    assert "- No, it is" in text
    assert ("…" not in text) == full


def test_jobs_of_different_problems_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "different problems" in side(80, full=False, monkeypatch=monkeypatch, same_problem=False)


def test_no_more_steps_are_read_than_are_shown() -> None:
    read: list[int] = []

    def steps() -> Any:
        for index in range(1000):
            read.append(index)
            yield step(index)

    assert len(list(paired(steps(), iter(()), 5))) == 5
    assert len(read) <= 6
