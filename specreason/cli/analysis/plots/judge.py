"""Draws judgements: whether scores tell right from wrong, what was accepted, and what other thresholds would do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from specreason.cli.analysis.judge_tables import between
from specreason.cli.analysis.plots.option import save_plot
from specreason.client import short_id
from specreason.evaluation.intervals import Interval
from specreason.evaluation.judge.judgement import Bin, Estimate, Judgement, Replay
from specreason.report.drawing.ink import BLUE, GREEN, ORANGE, PALE

# Inches of one batch: three panels side by side, in two rows.
WIDTH, HEIGHT = 12.0, 7.0
DIGIT: dict[str, Any] = {"color": BLUE, "marker": "o", "linestyle": "-"}
EXPECTED: dict[str, Any] = {"color": ORANGE, "marker": "s", "linestyle": "--"}
TRUTH: dict[str, Any] = {"color": GREEN, "marker": "^", "linestyle": ":"}

# All thresholds up to a mark, down to the one before it, decide alike.
ALIKE: dict[str, Any] = {"drawstyle": "steps-pre"}


def draw_judgements(judgements: Sequence[Judgement], path: Path) -> None:
    """Draw one block of panels for each judgement. Raises InvalidField if the file cannot be written."""
    from matplotlib.figure import Figure  # without pyplot, which keeps every figure

    figure = Figure(figsize=(WIDTH, HEIGHT * len(judgements)), layout="constrained")
    blocks = figure.subfigures(len(judgements), squeeze=False)[:, 0]
    for block, judgement in zip(blocks, judgements, strict=True):
        _draw(block, judgement)
    save_plot(figure, path)


def _draw(block: Any, judgement: Judgement) -> None:
    title = f"{short_id(judgement.batch_id)}: {judgement.pair}, {judgement.scheme}"
    replay = judgement.replay
    if judgement.verdicts is None or replay is None:
        block.suptitle(f"{title}: no scored drafts")
        return
    block.suptitle(
        f"{title}, threshold {replay.present.threshold:g}, {judgement.verdicts.num_drafts:,} drafts"
    )
    (reliability, scores, positions), (accepted, latency, last) = block.subplots(2, 3)
    _draw_reliability(reliability, judgement)
    _draw_scores(scores, judgement.by_score)
    _draw_bins(positions, judgement.by_position, "step in the trace")
    _draw_accepted(accepted, replay)
    _draw_latency(latency, replay)
    if judgement.truth is not None:
        _draw_truth(last, replay)
    else:
        _draw_bins(last, judgement.by_length, "tokens of the draft")


def _draw_reliability(axes: Any, judgement: Judgement) -> None:
    """The share of right answers by score; of right drafts, too, where the truth is known."""
    axes.set(title="Does the score tell right from wrong?", xlabel="utility score", ylabel="share right, %")
    for bins, name, style in (
        (judgement.by_score, "answers: digit", DIGIT),
        (judgement.by_expected_score, "answers: expected", EXPECTED),
    ):
        _draw_shares(axes, [((b.low + b.high) / 2, b.became_right) for b in bins], label=name, **style)
    if judgement.truth is not None:
        # Beside the answers' marks.
        shares = [(each.low + 0.15, each.is_right) for each in judgement.by_score]
        _draw_shares(axes, shares, label="drafts in truth", **TRUTH)
    axes.set(xlim=(-0.4, 9.4), ylim=(-3, 103), xticks=range(10))
    if axes.lines:
        # Below the panel: its lines may be anywhere.
        axes.legend(
            fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, columnspacing=1
        )


def _draw_scores(axes: Any, bins: Sequence[Bin]) -> None:
    """How many drafts have each digit, the rejected ones above the accepted ones."""
    axes.set(title="Which scores are given?", xlabel="utility score", ylabel="drafts", xticks=range(10))
    places = [each.low for each in bins]
    accepted = [each.num_drafts * each.acceptance.mean for each in bins]
    rejected = [each.num_drafts - number for each, number in zip(bins, accepted, strict=True)]
    axes.bar(places, accepted, color=BLUE, label="accepted")
    axes.bar(
        places, rejected, bottom=accepted, color="white", edgecolor=ORANGE, hatch="///", label="rejected"
    )
    axes.set_xlim(-0.6, 9.6)
    axes.legend(fontsize="small")


def _draw_bins(axes: Any, bins: Sequence[Bin], name: str) -> None:
    axes.set(title=f"What is accepted, by {name}", xlabel=name, ylabel="accepted, %", ylim=(-3, 103))
    _draw_shares(axes, [(place, each.acceptance) for place, each in enumerate(bins)], **DIGIT)
    names = [between(b.low, b.high) for b in bins]
    axes.set_xticks(range(len(bins)), names, rotation=30 if len(bins) > 6 else 0)


def _draw_accepted(axes: Any, replay: Replay) -> None:
    axes.set(title="What would be accepted (estimate)", xlabel="acceptance threshold", ylabel="accepted, %")
    for estimates, name, style in _by_method(replay):
        _draw_shares(axes, [(e.high, e.acceptance) for e in estimates], label=name, **style, **ALIKE)
    _mark_present(axes, replay)
    axes.set_ylim(-3, 103)


def _draw_latency(axes: Any, replay: Replay) -> None:
    at = "" if replay.concurrency is None else f" at {replay.concurrency:.1f} in flight"
    axes.set(title="How long it would take (estimate)", xlabel="acceptance threshold", ylabel=f"s/job{at}")
    for estimates, name, style in _by_method(replay):
        known = [(each.high, each.latency_s) for each in estimates if each.latency_s is not None]
        _draw_intervals(axes, known, label=name, **style, **ALIKE)
    _mark_present(axes, replay)
    axes.set_ylim(bottom=0)


def _draw_truth(axes: Any, replay: Replay) -> None:
    """Right drafts accepted against wrong ones, one mark for each threshold."""
    axes.set(
        title="In truth: each threshold", xlabel="wrong drafts accepted, %", ylabel="right drafts accepted, %"
    )
    for estimates, name, style in _by_method(replay):
        places = [
            (100 * each.wrong_accepted, 100 * each.right_accepted, each.high)
            for each in estimates
            if each.wrong_accepted is not None and each.right_accepted is not None
        ]
        axes.plot([x for x, _, _ in places], [y for _, y, _ in places], label=name, **style)
        if style is DIGIT:
            for x, y, threshold in places:
                axes.annotate(
                    f"{threshold:g}", (x, y), xytext=(4, -11), textcoords="offset points", fontsize=8
                )
    axes.plot([0, 100], [0, 100], color=PALE, linestyle=":", label="a coin")
    axes.set(xlim=(-3, 103), ylim=(-3, 103))
    axes.legend(fontsize="small")


def _by_method(replay: Replay) -> Sequence[tuple[Sequence[Estimate], str, dict[str, Any]]]:
    return (
        (replay.by_digit, "digit", DIGIT),
        (replay.by_expected_score, "expected score", EXPECTED),
    )


def _mark_present(axes: Any, replay: Replay) -> None:
    axes.axvline(replay.present.threshold, color=PALE, linewidth=4, alpha=0.4, label="now", zorder=0)
    axes.set(xlim=(-0.4, 9.4), xticks=range(10))
    axes.legend(fontsize="small")


def _draw_shares(axes: Any, shares: Sequence[tuple[float, Interval | None]], **style: Any) -> None:
    """Shares in percent with their intervals."""
    _draw_intervals(axes, [(place, share) for place, share in shares if share is not None], 100, **style)


def _draw_intervals(
    axes: Any, points: Sequence[tuple[float, Interval]], factor: float = 1, **style: Any
) -> None:
    if not points:
        return
    figures = [(figure.mean, *(figure.bounds or (figure.mean, figure.mean))) for _, figure in points]
    axes.errorbar(
        [place for place, _ in points],
        [factor * mean for mean, _, _ in figures],
        # A rounding error must not make an arm negative.
        yerr=[
            [factor * max(0.0, mean - low) for mean, low, _ in figures],
            [factor * max(0.0, high - mean) for mean, _, high in figures],
        ],
        capsize=3,
        markersize=5,
        **style,
    )
