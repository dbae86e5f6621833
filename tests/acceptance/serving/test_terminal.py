"""What a person sees in a terminal of 60, 80 and 120 columns, from the first submission to a trace."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pexpect
import pytest
from rich.cells import cell_len
from rich.text import Text

from specreason.cli.local.stack import Stack
from specreason.submission.problem import BUNDLED_PROBLEMS
from tests.support.terminal import Seen, Terminal

SPECREASON = [sys.executable, "-m", "specreason.cli.main"]
NUM_PROBLEMS = 6
# The stack loads a pair; on a busy machine that takes minutes.
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(params=[60, 80, 120])
def terminal(stack: Stack, request: pytest.FixtureRequest) -> Terminal:
    return Terminal(request.param, {"SPECREASON_API_URL": stack.api_url})


@pytest.fixture(scope="module")
def problems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("problems") / "sums.jsonl"
    path.write_text("".join(BUNDLED_PROBLEMS.read_text().splitlines(keepends=True)[:NUM_PROBLEMS]))
    return path


@pytest.fixture(scope="module")
def batch(stack: Stack, problems: Path) -> str:
    """The name of a batch that has ended."""
    name = "sums of six"
    command = ["submit", str(problems), "--name", name, "--threshold", "7", "--wait"]
    seen = Terminal(100, {"SPECREASON_API_URL": stack.api_url}).run([*SPECREASON, *command])
    assert seen.status == 0, seen.text
    return name


def run(terminal: Terminal, *arguments: str, status: int = 0) -> Seen:
    """Run a command; it ends as expected, and no line of it is broken."""
    seen = terminal.run([*SPECREASON, *arguments])
    assert seen.status == status, seen.text
    for line in re.split(r"[\r\n]+", seen.raw):
        assert cell_len(Text.from_ansi(line).plain) <= terminal.columns, line
    return seen


def rows_of(seen: Seen, heading: str) -> list[str]:
    """The rows of a table whose first column is `heading`: each begins with a short id."""
    assert seen.lines[0].split()[0] == heading
    return [line for line in seen.lines[1:] if re.match(r"[0-9a-f]{8}\b", line)]


def test_a_list_shows_each_batch_in_one_line_with_an_id_that_every_command_takes(
    terminal: Terminal, batch: str
) -> None:
    seen = run(terminal, "batch", "list", "--name", batch)
    rows = rows_of(seen, "batch")
    assert len(rows) == 1
    assert f"{NUM_PROBLEMS}/{NUM_PROBLEMS}" in rows[0]
    short = rows[0].split()[0]
    for command in (["batch", "show"], ["batch", "jobs"], ["batch", "watch"]):
        assert short in run(terminal, *command, short).text


def test_a_batch_shows_where_its_figures_come_from(terminal: Terminal, batch: str) -> None:
    shown = run(terminal, "batch", "show", batch)
    named = [line.split()[0] for line in shown.lines if line.strip() and not line.startswith(" ")]
    for fact in ("batch", "jobs", "pass@1", "accepted", "s/job", "tokens", "stopped"):
        assert fact in named
    assert "in flight" in shown.text


def test_each_job_has_one_line_and_leads_to_its_trace(terminal: Terminal, batch: str) -> None:
    seen = run(terminal, "batch", "jobs", batch)
    rows = rows_of(seen, "job")
    assert len(rows) == NUM_PROBLEMS
    job = rows[0].split()[0]
    assert "answered" in run(terminal, "job", "show", job).text
    trace = run(terminal, "job", "steps", job)
    assert "score 9, needs 7" in trace.text
    assert trace.lines[-1].startswith("succeeded") or "answer" in trace.text


def test_a_watched_batch_shows_its_counts_at_every_width_and_ctrl_c_says_how_to_look_again(
    terminal: Terminal, problems: Path
) -> None:
    command = [
        "submit",
        str(problems),
        "--again",
        "--repeats",
        "8",
        "--name",
        f"many {terminal.columns}",
        "--wait",
    ]
    child = terminal.start([*SPECREASON, *command])
    child.expect(rf"\d+/{8 * NUM_PROBLEMS}")
    child.sendintr()
    child.expect(pexpect.EOF)
    seen = terminal.seen(child)
    assert seen.status == 130
    assert "specreason batch watch" in seen.raw
    assert run(terminal, "batch", "cancel", f"many {terminal.columns}").text
