"""The answer to a question that was asked alone: its text, its grade, and one line of figures."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.text import Text

from specreason.cli.show.figures import why_stopped
from specreason.cli.show.jobs import grade_of
from specreason.cli.show.output import (
    as_text,
    data_console,
    print_answer,
    print_hanging,
    print_json,
    print_message,
)
from specreason.client import Job, Step, short_id
from specreason.client.decoding import to_json
from specreason.words import counted

STYLE_OF = {"right": "green", "wrong": "red"}


def print_answered(job: Job, steps: Sequence[Step], api_url: str | None) -> None:
    """Print the answer whole, its grade if there is one, and the figures of the run."""
    console = data_console()
    console.print()
    if text := _answer_text(steps):
        print_hanging(console, Text(), as_text(text))
        console.print()
    if job.state != "succeeded":
        reason = job.error or why_stopped(job)
        print_hanging(console, Text(), as_text(f"{job.state}: {reason}" if reason else job.state, "red"))
    elif (grade := grade_of(job)) is not None:
        line = Text.assemble((grade, STYLE_OF.get(grade, "")), as_text(f"; expected {job.gold}"))
        print_hanging(console, Text(), line)
    print_hanging(console, Text(), Text(_figures(job, steps, api_url), style="dim"))


def print_answer_alone(job: Job, steps: Sequence[Step]) -> None:
    """Print what is boxed, or else the text of the answer; nothing of a job that did not succeed."""
    if job.state != "succeeded":
        print_message(f"the job is {job.state}{f': {job.error}' if job.error else ''}")
        return
    print_answer(job.answer, job.answer or _answer_text(steps), as_json=False)


def print_asked_as_json(job: Job, steps: Sequence[Step]) -> None:
    """Print the job with its texts and its steps as one object."""
    print_json({**to_json(job), "answer_text": _answer_text(steps), "steps": list(steps)})


def _answer_text(steps: Sequence[Step]) -> str:
    return "".join(step.kept_text or "" for step in steps if step.phase == "answer").strip()


def _figures(job: Job, steps: Sequence[Step], api_url: str | None) -> str:
    """Seconds from the question to the answer, the drafter's share of the thinking, tokens, and how to look again."""
    parts = []
    if job.finished_at is not None:
        parts.append(f"{(job.finished_at - job.created_at).total_seconds():.1f} s")
    parts.append(counted(len(steps), "step"))
    thinking = [step for step in steps if step.phase == "think"]
    kept = sum(step.kept_tokens for step in thinking)
    if kept and job.num_drafted:
        drafted = sum(step.kept_tokens for step in thinking if step.author == "drafter")
        parts.append(f"{drafted / kept:.0%} of the thinking by the drafter")
    parts.append(f"{job.kept_tokens:,} of {counted(job.spent_tokens, 'token')} kept")
    ref = short_id(job.batch_id)
    command = ["specreason", "job", "steps", f"{ref}/0", "--full", *(["--api", api_url] if api_url else [])]
    return f"{', '.join(parts)}. Batch {ref}; look again: {shlex.join(command)}"
