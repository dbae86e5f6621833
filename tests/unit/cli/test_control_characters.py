"""No command prints a control character that a user or a model wrote."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from rich.live import Live
from rich.text import Text

from specreason.cli import completion
from specreason.cli.checks.finding import fail
from specreason.cli.connection import _say
from specreason.cli.exits import report
from specreason.cli.show import answer, batches, findings, jobs, output, tables, trace
from specreason.cli.waiting import watching
from specreason.cli.waiting.bars import Bars
from specreason.cli.waiting.progress import label_of
from specreason.client import Attempt, Batch, Job
from tests.unit.cli.test_reports import THEN, batch, job, step
from tests.unit.test_visible import ATTACKS, CONTROLS

EVIL = "".join(ATTACKS) + "two\nlines"


def evil(value: Any) -> Any:
    """The value with the attack in every text that is the user's, the model's or the server's to write."""
    kept = {"state", "decision", "author", "phase", "stop_reason", "scheme", "config_hash"}
    assert is_dataclass(value)
    texts = {
        each.name: EVIL
        for each in fields(value)
        if each.name not in kept and (isinstance(getattr(value, each.name), str) or each.type == "str | None")
    }
    return replace(value, **texts)


BATCH: Batch = evil(batch(queued=1, succeeded=2))
STEP = evil(step(0, score=3, kept="", draft="", decision="rejected", author="base"))
JOB: Job = replace(evil(job()), answer=EVIL, gold=EVIL, error=EVIL, problem_id=EVIL)
ATTEMPT = Attempt(
    number=1,
    worker_id=None,
    fence=1,
    first_step=0,
    started_at=THEN,
    ended_at=THEN,
    outcome="error",
    error=EVIL,
)

PRINTED: dict[str, Callable[[], object]] = {
    "a table of batches": lambda: batches.print_batches([BATCH]),
    "a batch": lambda: batches.print_batch(BATCH),
    "a table of jobs": lambda: jobs.print_jobs(BATCH, [JOB]),
    "a job": lambda: jobs.print_job(BATCH, JOB),
    "attempts": lambda: jobs.print_attempts([ATTEMPT]),
    "a trace": lambda: trace.print_trace(output.data_console(), EVIL, JOB, [STEP]),
    "a whole trace": lambda: trace.print_trace(output.data_console(), EVIL, JOB, [STEP], full=True),
    "a message": lambda: output.print_message(EVIL),
    "an answer": lambda: output.print_answer({}, EVIL, as_json=False),
    "an answer in JSON": lambda: output.print_answer({"name": EVIL}, EVIL, as_json=True),
    "a list in JSON": lambda: output.print_list_as_json([{"name": EVIL}]),
    "facts": lambda: output.print_facts(output.data_console(), [("name", EVIL), ("text", Text(EVIL))]),
    "findings": lambda: findings.print_findings([fail("pair", EVIL, EVIL)]),
    "an answer alone": lambda: answer.print_answer_alone(JOB, [STEP]),
    "an error": lambda: report(EVIL, 2, field=EVIL, as_json=True),
    "a delay": lambda: _say(EVIL),
    "lines of a wait": lambda: watching.Lines(output.message_console(), [BATCH]).show(BATCH),
    "bars": lambda: output.message_console().print(Bars(output.message_console(), [BATCH])),
    "a text of rich's own": lambda: output.data_console().print(Text.assemble((EVIL, "bold"))),
    "a table": lambda: tables.print_table(
        output.data_console(), [tables.Column(heading="x")], [[EVIL], [Text(EVIL)]]
    ),
}


@pytest.mark.parametrize("what", PRINTED)
def test_what_is_printed_has_no_control_character(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    PRINTED[what]()
    printed = "".join(capsys.readouterr())
    assert printed
    assert not set(printed) & set(CONTROLS)


def test_what_is_drawn_has_none_but_those_of_the_terminal_itself() -> None:
    screen = io.StringIO()
    console = output.SafeConsole(file=screen, force_terminal=True, width=200, color_system=None)
    with Live(Bars(console, [BATCH]), console=console, refresh_per_second=1):
        pass
    drawn = screen.getvalue()
    assert "]52;" in drawn
    for attack in ATTACKS:
        assert attack not in drawn


def test_a_label_is_one_line() -> None:
    assert len(label_of(BATCH).splitlines()) == 1


def test_a_completion_offers_no_name_that_cannot_be_typed() -> None:
    plain = replace(batch(queued=1), name="sums")
    offers = list(completion._offers([BATCH, plain], ""))
    assert [offer for offer, _ in offers].count("sums") == 1
    assert not set("".join(map("".join, offers))) & {*CONTROLS, "\n"}
