"""`specreason ask`: the steps as they come, the answer, its grade, and what happens to the job of a user who leaves."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from specreason.store.queue.jobs import JobResult
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from tests.support.api.answering import CONTENT, SUCCEEDED, answering, steps
from tests.support.api.openai import num_jobs
from tests.support.messages import names
from tests.support.shell import Shell
from tests.support.store.builders import start_worker
from tests.support.store.sql import execute, rows_of, scalar
from tests.support.terminal import Terminal

COMMAND = [sys.executable, "-m", "specreason.cli.main"]
QUESTION = "What is 2 + 2?"


@pytest.fixture
def answered(database: Database) -> Iterator[None]:
    with answering(database, pair="demo"):
        yield


@pytest.mark.usefixtures("answered")
def test_the_steps_the_answer_and_the_figures_are_printed(shell: Shell, database: Database) -> None:
    ended = shell("ask", QUESTION, "--scheme", "specreason", "--threshold", 5, "--seed", 3)
    assert (ended.status, ended.err) == (0, "")
    first, draft, second, struck, kept, third, last, *rest = ended.out.splitlines()
    assert names(first, 0, "drafter", "score 8", "accepted")
    assert draft.strip() == "So 2 + 2 = 4."
    assert names(second, 1, "base", "score 3", "rejected")
    assert (struck.strip(), kept.strip()) == ("- So 2 + 2 = 5.", "+ Wait, 2 + 2 = 4.")
    assert names(third, 2, "drafter")
    assert last.strip().startswith("That is all.")
    assert rest[:3] == ["", CONTENT, ""]
    assert names(rest[3], "4 steps", "60%", "by the drafter", "tokens", "specreason job steps")
    assert "\x1b" not in ended.out
    ref = rest[3].split("Batch ")[1].split(";")[0]
    assert names(shell("job", "steps", f"{ref}/0").out, QUESTION)
    rows = rows_of(
        database, "SELECT name, batch.priority, pair, config->>'threshold', config->>'seed' FROM batch"
    )
    assert rows == [("ask", 100, "demo", "5.0", "3")]


@pytest.mark.usefixtures("answered")
def test_the_same_question_again_is_asked_again(shell: Shell, database: Database) -> None:
    for _ in range(2):
        assert shell("ask", QUESTION, "--quiet").out == "4\n"
    assert num_jobs(database) == 2


@pytest.mark.usefixtures("answered")
@pytest.mark.parametrize(("gold", "verdict"), [("4", "right"), ("5", "wrong")])
def test_an_answer_is_graded_against_the_one_that_is_given(shell: Shell, gold: str, verdict: str) -> None:
    ended = shell("ask", QUESTION, "--answer", gold)
    assert ended.status == 0
    assert any(names(line, verdict, f"expected {gold}") for line in ended.out.splitlines())


@pytest.mark.usefixtures("answered")
def test_json_is_one_object_with_texts_and_steps(shell: Shell) -> None:
    told = shell("ask", QUESTION, "--answer", "4", "--json").json
    assert (told["state"], told["answer"], told["answer_text"], told["is_correct"]) == (
        "succeeded",
        "4",
        CONTENT,
        True,
    )
    assert [step["decision"] for step in told["steps"]] == ["accepted", "rejected", "accepted", "answer"]
    assert told["problem"] == QUESTION


def test_control_characters_of_a_model_reach_no_terminal(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    steal = "\x1b]52;c;aGk=\x07\u202e 4"
    told = [replace(step, kept_text=f"{steal}{step.kept_text}") for step in steps()]
    monkeypatch.setattr("tests.support.api.answering.steps", lambda: told)
    result = replace(SUCCEEDED, answer=steal)
    with answering(database, pair="demo", result=result):
        shown = shell("ask", QUESTION, "--answer", "\x1b[31m5").out
        quiet = shell("ask", QUESTION, "--quiet").out
    for text in (shown, quiet):
        assert "4" in text
        assert not {"\x1b", "\x07", "\u202e"} & set(text)


@pytest.mark.usefixtures("answered")
def test_a_question_comes_from_standard_input_too(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"What is\n2 + 2?\n")))
    assert shell("ask", "-", "--quiet").out == "4\n"
    assert scalar(database, "SELECT text FROM problem") == "What is\n2 + 2?"


@pytest.mark.parametrize(
    ("arguments", "field", "says"),
    [
        ((" ",), "question", "empty"),
        (("x" * 200_001,), "question", "200,000"),
        ((QUESTION, "--pair", "nobody"), "--pair", "'nobody'"),
        ((QUESTION, "--threshold", "10"), "--threshold", "9"),
        ((QUESTION, "--config", '{"treshold": 7}'), "config.treshold", "unknown"),
        ((QUESTION, "--config", '{"repeats": 2}'), "config.repeats", "`specreason submit`"),
        ((QUESTION, "--scheme", "specdecode"), "config.scheme", "'specdecode'"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_asked(
    shell: Shell, database: Database, arguments: tuple[str, ...], field: str, says: str
) -> None:
    start_worker(database, pair="demo")
    ended = shell("ask", *arguments, "--json")
    assert (ended.status, ended.json["error"]["field"]) == (2, field)
    assert names(ended.json["error"]["message"], says)
    assert num_jobs(database) == 0


def test_bytes_that_are_no_text_are_no_question(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe1")))
    ended = shell("ask", "-")
    assert ended.status == 2
    assert names(ended.err, "standard input", "UTF-8")


def test_without_a_worker_it_says_at_once_what_to_do(shell: Shell, database: Database) -> None:
    nobody = shell("ask", QUESTION)
    assert nobody.status == 7
    assert names(nobody.err, "no worker", "`specreason up`")
    start_worker(database, pair="demo")
    other = shell("ask", QUESTION, "--pair", "qwq-32b_r1-1_5b")
    assert other.status == 7
    assert names(other.err, "'qwq-32b_r1-1_5b'", "demo", "`specreason worker --pair qwq-32b_r1-1_5b`")
    assert len(other.err.splitlines()) == 1
    assert num_jobs(database) == 0


def test_of_several_pairs_one_must_be_named(shell: Shell, database: Database) -> None:
    start_worker(database, pair="other")
    with answering(database, pair="demo"):
        ended = shell("ask", QUESTION)
        assert ended.status == 2
        assert names(ended.err, "--pair", "demo", "other")
        assert shell("ask", QUESTION, "--pair", "demo", "--quiet").out == "4\n"


def test_a_job_that_fails_is_status_3_and_says_why(shell: Shell, database: Database) -> None:
    failed = JobResult(state=JobState.FAILED, error="the prompt leaves no room")
    with answering(database, pair="demo", result=failed):
        shown = shell("ask", QUESTION)
        quiet = shell("ask", QUESTION, "--quiet")
    assert (shown.status, quiet.status, quiet.out) == (3, 3, "")
    for text in (shown.out, quiet.err):
        assert names(text, "failed", "no room")


def test_ctrl_c_cancels_the_job_and_says_so(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    start_worker(database, pair="demo")
    monkeypatch.setattr("specreason.cli.waiting.asking.POLL_S", 0)
    monkeypatch.setattr("specreason.cli.waiting.asking.time.sleep", interrupted)
    ended = shell("ask", QUESTION, "--json")
    assert (ended.status, json.loads(ended.out)["error"]["exit_status"]) == (130, 130)
    assert names(ended.err, "cancelled", "specreason job steps")
    assert scalar(database, "SELECT state FROM job") == "cancelled"


def test_where_the_job_cannot_be_cancelled_that_is_said(
    shell: Shell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(seconds: float) -> None:
        execute(database, "ALTER TABLE job RENAME TO gone")
        raise KeyboardInterrupt

    start_worker(database, pair="demo")
    monkeypatch.setattr("specreason.cli.waiting.asking.time.sleep", interrupted)
    ended = shell("ask", QUESTION)
    execute(database, "ALTER TABLE gone RENAME TO job")
    assert ended.status == 130
    assert names(ended.err, "goes on", "specreason batch cancel")


def test_on_a_terminal_the_ladder_grows_and_nothing_moves_in_the_end(database: Database, url: str) -> None:
    with answering(database, pair="demo"):
        seen = Terminal(70, {"SPECREASON_API_URL": url}).run([*COMMAND, "ask", QUESTION])
    assert seen.status == 0
    # A slow machine's API is said to be slow, in lines of their own before.
    steps = [
        line for line in seen.lines if "has not answered" not in line and not line.startswith("waiting up")
    ]
    assert names(steps[0], 0, "drafter", "accepted")
    assert CONTENT in seen.lines
    assert not any("waiting" in line for line in steps)
    assert max(map(len, seen.lines)) <= 70
