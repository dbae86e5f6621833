"""A trace to read: each step with its author, score, decision and texts; rejected drafts are struck out."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from specreason.cli.show.jobs import asked
from specreason.cli.show.output import as_text, ellipsis_of, print_hanging
from specreason.client import Job, Step
from specreason.words import counted

# Lines of each text without `--full`.
SHORT_LINES = 3
INDENT = 5
DELETED = "texts were deleted"
STYLE_OF = {"drafter": "cyan", "base": "magenta"}


def print_trace(console: Console, ref: str, job: Job, steps: Iterable[Step], *, full: bool = False) -> None:
    """Print the problem, every step in order, and the answer. `ref` is what the job is called."""
    console.print(Text.assemble(("job ", "bold"), as_text(ref)))
    print_hanging(console, Text(), as_text(asked(job).strip()))
    console.print()
    for step in steps:
        print_step(console, step, full=full)
    console.print()
    print_hanging(console, Text(), _outcome(job))


def print_step(console: Console, step: Step, *, full: bool) -> None:
    """Print one step: who wrote it, its score, and the text that was kept, without `full` only its beginning."""
    print_hanging(console, Text(f"{step.index:>3}  ", style="bold"), headline(step))
    if step.kept_text is None:
        print_hanging(console, Text(" " * INDENT), Text(DELETED, style="dim italic"))
        return
    rejected = step.draft_text is not None and step.decision.startswith("rejected")
    if rejected:
        # A terminal strikes the text out; without styles the mark tells.
        _print_text(console, step.draft_text or "", full=full, mark="- ", style="dim strike")
    _print_text(console, step.kept_text, full=full, mark="+ " if rejected else "")


def headline(step: Step) -> Text:
    """Return who wrote a step, its score and decision, and what it cost."""
    author = step.author or "the loop"
    line = Text.assemble((author, STYLE_OF.get(author, "dim")))
    if step.draft_tokens is not None:
        threshold = "" if step.threshold is None else f", needs {step.threshold:g}"
        line.append(f"  score {'none' if step.score is None else step.score}{threshold}")
    style = "green" if step.decision == "accepted" else "red" if step.decision.startswith("rejected") else ""
    line.append("  ")
    line.append(step.decision, style=style)
    if step.inserted_tokens:
        line.append(f"  {counted(step.inserted_tokens, 'token')} put in by the loop", "dim")
    else:
        line.append(f"  {step.kept_tokens}/{step.spent_tokens} tokens  {step.latency_s:.2f} s", "dim")
    return line


def _print_text(console: Console, text: str, *, full: bool, mark: str, style: str = "") -> None:
    shown = text.strip() if full else " ".join(text.split())
    more = f" {ellipsis_of(console)}"
    width = console.width - INDENT - len(mark)
    lines = as_text(shown, style).wrap(console, max(20, width if full else width - len(more)))
    kept = list(lines) if full else list(lines[:SHORT_LINES])
    for line in kept:
        line.rstrip()
    if len(kept) < len(lines):
        kept[-1].append(more)
    print_hanging(console, Text(" " * INDENT + mark), Text("\n").join(kept))


def _outcome(job: Job) -> Text:
    ending = f", {job.stop_reason}" if job.stop_reason else ""
    verdict = {True: ": right", False: ": wrong", None: ""}[job.is_correct]
    expected = "" if job.gold is None else f", expected {job.gold}"
    return as_text(f"{job.state}{ending}; answer {job.answer or 'none'}{expected}{verdict}")
