"""`specreason judge`: what the scores of a batch are worth, and what another threshold would have done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from specreason.cli.analysis.plots.option import HELP, check_plot
from specreason.cli.connection import connected
from specreason.cli.options import ApiUrl, AsJson, BatchRefs, check_choices
from specreason.cli.show.output import print_json
from specreason.client import Batch, Client, short_id
from specreason.config import ScoreMethod
from specreason.errors import InvalidField
from specreason.evaluation.judge.judgement import Estimate, Judgement
from specreason.words import counted

# What may differ between two batches of which the one predicts the other.
OF_THE_RULE = ("threshold", "score_method")


def judge(
    refs: BatchRefs,
    *,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=9,
            metavar="SCORE",
            help="Also estimate what this acceptance threshold would have done.",
        ),
    ] = None,
    score_method: Annotated[
        str | None,
        typer.Option(
            metavar="greedy|expected",
            help="The score that --threshold is for: the digit, or the mean over the ten digits. "
            "Default: the batch's own.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help=HELP,
        ),
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show whether the judge's scores tell right from wrong, and what other acceptance thresholds would have done.

    Nothing runs: all of it comes from the stored verdicts and answers. What other thresholds would have done is an
    estimate. Of several batches the first one's estimates are compared with what the others have measured, if these
    differ from it in nothing but the threshold or the score.
    """
    from specreason.cli.analysis.judge_report import print_judgement, print_predictions

    if score_method is not None:
        check_choices("--score-method", [score_method], [*ScoreMethod])
        if threshold is None:
            raise InvalidField("--score-method", "is of --threshold, which is missing")
    if plot is not None:
        check_plot(plot)
    with connected(api, timeout_s=120) as client:
        batches = [client.batch(id_) for id_ in dict.fromkeys(client.find_batch(ref) for ref in refs)]
        judgements = [
            client.analysis.judge(batch.batch_id, threshold=threshold, score_method=score_method)
            for batch in batches
        ]
        predicted, left_out = _predictions(client, batches, judgements)
    if plot is not None:
        from specreason.cli.analysis.plots.judge import draw_judgements

        draw_judgements(judgements, plot)
    if as_json:
        print_json(judgements[0] if len(judgements) == 1 else _as_one(judgements, predicted, left_out))
        return
    for judgement in judgements:
        print_judgement(judgement)
    print_predictions(judgements[0], predicted, left_out)


def _predictions(
    client: Client, batches: Sequence[Batch], judgements: Sequence[Judgement]
) -> tuple[list[tuple[Judgement, Estimate]], list[tuple[UUID, str]]]:
    """What the first batch predicts of the others that differ from it in nothing but the rule; why not of the rest."""
    found: list[tuple[Judgement, Estimate]] = []
    left_out: list[tuple[UUID, str]] = []
    for batch, judgement in zip(batches[1:], judgements[1:], strict=True):
        if why := _unlike(batches[0], judgements[0], batch, judgement):
            left_out.append((batch.batch_id, why))
            continue
        assert judgement.replay is not None
        rule = judgement.replay.present
        asked = client.analysis.judge(
            batches[0].batch_id, threshold=rule.threshold, score_method=rule.score_method
        )
        assert asked.replay is not None
        assert asked.replay.asked is not None
        found.append((judgement, asked.replay.asked))
    return found, left_out


def _unlike(first: Batch, ours: Judgement, other: Batch, theirs: Judgement) -> str | None:
    """Why the first batch predicts nothing of the other one; None if it does."""
    for judgement in (ours, theirs):
        whose = short_id(judgement.batch_id)
        if judgement.replay is None:
            return f"{whose} has no scored draft"
        if judgement.num_open:
            have = "has" if judgement.num_open == 1 else "have"
            return f"{counted(judgement.num_open, 'job')} of {whose} {have} not ended"
    if first.pair != other.pair:
        return f"it ran on the pair {other.pair}, not {first.pair}"
    if ours.problems_digest != theirs.problems_digest:
        return "its problems are others"
    if names := _other_knobs(first, other):
        return f"it differs in {', '.join(names)}, too"
    return None


def _other_knobs(first: Batch, other: Batch) -> list[str]:
    """The knobs beside the rule that differ."""
    names = sorted((first.config.keys() | other.config.keys()) - {*OF_THE_RULE})
    return [name for name in names if first.config.get(name) != other.config.get(name)]


def _as_one(
    judgements: Sequence[Judgement],
    predicted: Sequence[tuple[Judgement, Estimate]],
    left_out: Sequence[tuple[UUID, str]],
) -> dict[str, object]:
    """Several judgements, and what the first batch predicts of the others, as JSON."""
    return {
        "data": judgements,
        "has_more": False,
        "predicted_by_the_first": [
            {"batch_id": judgement.batch_id, "estimate": estimate} for judgement, estimate in predicted
        ],
        "left_out": [{"batch_id": batch_id, "why": why} for batch_id, why in left_out],
    }
