"""What a person reads of rewards: what was scored, and how far the base agrees."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from specreason.cli.rewards.scoring import Counts
from specreason.cli.show.output import data_console, print_hanging
from specreason.cli.show.tables import Cell, Column, print_table
from specreason.client import short_id
from specreason.evaluation.intervals import Interval, within
from specreason.evaluation.rewards.values import BatchRewards, DecisionRewards, ModelRewards
from specreason.words import counted

OF_DECISIONS = (
    Column(heading="decision"),
    Column(heading="steps", justify="right"),
    Column(heading="kept text", justify="right"),
    Column(heading="95 %", justify="right", drop=1),
    Column(heading="drafts", justify="right", drop=3),
    Column(heading="rejected draft", justify="right"),
    Column(heading="95 %", justify="right", drop=2),
)


def in_words(counts: Counts) -> str:
    """What was scored and what was not, in one line."""
    if not counts.num_jobs:
        said = ["no job has ended, and there is nothing to score"]
    elif counts.num_new:
        said = [f"{counted(counts.num_new, 'text')} of {counted(counts.num_jobs, 'job')} scored and stored"]
    else:
        said = [f"nothing to score in {counted(counts.num_jobs, 'job')}"]
    for number, what in (
        (counts.num_there, "had a score already"),
        (counts.num_too_long, "behind the end of the model's context, without a score"),
        (counts.num_empty, "empty, without a score"),
        (counts.num_without_text, "without a stored text"),
    ):
        if number:
            said.append(f"{number:,} {what}")
    if counts.num_open:
        said.append(f"{counted(counts.num_open, 'job')} not ended yet: the same command scores them later")
    return "; ".join(said)


def print_rewards(rewards: BatchRewards) -> None:
    """Print what each model says of a batch."""
    console = data_console()
    name = f"batch {short_id(rewards.batch_id)}"
    if not rewards.models:
        print_hanging(console, Text(), Text(f"{name}: no process reward model has scored a step."))
    for model in rewards.models:
        _print_model(console, name, model, rewards)


def _print_model(console: Console, name: str, model: ModelRewards, rewards: BatchRewards) -> None:
    print_hanging(console, Text(), Text(model.says, style="bold"))
    part = "" if rewards.share_read == 1 else f", read of {rewards.share_read:.1%} of the problems"
    of = f"{model.num_steps:,} of {counted(rewards.num_thinking, 'step')} of thinking scored{part}"
    print_hanging(console, Text(), Text(f"{name}: {model.prm} at {model.revision}, {of}", style="dim"))
    print_table(console, OF_DECISIONS, [_row(each) for each in model.by_decision])
    console.print()


def _row(each: DecisionRewards) -> tuple[Cell, ...]:
    return (
        each.decision.replace("_", " "),
        f"{each.num_steps:,}",
        f"{each.mean.mean:.3f}",
        _bounds(each.mean),
        f"{each.num_drafts:,}" if each.num_drafts else None,
        None if each.draft_mean is None else f"{each.draft_mean.mean:.3f}",
        _bounds(each.draft_mean),
    )


def _bounds(interval: Interval | None) -> str | None:
    return None if interval is None else within(interval, "{:.3f}".format)
