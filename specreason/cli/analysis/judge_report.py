"""A judgement as a person reads it: what it says in a sentence, facts, and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from rich.console import Console
from rich.text import Text

from specreason.cli.analysis.judge_tables import (
    NAME_OF,
    OF_BINS,
    OF_ESTIMATES,
    OF_KINDS,
    OF_PREDICTIONS,
    between,
    percent,
    row_of_bin,
    row_of_estimate,
    rows_of_kinds,
    rule_in_words,
)
from specreason.cli.show.output import data_console, print_facts, print_hanging
from specreason.cli.show.tables import Cell, Column, print_table
from specreason.client import short_id
from specreason.config import ScoreMethod
from specreason.evaluation.judge.judgement import Estimate, Judgement, Outcome, Replay, Truth, Verdicts
from specreason.evaluation.judge.worth import in_brackets
from specreason.words import counted

PERCENT = "{:.1%}"


def print_judgement(judgement: Judgement) -> None:
    """Print one batch's judgement."""
    console = data_console()
    for sentence in judgement.summary:
        print_hanging(console, Text(), Text(sentence, style="bold"))
    print_facts(console, _facts(judgement))
    for title, heading, bins in (
        ("By score", "score", judgement.by_score),
        ("By expected score", "score", judgement.by_expected_score),
        ("By place in the trace", "step", judgement.by_position),
        ("By length of the draft", "tokens", judgement.by_length),
    ):
        if bins:
            _print_title(console, title)
            columns = (Column(heading=heading), *OF_BINS)
            print_table(console, columns, [row_of_bin(each) for each in bins])
    if judgement.truth is not None:
        _print_title(console, "By what the draft is in truth")
        print_table(console, OF_KINDS, rows_of_kinds(judgement.truth))
    if judgement.replay is not None:
        _print_replay(console, judgement.replay)
    for remark in judgement.remarks:
        print_hanging(console, Text(), Text(remark, style="dim"))
    console.print()


def print_predictions(
    first: Judgement, predicted: Sequence[tuple[Judgement, Estimate]], left_out: Sequence[tuple[UUID, str]]
) -> None:
    """Print what the first batch predicts of the others beside what they measured, and which it leaves out, and why."""
    console = data_console()
    if predicted:
        _print_title(console, f"Measured, and as estimated from {short_id(first.batch_id)}")
        print_table(console, OF_PREDICTIONS, _rows_of_predictions(predicted))
    for batch_id, why in left_out:
        said = f"{short_id(batch_id)} does not stand beside {short_id(first.batch_id)}: {why}."
        print_hanging(console, Text(), Text(said))


def _rows_of_predictions(predicted: Sequence[tuple[Judgement, Estimate]]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for judgement, estimate in predicted:
        assert judgement.verdicts is not None
        assert judgement.replay is not None
        measured = [each for each in _all_of(judgement.replay) if each.is_present]
        rows.append(
            (
                short_id(judgement.batch_id),
                rule_in_words(estimate.rule),
                percent(judgement.verdicts.acceptance),
                percent(estimate.acceptance),
                _latency(measured[0]) if measured else None,
                _latency(estimate),
            )
        )
    return rows


def _facts(judgement: Judgement) -> Iterable[tuple[str, str | None]]:
    replay, name = judgement.replay, f" ({judgement.name})" if judgement.name else ""
    yield "batch", f"{short_id(judgement.batch_id)}{name}: {judgement.pair}, {judgement.scheme}"
    yield "jobs", _jobs(judgement)
    if replay is not None:
        yield "rule", f"{rule_in_words(replay.present)} and more is accepted"
    if judgement.verdicts is not None:
        yield from _of_verdicts(judgement.verdicts, judgement.outcome)
    if judgement.outcome is not None:
        yield "AUC, answers", _aucs(judgement.outcome)
    if judgement.truth is not None:
        yield "AUC, truth", _aucs(judgement.truth)
    if replay is not None:
        yield "thresholds", f"{_alike(replay.by_digit)}: each decides otherwise than the others"
        if replay.num_unlike:
            yield "unlike", f"{counted(replay.num_unlike, 'draft')} were not decided as the rule says"


def _jobs(judgement: Judgement) -> str:
    words = f"{judgement.num_jobs:,} ended, of {counted(judgement.num_problems, 'problem')}"
    of = judgement.outcome
    return words if of is None else f"{words}; {of.num_jobs:,} graded, {of.num_right:,} right"


def _of_verdicts(verdicts: Verdicts, outcome: Outcome | None) -> Iterable[tuple[str, str | None]]:
    yield "drafts", f"{verdicts.num_drafts:,}, of which {in_brackets(verdicts.acceptance, PERCENT)} accepted"
    rejected = f"{verdicts.num_drafts - verdicts.num_accepted:,} drafts"
    if outcome is not None and outcome.right_after_rejection is not None:
        rejected += (
            f"; the answer became right after {in_brackets(outcome.right_after_rejection, PERCENT)} of them"
        )
    if outcome is not None and outcome.right_after_acceptance is not None:
        rejected += f", after {in_brackets(outcome.right_after_acceptance, PERCENT)} of the accepted ones"
    yield "rejected", rejected
    mass = ""
    if verdicts.mean_non_digit_mass is not None and verdicts.largest_non_digit_mass is not None:
        mass = (
            f"; probability on no digit: {verdicts.mean_non_digit_mass:.2g} in the mean, "
            f"{verdicts.largest_non_digit_mass:.2g} at most"
        )
    yield "no digit", f"{verdicts.num_no_digit:,} verdicts, {in_brackets(verdicts.no_digit, PERCENT)}{mass}"


def _aucs(of: Outcome | Truth) -> str | None:
    told = [
        f"{name} {in_brackets(figure)}"
        for name, figure in (
            ("digit", of.digit_auc),
            ("expected score", of.expected_auc),
            ("difference", of.expected_gain),
        )
        if figure is not None
    ]
    return ", ".join(told) or None


def _print_replay(console: Console, replay: Replay) -> None:
    at = "" if replay.concurrency is None else f" at {replay.concurrency:.1f} in flight"
    for method, estimates in (
        (ScoreMethod.GREEDY, replay.by_digit),
        (ScoreMethod.EXPECTED, replay.by_expected_score),
    ):
        _print_title(console, f"Estimates by threshold on {NAME_OF[method]}{at}")
        print_table(console, OF_ESTIMATES, [row_of_estimate(each) for each in estimates])
    if replay.asked is not None:
        _print_title(console, f"Estimate as asked: {rule_in_words(replay.asked.rule)}")
        print_table(console, OF_ESTIMATES, [row_of_estimate(replay.asked)])
    print_hanging(console, Text(), Text(replay.assumption, style="dim"))
    if replay.costs is None:
        missing = "The base wrote nothing in this batch: what it would have taken is unknown."
        print_hanging(console, Text(), Text(missing, style="dim"))


def _latency(estimate: Estimate) -> str | None:
    return None if estimate.latency_s is None else f"{estimate.latency_s.mean:.2f}"


def _all_of(replay: Replay) -> Sequence[Estimate]:
    return (*replay.by_digit, *replay.by_expected_score)


def _alike(estimates: Sequence[Estimate]) -> str:
    return ", ".join(between(each.low, each.high) for each in estimates)


def _print_title(console: Console, title: str) -> None:
    console.print()
    print_hanging(console, Text(), Text(title, style="bold"))
