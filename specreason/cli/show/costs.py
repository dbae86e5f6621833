"""Costs in words: device time by job and right answer, its parts, its price, and the same of the base alone."""

from __future__ import annotations

from math import floor, log10

from specreason.cli.show.output import number
from specreason.client import Batch, Job, short_id
from specreason.client.analysis.cost_values import BatchCost, CostBeside
from specreason.evaluation.cost import Cost, CostRatio, cost_of
from specreason.words import counted

Fact = tuple[str, str | None]


def job_cost(job: Job, gpu_hour_price: float | None) -> Cost | None:
    """Return what a job's stored steps cost; None if it is not known."""
    return cost_of(job, num_jobs=1, num_right=None, gpu_hour_price=gpu_hour_price)


def facts_of_batch(batch: Batch, found: BatchCost | None) -> list[Fact]:
    """Return the cost of a batch, and how it compares with the base alone, as names and values."""
    if found is None or found.cost is None:
        return []
    cost = found.cost
    shares = (("per job", cost.per_job), ("per right answer", cost.per_right_answer))
    seconds = [f"{seconds:.2f} {share}" for share, seconds in shares if seconds is not None]
    prices = [
        f"{money(price)} {share}"
        for share, seconds in shares
        if (price := cost.price_of(seconds)) is not None
    ]
    total = f"{_device_seconds(cost)} of {counted(batch.num_metered, 'job')}"
    return [
        ("cost", f"{total}: {', '.join(seconds)}"),
        ("of which", parts_in_words(cost)),
        ("price", None if cost.price is None else f"{money(cost.price)}: {', '.join(prices)}"),
        ("beside", _beside(found, found.beside) if found.beside is not None else None),
    ]


def facts_of_job(cost: Cost | None) -> list[Fact]:
    """Return the cost of a job as names and values."""
    if cost is None:
        return []
    return [
        ("cost", f"{_device_seconds(cost)}: {parts_in_words(cost)}"),
        ("price", None if cost.price is None else money(cost.price)),
    ]


def parts_in_words(cost: Cost) -> str:
    """Return the share of each model, and of reading prompts against writing tokens."""
    drafter, base, prefill, decode = (
        f"{seconds / cost.device_s:.0%}"
        for seconds in (cost.drafter_s, cost.base_s, cost.prefill_s, cost.decode_s)
    )
    return f"drafter {drafter}, base {base}; prefill {prefill}, decode {decode}"


def money(price: float) -> str:
    """Return a price with two decimals, or as many as show two digits of a small one."""
    decimals = 2 if price >= 0.1 or price == 0 else 1 - floor(log10(price))
    return f"{price:,.{decimals}f}"


def _device_seconds(cost: Cost) -> str:
    on = "" if cost.num_devices == 1 else f" on {cost.num_devices:g} GPUs"
    return f"{cost.device_s:,.2f} s of device time{on}"


def _beside(ours: BatchCost, other: CostBeside) -> str:
    what = "the base alone" if other.scheme == "base" else other.scheme
    which = f"{what} ({other.name or short_id(other.batch_id)})"
    if other.ratio is None:
        return f"{which}: no problem has succeeded in both with a known cost"
    loads = [number(each, "{:.1f}") for each in (ours.mean_concurrency, other.mean_concurrency)]
    at = "" if None in loads else f", at {loads[0]} and {loads[1]} in flight"
    unlike = f"; unlike in {', '.join(knob.name for knob in other.unlike)}" if other.unlike else ""
    return f"{_ratio(other.ratio)} of the device time of {which}{at}{unlike}"


def _ratio(found: CostRatio) -> str:
    if found.low is None or found.high is None:
        return f"{found.ratio:.2f} ({counted(found.num_problems, 'problem')}, no interval)"
    return f"{found.ratio:.2f} (95 %: {found.low:.2f}–{found.high:.2f}, {counted(found.num_problems, 'problem')})"
