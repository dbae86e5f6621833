"""What a person sees on a narrow, a plain, a dumb and a closed terminal."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from uuid import UUID

import pytest

from specreason.client import Client, short_id
from specreason.config import RunConfig
from specreason.store.queue.batches import NewBatch
from specreason.store.queue.jobs import JobResult, finish
from specreason.store.queue.problems import NewProblem, check
from specreason.store.session import Database
from specreason.store.tables.states import JobState
from specreason.store.trace.writer import TraceWriter
from tests.support.shell import Shell
from tests.support.store.builders import (
    PAIR,
    accepted,
    append_all,
    claimed,
    insert_batch,
    job_ids,
    rejected,
    start_worker,
)
from tests.support.store.grading import grade_all
from tests.support.terminal import Terminal

COMMAND = [sys.executable, "-m", "specreason.cli.main"]
# What a terminal is told beside characters; that of a colour or style ends in `m`.
ESCAPE = re.compile(r"\x1b\[([0-9;?]*[A-Za-z])")
PROBLEM = "Ein Zug fährt um 8 Uhr ab: wann kommt er nach 4 Stunden an? " * 3
# Bold, dim, struck out, and two of them.
WITHOUT_COLOUR = ("1", "2", "9", "2;9", "1;2")
HEADINGS = {
    *("batch", "name", "pair", "scheme", "submitted", "done", "state", "pass@1", "accepted"),
    *("job", "problem", "answer", "graded", "steps", "s", "(in", "flight)", "error"),
    *("worker", "host", "gpu", "slots", "in", "use", "last", "heard", "of"),
    *(
        "attempt",
        "from",
        "step",
        "started",
        "outcome",
        "key",
        "owner",
        "scopes",
        "used",
        "revoked",
        "stopped",
    ),
}


def without_styles(text: str) -> str:
    return ESCAPE.sub("", text)


@pytest.fixture
async def seen(database: Database, url: str) -> UUID:
    """A batch of two repeats with a traced job, a failed one, and two that wait; its id."""
    problems = [NewProblem(text=PROBLEM, answer="12 Uhr – mittags", problem_id="züge-2024-I-15")] * 2
    name = "a name that is much longer than a narrow terminal is wide, specreason threshold=7"
    config = RunConfig(repeats=2, seed=7)
    batch_id = insert_batch(database, NewBatch(name=name, pair=PAIR, config=config, problems=check(problems)))
    good, bad, *_ = job_ids(database, batch_id)
    worker_id = start_worker(database)
    job = claimed(database, good, worker_id)
    writer = TraceWriter(database)
    await append_all(writer, job, accepted(0, PROBLEM * 3), rejected(1))
    writer.close()
    assert finish(database, job, JobResult(state=JobState.SUCCEEDED, answer="12 Uhr – mittags"))
    failed = claimed(database, bad, worker_id)
    assert finish(database, failed, JobResult(state=JobState.FAILED, error="the prompt leaves no room " * 4))
    grade_all(database)
    return batch_id


def commands(batch_id: UUID) -> list[tuple[str, ...]]:
    short = short_id(batch_id)
    return [
        ("batch", "list"),
        ("batch", "show", short),
        ("batch", "jobs", short),
        ("job", "show", f"{short}/0/0"),
        ("job", "steps", f"{short}/0/0"),
        ("job", "attempts", f"{short}/1/0"),
        ("workers",),
        ("keys", "list"),
        ("doctor", "--data-dir", "."),
    ]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_every_line_fits_the_terminal(
    seen: UUID, shell: Shell, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    assert shell("keys", "create", "the key of a laptop that was lent to somebody").status == 0
    monkeypatch.setenv("FORCE_COLOR", "1")  # a terminal, to rich
    monkeypatch.setenv("COLUMNS", str(columns))
    for command in commands(seen):
        lines = without_styles(shell(*command).out).splitlines()
        assert max(map(len, lines)) <= columns, command


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_a_table_has_one_line_per_row_and_no_broken_heading(
    seen: UUID, shell: Shell, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    short = short_id(seen)
    for command, starts in (
        (("batch", "list"), ["batch", short]),
        (("batch", "jobs", short), ["job", *(f"{short}/{job}" for job in ("0/0", "1/0", "0/1", "1/1"))]),
    ):
        lines = without_styles(shell(*command).out).splitlines()
        assert [line.split()[0] for line in (lines[0], *lines[2:])] == starts
        assert set(lines[0].split()) <= HEADINGS
        assert "state" in lines[0]


def test_a_narrow_trace_breaks_between_words(
    seen: UUID, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "50")
    shown = without_styles(shell("job", "steps", f"{short_id(seen)}/0/0").out)
    words = set(PROBLEM.split())
    assert words <= set(shown.split())
    # The headline goes on under its first word.
    assert any(line.startswith("     ") and line.endswith(" s") for line in shown.splitlines())


def test_a_pipe_gets_whole_texts_and_every_heading(seen: UUID, shell: Shell) -> None:
    listed = shell("batch", "jobs", seen).out
    assert "the prompt leaves no room the prompt" in listed
    assert "züge-2024-I-15" in listed
    assert "\x1b" not in listed
    assert len(listed.splitlines()) == 5


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONUTF8": "0", "LC_ALL": "C"},
        {"NO_COLOR": "1"},
        {"TERM": "dumb"},
    ],
    ids=["ASCII", "NO_COLOR", "dumb"],
)
def test_a_terminal_without_styles_or_letters_is_no_error(seen: UUID, environment: dict[str, str]) -> None:
    for command in commands(seen)[:7]:
        shown = Terminal(60, environment).run([*COMMAND, *command]).raw
        assert "Traceback" not in shown
        assert max(map(len, without_styles(shown).splitlines())) <= 60, command
        if "LC_ALL" in environment:
            assert without_styles(shown).isascii(), command
        told = set(ESCAPE.findall(shown))
        assert all(each.endswith("m") for each in told), command
        if "NO_COLOR" in environment:
            assert told <= {f"{style}m" for style in ("0", *WITHOUT_COLOUR)}, command
        if "TERM" in environment:
            assert not told, command


def test_an_ascii_terminal_names_batches_that_it_cannot_show(seen: UUID, client: Client, url: str) -> None:
    ascii_only = os.environ | {"PYTHONUTF8": "0", "LC_ALL": "C"}
    client.submit([{"problem": "1 + 1?"}], name="Züge")
    named = subprocess.run(
        [*COMMAND, "batch", "show", "Züge"], env=ascii_only, capture_output=True, check=False
    )
    assert (named.returncode, named.stderr) == (0, b"")
    missing = subprocess.run(
        [*COMMAND, "batch", "show", "Zöge"], env=ascii_only, capture_output=True, check=False
    )
    assert missing.returncode == 4
    assert "'Zöge'" in missing.stderr.decode()


@pytest.mark.parametrize("command", [("batch", "list"), ("batch", "list", "--json"), ("version",)])
def test_a_closed_stdout_is_one_clear_line(seen: UUID, command: tuple[str, ...]) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *COMMAND, *command], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 141
    assert ended.stderr.count("\n") == 1
    assert "standard output" in ended.stderr


def test_a_closed_stderr_and_stdin_are_no_error(seen: UUID) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", '"$@" 2>&- <&-', "sh", *COMMAND, "batch", "show", short_id(seen)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0
    assert str(seen) in ended.stdout


def test_the_first_line_is_enough_for_a_reader(seen: UUID) -> None:
    ended = subprocess.run(
        ["/bin/sh", "-c", '"$@" | head -1', "sh", *COMMAND, "batch", "list"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.stdout.count("\n"), ended.stderr) == (1, "")
