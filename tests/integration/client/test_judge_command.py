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
from tests.support.store.builders import submit
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
    assert "keeps 100% " in second
    assert "passes 50% " in second
    text = "\n".join(rest)
    assert "0 to 3, 4 to 8, 9: each decides otherwise" in text
    assert re.search(r"^4 to 8 \(now\) +80\.0", text, re.MULTILINE)
    assert "An estimate" in text
    assert shell("judge", "ffffffff").status == 4
    assert re.search(r"^one digit +6 +6 +50\.0", text, re.MULTILINE)


@pytest.mark.parametrize("columns", [60, 120])
def test_every_line_fits_the_terminal(url: str, database: Database, columns: int) -> None:
    batch_id = judged_batch(database)
    terminal = Terminal(columns, {"SPECREASON_API_URL": url})
    seen = terminal.run([*COMMAND, "judge", str(batch_id), "--threshold", "9"])
    assert seen.status == 0
    assert seen.lines[0].startswith("The score ")
    # A line that does not fit would be two.
    table_lines = [line for line in seen.lines if re.match(r"[0-9]+( to [0-9]+)?( \(now\))?  ", line)]
    assert len(table_lines) >= 10
    assert max(len(line) for line in table_lines) <= columns
    assert "4 to 8 (now)" in seen.text
    assert ("no room for" in seen.text) == (columns == 60)


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
    unlike = judged_batch(database, config=RunConfig(threshold=9.0, seed=5))
    ended = shell("judge", first, other, unlike)
    table = ended.out[ended.out.index("Measured, and as estimated") :]
    assert names(table, short_id(first), short_id(other), "9 on the digit", "0.0")
    assert short_id(unlike) not in table
    found = shell("judge", first, other, "--json").json
    assert [each["batch_id"] for each in found["data"]] == [str(first), str(other)]
    (predicted,) = found["predicted_by_the_first"]
    assert (predicted["batch_id"], predicted["estimate"]["num_accepted"]) == (str(other), 0)


def test_a_plot_is_drawn_of_batches_with_and_without_drafts(
    shell: Shell, database: Database, tmp_path: Path
) -> None:
    batch_id, empty = judged_batch(database), submit(database)
    for name, begins, batches in (
        ("judge.png", b"\x89PNG", (batch_id, empty)),
        ("judge.SVG", b"<?xml", (batch_id,)),
    ):
        ended = shell("judge", *batches, "--plot", tmp_path / name)
        assert ended.status == 0
        assert ("There is nothing to judge yet: no job has ended." in ended.out) == (empty in batches)
        drawn = (tmp_path / name).read_bytes()
        assert drawn.startswith(begins)
        assert len(drawn) > 20_000


@pytest.mark.parametrize(
    ("options", "field", "said"),
    [
        (("--plot", "judge.pdf"), "--plot", ".png or .svg"),
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
