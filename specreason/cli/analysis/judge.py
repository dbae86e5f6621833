"""`specreason judge`: what the scores of a batch are worth, and what another threshold would have done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from specreason.cli.connection import connected
from specreason.cli.options import ApiUrl, AsJson, BatchRefs, check_choices
from specreason.cli.show.output import print_json
from specreason.client import Batch, Client
from specreason.config import ScoreMethod
from specreason.errors import InvalidField
from specreason.evaluation.judge.judgement import Estimate, Judgement

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
            help="Also draw it: a file that ends in .png or .svg. Needs the extra `analysis` on this machine.",
        ),
    ] = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show whether the judge's scores tell right from wrong, and what other acceptance thresholds would have done.

    Nothing runs: all of it comes from the stored verdicts and answers. What other thresholds would have done is an
    estimate. Of several batches the first one's estimates are compared with what the others have measured.
    """
    from specreason.cli.analysis.judge_report import print_judgement, print_predictions

    if score_method is not None:
        check_choices("--score-method", [score_method], [*ScoreMethod])
        if threshold is None:
            raise InvalidField("--score-method", "is of --threshold, which is missing")
    if plot is not None:
        _check_plot(plot)
    with connected(api, timeout_s=120) as client:
        batches = [client.batch(id_) for id_ in dict.fromkeys(client.find_batch(ref) for ref in refs)]
        judgements = [
            client.analysis.judge(batch.batch_id, threshold=threshold, score_method=score_method)
            for batch in batches
        ]
        predicted = _predictions(client, batches, judgements)
    if plot is not None:
        from specreason.cli.analysis.judge_plot import draw_judgements

        draw_judgements(judgements, plot)
    if as_json:
        print_json(judgements[0] if len(judgements) == 1 else _as_one(judgements, predicted))
        return
    for judgement in judgements:
        print_judgement(judgement)
    print_predictions(judgements[0], predicted)


def _check_plot(plot: Path) -> None:
    """Raise InvalidField or ExtraMissing before anything is asked or drawn."""
    if plot.suffix.lower() not in (".png", ".svg"):
        raise InvalidField("--plot", f"must end in .png or .svg, not '{plot.suffix or plot.name}'")
    if not plot.parent.is_dir():
        raise InvalidField("--plot", f"there is no folder '{plot.parent}'")
    from specreason.cli.analysis.judge_plot import check_library

    check_library()


def _predictions(
    client: Client, batches: list[Batch], judgements: list[Judgement]
) -> list[tuple[Judgement, Estimate]]:
    """What the first batch predicts of each other one that differs from it in nothing but its rule."""
    first = batches[0]
    found = []
    for batch, judgement in zip(batches[1:], judgements[1:], strict=True):
        if judgement.replay is None or not _differ_by_rule(first, batch):
            continue
        rule = judgement.replay.present
        replay = client.analysis.judge(
            first.batch_id, threshold=rule.threshold, score_method=rule.score_method
        ).replay
        if replay is not None and replay.asked is not None:
            found.append((judgement, replay.asked))
    return found


def _as_one(judgements: list[Judgement], predicted: list[tuple[Judgement, Estimate]]) -> dict[str, object]:
    """Several judgements, and what the first batch predicts of the others, as JSON."""
    estimates = [{"batch_id": judgement.batch_id, "estimate": estimate} for judgement, estimate in predicted]
    return {"data": judgements, "has_more": False, "predicted_by_the_first": estimates}


def _differ_by_rule(first: Batch, other: Batch) -> bool:
    def rest(batch: Batch) -> dict[str, object]:
        return {name: value for name, value in batch.config.items() if name not in OF_THE_RULE}

    return (first.pair, first.num_problems, rest(first)) == (other.pair, other.num_problems, rest(other))
