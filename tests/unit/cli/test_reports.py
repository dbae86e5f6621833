"""What commands print for a person, on a terminal and in a pipe."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from rich.console import Console

from specreason.cli.exits import STATUS_OF, status_of
from specreason.cli.show import controls, figures, jobs
from specreason.cli.show.batches import counts_in_words, state_bar
from specreason.cli.show.trace import print_trace
from specreason.client import Batch, Job, Step
from specreason.errors import (
    Conflict,
    InputError,
    InvalidField,
    KeyRefused,
    LimitReached,
    NotFound,
    SpecReasonError,
    TimedOut,
    Unreachable,
)
from tests.support.messages import names

ID = UUID("0193b2a4-0000-7000-8000-000000000000")
THEN = datetime(2026, 1, 1, tzinfo=UTC)
LONG = "First we look at the sum of both numbers. " * 12


def batch(**counts: int) -> Batch:
    states = ("queued", "running", "succeeded", "failed", "cancelled", "expired", "dead")
    return Batch(
        batch_id=ID,
        name="sums",
        pair="demo",
        scheme="specreason",
        config={},
        config_hash="",
        metadata={},
        priority=0,
        file_id=None,
        num_problems=1,
        num_jobs=sum(counts.values()),
        num_graded=0,
        num_ungraded=0,
        num_correct=0,
        pass_at_1=None,
        num_timed=0,
        mean_latency_s=None,
        num_steps=0,
        num_drafted=0,
        num_accepted=0,
        step_acceptance=None,
        kept_tokens=0,
        spent_tokens=0,
        engine_s=0.0,
        created_at=THEN,
        paused_at=THEN if counts.get("queued") else None,
        cancelled_at=None,
        finished_at=None,
        **{f"num_{state}": counts.get(state, 0) for state in states},
    )


def job() -> Job:
    return Job(
        job_id=ID,
        batch_id=ID,
        batch_name="sums",
        pair="demo",
        scheme="specreason",
        problem_index=0,
        problem_id=None,
        problem="What is 2 + 2 [in bold]?",
        gold="4",
        repeat=0,
        seed=0,
        priority=0,
        state="succeeded",
        stop_reason="answered",
        error=None,
        answer="4",
        is_correct=True,
        num_steps=2,
        num_drafted=2,
        num_accepted=1,
        step_acceptance=0.5,
        think_tokens=1,
        answer_tokens=1,
        kept_tokens=2,
        spent_tokens=3,
        wasted_tokens=1,
        engine_s=1.0,
        latency_s=1.0,
        resumed=False,
        num_attempts=1,
        num_errors=0,
        num_lost=0,
        concurrency=1,
        pair_fingerprint=None,
        worker_id=None,
        deadline_at=None,
        created_at=THEN,
        started_at=THEN,
        finished_at=THEN,
    )


def step(index: int, *, score: int | None, kept: str, draft: str, decision: str, author: str) -> Step:
    rejected = decision != "accepted"
    return Step(
        index=index,
        phase="think",
        decision=decision,
        author=author,
        kept_text=kept,
        kept_tokens=12,
        spent_tokens=25 if rejected else 13,
        finish_reason="delimiter",
        recent_acceptance=None,
        break_even=None,
        tokens_since_draft=None,
        threshold=7.0,
        score=score,
        expected_score=None,
        digit_probs=None,
        non_digit_mass=None,
        draft_text=draft,
        draft_tokens=12,
        draft_finish_reason="delimiter",
        draft_prompt_tokens=1,
        draft_cached_tokens=0,
        draft_ttft_s=0.01,
        draft_latency_s=0.1,
        draft_ahead_s=0.0,
        verify_token_id=1,
        verify_prompt_tokens=1,
        verify_cached_tokens=0,
        verify_latency_s=0.05,
        written_text=kept if rejected else None,
        written_tokens=12 if rejected else None,
        written_finish_reason=None,
        written_prompt_tokens=None,
        written_cached_tokens=None,
        written_ttft_s=None,
        written_latency_s=0.2 if rejected else None,
        fence=1,
        created_at=THEN,
    )


STEPS = (
    step(0, score=8, kept=LONG, draft=LONG, decision="accepted", author="drafter"),
    step(1, score=2, kept="It is [4].", draft="It is 5.", decision="rejected", author="base"),
)


def trace(*, terminal: bool, full: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=80, force_terminal=terminal, highlight=False, _environ={})
    print_trace(console, "00000000/0", job(), STEPS, full=full)
    return out.getvalue()


def test_a_trace_says_who_wrote_what_and_why_it_was_kept() -> None:
    text = trace(terminal=False)
    assert "  0  drafter  score 8, needs 7  accepted  12/13 tokens  0.15 s" in text
    assert "  1  base  score 2, needs 7  rejected  12/25 tokens  0.35 s" in text
    assert "     - It is 5.\n     + It is [4].\n" in text
    assert "What is 2 + 2 [in bold]?" in text
    assert text.endswith("succeeded, answered; answer 4, expected 4: right\n")


def test_a_trace_in_a_pipe_is_plain_and_on_a_terminal_strikes_out_what_was_rejected() -> None:
    assert "\x1b" not in trace(terminal=False)
    assert "\x1b[2;9mIt is 5." in trace(terminal=True)


def test_long_texts_are_cut_unless_the_whole_trace_is_asked_for() -> None:
    short, whole = trace(terminal=False), trace(terminal=False, full=True)
    assert short.count("First we look") < 12
    assert " …\n" in short
    assert " ".join(whole.split()).count("First we look at the sum of both numbers.") == 12
    assert max(map(len, whole.splitlines())) <= 80


def test_a_chat_is_shown_turn_by_turn_and_a_plain_problem_as_its_text() -> None:
    chat = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 2 + 2 [in bold]?"},
    ]
    said = jobs.asked(replace(job(), messages=tuple(chat)))
    assert said == "system: Be brief.\n\nuser: What is 2 + 2 [in bold]?"
    assert jobs.asked(job()) == "What is 2 + 2 [in bold]?"


def test_the_bar_shows_every_state_however_few_jobs_are_in_it() -> None:
    bar = state_bar(batch(queued=50, running=1, succeeded=949)).plain
    assert {sign: bar.count(sign) for sign in "░▓█"} == {"░": 2, "▓": 1, "█": 38}


def test_reasons_are_counted_with_the_most_frequent_first() -> None:
    assert figures.stopped_in_words({"context_full": 2, "answered": 6}) == "6 answered, 2 context full"
    assert figures.stopped_in_words({}) is None


@pytest.mark.parametrize(
    ("reason", "knob"),
    [
        ("token_budget", "token_budget"),
        ("context_full", "max_model_len"),
        ("max_steps", "max_steps"),
        ("repeated_step", "max_same_steps"),
        ("deadline", "specreason batch requeue 00000000 --state expired"),
    ],
)
def test_a_limit_that_stopped_most_jobs_is_named_with_the_knob_that_helps(reason: str, knob: str) -> None:
    mostly = replace(batch(succeeded=8), stop_reasons={reason: 5, "answered": 3})
    assert names(figures.remedy(mostly) or "", "5 of 8 jobs", knob)
    assert names(
        figures.remedy(replace(batch(succeeded=1), stop_reasons={reason: 1})) or "", "1 of 1 job", knob
    )
    assert figures.remedy(replace(mostly, stop_reasons={reason: 4, "answered": 4})) is None
    assert figures.remedy(replace(mostly, num_queued=1, num_succeeded=7)) is None  # not all have ended


def test_a_latency_says_at_how_many_in_flight_it_was_measured() -> None:
    assert figures.latency_in_words(3.4, 16.0) == "3.40 at 16 in flight"
    assert figures.latency_in_words(3.4, 7.53) == "3.40 at 7.5 in flight"
    assert figures.latency_in_words(3.4, None) == "3.40"
    assert figures.latency_in_words(None, None) is None
    assert figures.short_latency(3.4, 16.0) == "3.40 (16)"


def test_the_parts_of_a_latency_are_shares_of_it() -> None:
    shares = figures.parts_of_latency(10.0, engine_s=9.5, store_s=0.1, own_s=0.4)
    assert names(shares or "", "engines 95%", "storing 1%", "4%")
    assert figures.parts_of_latency(10.0, engine_s=9.5, store_s=None, own_s=None) is None


def test_an_answer_that_is_missing_is_explained() -> None:
    assert figures.why_stopped(replace(job(), answer=None)) == "no boxed answer"
    assert figures.why_stopped(replace(job(), stop_reason="context_full")) == "context full"
    assert figures.why_stopped(replace(job(), stop_reason=None)) is None


def test_tokens_that_the_loop_put_in_are_named_beside_kept_and_spent() -> None:
    closed = replace(job(), inserted_tokens=1)
    assert names(figures.tokens_in_words(closed), "2 kept of 3 spent", 1)
    assert figures.tokens_in_words(job()) == "2 kept of 3 spent"


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ({"cancelled": 5, "succeeded": 3, "changed": 5}, ["cancelled 5 jobs", "3 had ended"]),
        ({"cancelled": 1, "changed": 1}, ["cancelled 1 job"]),
        ({"succeeded": 8, "changed": 0}, ["nothing left", "all 8 jobs have ended"]),
        ({"succeeded": 1, "changed": 0}, ["nothing left", "its job has ended"]),
    ],
)
def test_a_cancellation_says_how_many_jobs_it_ended(before: dict[str, int], says: list[str]) -> None:
    num_changed = before.pop("changed")
    assert names(controls.cancelled(replace(batch(**before), num_changed=num_changed)), *says)


def test_controls_of_an_older_server_tell_the_state() -> None:
    old = batch(queued=2, succeeded=1)
    told = [controls.cancelled(old), controls.paused(old), controls.resumed(old), controls.requeued(old)]
    told += [controls.moved(old), controls.due(old, None)]
    assert set(told) == {counts_in_words(old)}


def test_counts_in_words_leave_out_empty_states() -> None:
    assert counts_in_words(batch(queued=2, dead=1)) == "2 queued, 1 dead (paused)"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("x"), 4),
        (InvalidField("x", "y"), 2),
        (InputError("x"), 2),
        (KeyRefused("x"), 5),
        (Conflict("x"), 6),
        (Unreachable("x"), 7),
        (LimitReached("x", retry_after_s=1), 7),
        (TimedOut("x"), 8),
        (SpecReasonError("x"), 1),
    ],
)
def test_each_kind_of_error_has_its_exit_status(error: SpecReasonError, status: int) -> None:
    assert status_of(error) == status


def test_no_class_of_the_table_is_hidden_behind_one_above_it() -> None:
    kinds = [kind for kind, _ in STATUS_OF]
    for place, kind in enumerate(kinds):
        assert not any(issubclass(kind, earlier) for earlier in kinds[:place]), kind


def test_an_answer_that_waits_for_its_grade_is_pending_and_one_without_a_reference_has_none() -> None:
    assert jobs.grade_of(replace(job(), is_correct=None, gold="4", answer="4")) == "pending"
    assert jobs.grade_of(replace(job(), is_correct=None, gold=None)) is None
    assert jobs.grade_of(replace(job(), is_correct=False)) == "wrong"
