"""What is shown while a big dataset is read and sent, and what is said if that ends early."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from specreason.cli.exits import EXIT_TERMINATED
from specreason.cli.waiting import sending
from specreason.cli.waiting.sending import shown_reading, shown_sending, telling_the_fate
from specreason.errors import Detached, Stopped
from tests.support.messages import names
from tests.support.workers.processes import wait_for


def shown_on(monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool) -> io.StringIO:
    """What the displays write. They do not wait."""
    out = io.StringIO()
    console = Console(file=out, force_terminal=is_terminal, width=80, color_system=None)
    monkeypatch.setattr(sending, "message_console", lambda: console)
    monkeypatch.setattr(sending, "print_message", console.print)
    monkeypatch.setattr(sending, "BAR_AFTER_S", 0)
    monkeypatch.setattr(sending, "LINE_AFTER_S", 0)
    return out


def test_a_terminal_shows_how_much_is_sent_and_then_that_it_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = shown_on(monkeypatch, is_terminal=True)
    content = b"x" * 3_000_000
    with shown_sending(io.BytesIO(content), len(content)) as file:
        first = file.read(1_000_000)
        wait_for(lambda: "1.0/3.0 MB" in out.getvalue())
        assert first + file.read() == content
        wait_for(lambda: "stores" in out.getvalue())
        file.seek(0)  # a second try
        assert file.read() == content


def test_a_terminal_shows_how_many_rows_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    out = shown_on(monkeypatch, is_terminal=True)
    with shown_reading("sums.csv") as tell:
        for number in range(1, 12_346):
            tell(number)
        wait_for(lambda: "sums.csv: 12,000 rows" in out.getvalue())


def test_a_log_gets_one_line_about_a_long_submission(monkeypatch: pytest.MonkeyPatch) -> None:
    out = shown_on(monkeypatch, is_terminal=False)
    with shown_sending(io.BytesIO(b"abc"), 3_000_000) as file:
        wait_for(lambda: bool(out.getvalue()))
        assert file.read() == b"abc"
    assert names(out.getvalue(), "sending", "3,000,000 bytes")


@pytest.mark.parametrize(
    ("ended", "error"), [(KeyboardInterrupt(), Detached), (SystemExit(EXIT_TERMINATED), Stopped)]
)
def test_who_interrupts_a_submission_is_told_that_it_may_be_stored(
    ended: BaseException, error: type[Exception]
) -> None:
    with pytest.raises(error, match="not known"), telling_the_fate(again=False):
        raise ended
