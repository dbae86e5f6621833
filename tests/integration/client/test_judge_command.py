"""`specreason judge`: what the scores of stored batches are worth, as a person, a program and a plot show it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from specreason.client import Client, short_id
from specreason.config import RunConfig, ScoreMethod
from specreason.store.session import Database
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import answer, submit
from tests.support.store.judged_batches import judged_batch
from tests.support.terminal import Terminal

COMMAND = [sys.executable, "-m", "specreason.cli.main"]


@pytest.fixture
def alone(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Without an API: what needs one would fail."""
    return Shell("", capsys)


def test_a_person_reads_first_what_the_score_is_worth(shell: Shell, database: Database) -> None:
    batch_id = judged_batch(database)
    ended = shell("judge", batch_id)
    first, second, *rest = ended.out.splitlines()
    assert ended.status == 0
    assert first.startswith("The score ")
    assert "AUC 0.50" in first
    assert "accepts 100% " in second
    assert " 50% " in second
    text = "\n".join(rest)
    assert "0 to 3, 4 to 8, 9: each decides otherwise" in text
    assert re.search(r"^4 to 8 \(now\) +80\.0", text, re.MULTILINE)
    assert "An estimate" in text
    assert shell("judge", "ffffffff").status == 4
    assert re.search(r"^one digit +6 +6 +50\.0", text, re.MULTILINE)


@pytest.mark.parametrize("columns", [60, 120])
def test_every_line_fits_the_terminal(url: str, database: Database, columns: int) -> None:
    batch_id = judged_batch(database)
    other = judged_batch(database, config=RunConfig(threshold=9.0))
    terminal = Terminal(columns, {"SPECREASON_API_URL": url})
    seen = terminal.run([*COMMAND, "judge", str(batch_id), str(other), "--threshold", "9"])
    assert seen.status == 0
    assert seen.lines[0].startswith("The score ")
    # A line that does not fit would be two.
    table_lines = [line for line in seen.lines if re.match(r"[0-9]+( to [0-9]+)?( \(now\))?  ", line)]
    assert len(table_lines) >= 10
    assert max(len(line) for line in table_lines) <= columns
    (measured,) = (line for line in seen.lines if line.startswith(f"{short_id(other)}  "))
    assert re.search(r" [0-9]+\.[0-9]{2}$", measured)
    assert "4 to 8 (now)" in seen.text
    # How wide the columns are depends on the times that this machine takes.
    assert columns != 60 or "no room for" in seen.text


def test_a_program_reads_everything_from_json_and_the_client_the_same(
    shell: Shell, database: Database, client: Client
) -> None:
    batch_id = judged_batch(database)
    found = shell("judge", batch_id, "--threshold", "9", "--json").json
    judgement = client.analysis.judge(batch_id, threshold=9)
    assert found["summary"] == list(judgement.summary)
    assert judgement.replay is not None
    assert judgement.replay.asked is not None
    assert judgement.replay.asked.rule.score_method is ScoreMethod.GREEDY
    assert found["replay"]["asked"]["num_accepted"] == judgement.replay.asked.num_accepted == 0
    assert found["replay"]["assumption"].startswith("An estimate")


def test_of_several_batches_the_first_ones_estimates_stand_beside_what_was_measured(
    shell: Shell, database: Database
) -> None:
    first = judged_batch(database)
    other = judged_batch(database, config=RunConfig(threshold=9.0))
    ended = shell("judge", first, other)
    table = ended.out[ended.out.index("Measured, and as estimated") :]
    assert names(table, short_id(first), short_id(other), "9 on the digit", "0.0")
    assert "does not stand" not in table
    found = shell("judge", first, other, "--json").json
    assert [each["batch_id"] for each in found["data"]] == [str(first), str(other)]
    (predicted,) = found["predicted_by_the_first"]
    assert (predicted["batch_id"], predicted["estimate"]["num_accepted"]) == (str(other), 0)
    assert found["left_out"] == []


def test_a_batch_that_differs_in_more_than_its_rule_is_left_out_with_the_reason(
    shell: Shell, database: Database
) -> None:
    first = judged_batch(database)
    config = RunConfig(threshold=9.0)
    reasons = {
        judged_batch(database, config=RunConfig(threshold=9.0, seed=5, overlap=False)): "overlap, seed, too",
        judged_batch(database, config=config, problem="What is 2 + 2?"): "its problems are others",
        judged_batch(database, ["21", "99"], config=config): "its problems are others",
        judged_batch(database, ["21", "99"], config=config, num_unstarted=1): "1 job of .* has not ended",
        judged_batch(database, config=config, steps=[answer(0)]): "has no scored draft",
    }
    ended = shell("judge", first, *reasons)
    assert ended.status == 0
    assert "Measured, and as estimated" not in ended.out
    for batch_id, why in reasons.items():
        assert re.search(f"{short_id(batch_id)} does not stand beside {short_id(first)}: .*{why}", ended.out)
    found = shell("judge", first, *reasons, "--json").json
    assert found["predicted_by_the_first"] == []
    assert [each["batch_id"] for each in found["left_out"]] == list(map(str, reasons))


def test_a_plot_is_drawn_of_batches_with_and_without_drafts(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    batch_id, empty = judged_batch(database), submit(database)
    for name, begins, batches in (
        ("judge.png", b"\x89PNG", (batch_id, empty)),
        ("judge.SVG", b"<?xml", (batch_id,)),
        ("judge.pdf", b"%PDF", (batch_id,)),
    ):
        ended = shell("judge", *batches, "--plot", tmp_path / name)
        assert ended.status == 0
        assert ("There is nothing to judge yet: no job has ended." in ended.out) == (empty in batches)
        drawn = (tmp_path / name).read_bytes()
        assert drawn.startswith(begins)
        assert len(drawn) > 10_000


@pytest.mark.parametrize("path", ["compared.gif", "/no/such/folder/compared.png"])
def test_a_plot_that_cannot_be_drawn_is_refused_before_two_batches_are_compared(
    alone: Shell, path: str
) -> None:
    ended = alone("compare", "ffff", "eeee", "--plot", path, "--json")
    assert (ended.status, ended.json["error"]["field"]) == (2, "--plot")


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        (("--plot", "judge.gif"), "--plot", ".png, .svg or .pdf"),
        (("--plot", "/no/such/folder/judge.png"), "--plot", "no folder"),
        (("--score-method", "mean", "--threshold", "5"), "--score-method", "'greedy' or 'expected'"),
        (("--score-method", "expected"), "--score-method", "--threshold"),
        (("--threshold", "11"), "--threshold", "9"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_asked(
    alone: Shell, options: tuple[str, ...], field: str, said: str
) -> None:
    ended = alone("judge", "ffff", *options, "--json")
    error = ended.json["error"]
    assert (ended.status, error["field"]) == (2, field)
    assert said in error["message"]


def test_a_library_that_is_missing_is_named_with_the_extra_that_brings_it(
    alone: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ended = alone("judge", "ffff", "--plot", tmp_path / "judge.png")
    assert ended.status == 2
    assert names(ended.err, "matplotlib", "specreason[analysis]")
