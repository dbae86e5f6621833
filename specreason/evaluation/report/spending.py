"""What jobs spend: tokens by the model that wrote them, and seconds by what the step loop waited for."""

from __future__ import annotations

from collections.abc import Sequence

from specreason.evaluation.report.accuracy import at_other_loads
from specreason.evaluation.report.kinds import OUTPUT_LENGTH, WHERE_TIME_GOES
from specreason.evaluation.report.measures import MeasuredCell, mean_over, spread
from specreason.evaluation.report.pooling import PooledCell
from specreason.evaluation.report.rows import Row
from specreason.evaluation.report.values import Figure, LeftOut
from specreason.evaluation.report.wording import percent, tokens
from specreason.evaluation.scientific import np


def output_length(cells: Sequence[MeasuredCell], sql: str) -> Figure | LeftOut:
    """Figures 4a and 9: kept tokens per job by author, and wasted ones."""
    kind = OUTPUT_LENGTH
    rows: list[Row] = []
    lengths: list[tuple[float, str]] = []
    for each in cells:
        columns = [_measured(each.pooled, name) for name in ("kept_tokens", "drafter_tokens", "spent_tokens")]
        known = ~np.isnan(np.sum(columns, axis=0))
        kept, by_drafter, spent = (np.where(known, column, np.nan) for column in columns)
        mean = mean_over(each.pooled, kept)
        if mean is None:
            continue
        # Of whole tokens each, so that no rounding makes a part negative.
        parts = (by_drafter, kept - by_drafter, spent - kept)
        rows.append(
            (*each.head, *spread(mean), *(float(np.nanmean(part)) for part in parts), int(known.sum()))
        )
        lengths.append((mean.mean, each.figures.label))
    if not rows:
        return kind.left_out()
    (least, shortest), (most, longest) = min(lengths), max(lengths)
    says = f"{longest} keeps most tokens per job, {tokens(most)}."
    if len(rows) > 1:
        says = f"From {tokens(least)} per job ({shortest}) to {tokens(most)} ({longest})."
    return kind.figure(rows, says=says, sql=sql)


def where_time_goes(cells: Sequence[MeasuredCell], sql: str) -> Figure | LeftOut:
    """Mean seconds per job by what the loop waited for.

    How long a job waited for engines in all is stored with it. How that splits is known of whole batches, from the sums
    over the steps of all of their jobs that have ended.
    """
    kind = WHERE_TIME_GOES
    rows: list[Row] = []
    shares_of_engines: list[float] = []
    is_split_by_others = False
    for each in cells:
        cell = each.pooled
        timed = cell.is_timed & ~np.isnan(cell.numbers("engine_s"))
        if not timed.any():
            continue
        latency_s = float(cell.numbers("latency_s")[timed].mean())
        engine_s = min(float(cell.numbers("engine_s")[timed].mean()), latency_s)
        parts = _parts(cell)
        shares = [part / sum(parts) for part in parts] if sum(parts) > 0 else [0.0, 0.0, 0.0]
        split = [share * engine_s for share in shares]
        rows.append((*each.head, *split, latency_s - sum(split), latency_s, int(timed.sum())))
        shares_of_engines.append(sum(split) / latency_s if latency_s else 0.0)
        is_split_by_others |= _has_others(cell, timed)
    if not rows:
        return kind.left_out()
    least, most = (percent(each) for each in (min(shares_of_engines), max(shares_of_engines)))
    says = f"Waiting for engines takes {least if least == most else f'{least} to {most}'} of the latency."
    remarks = list(at_other_loads(cells))
    if is_split_by_others:
        remarks.append(
            "How the time with engines splits is that of all jobs of a batch that have ended, also of those whose "
            "latency does not count."
        )
    return kind.figure(rows, says=says, sql=sql, remarks=remarks)


def _measured(cell: PooledCell, name: str) -> np.ndarray:
    return cell.numbers(name, cell.is_measured)


def _parts(cell: PooledCell) -> tuple[float, float, float]:
    """Seconds with drafts, verdicts and written text, over the batches of the cell, each once."""
    of_batch = {
        batch_id: parts
        for batch_id, *parts in zip(
            *(cell.jobs[name] for name in ("batch_id", "draft_s", "verify_s", "written_s")), strict=True
        )
    }
    sums = [sum(parts[place] or 0.0 for _, parts in sorted(of_batch.items())) for place in range(3)]
    return sums[0], sums[1], sums[2]


def _has_others(cell: PooledCell, timed: np.ndarray) -> bool:
    """Whether jobs that are not timed have steps in the sums, too."""
    ended = np.array([kept is not None for kept in cell.jobs["kept_tokens"]], dtype=bool)
    return bool((ended & ~timed).any()) or cell.num_twice > 0
