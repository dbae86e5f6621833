"""The figures of a report with invented numbers."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from specreason.evaluation.intervals import Interval
from specreason.evaluation.report.values import CellFigures, Figure, Scalar


def figures_of(values: Sequence[CellFigures], draws: random.Random, text: str) -> list[Figure]:
    """All ten, in order; those that the cells do not give have no rows."""
    return [
        _of_cells("accuracy_latency", "Right answers against latency", values, draws, _point),
        _of_cells("output_length", "Tokens of a job by author", values, draws, _tokens),
        _of_cells("budget_gap", "Right answers against the base, by budget", values, draws, _gap),
        _of_cells("threshold_sweep", "The acceptance threshold", values, draws, _sweep),
        _of_cells("first_n_sweep", "First steps on the base", values, draws, _sweep),
        _reward(values, draws),
        _of_cells("base_sizes", "Bases of different sizes", values, draws, _size),
        _of_cells("where_time_goes", "Where the time of a job goes", values, draws, _time),
        _slowest(values, draws, text),
        _rewritten(values, draws, text),
    ]


def _of_cells(name: str, title: str, cells: Sequence[CellFigures], draws: random.Random, make: Any) -> Figure:
    dicts = []
    for cell in cells:
        scheme, knobs = cell.scheme, cell.knobs
        own = make(name, cell, cells, draws)
        if own is None:
            continue
        head: dict[str, Scalar] = {
            "cell": cell.key,
            "label": cell.label,
            "dataset": cell.dataset,
            "scheme": scheme,
            "threshold": knobs.get("threshold"),
            "first_steps_on_base": knobs.get("first_steps_on_base"),
            "token_budget": knobs.get("token_budget"),
            "base": f"base of {cell.pair}",
            "drafter": f"drafter of {cell.pair}",
        }
        dicts.append(head | own)
    return _figure(name, title, dicts)


def _figure(name: str, title: str, dicts: Sequence[dict[str, Scalar]]) -> Figure:
    columns = tuple(dicts[0]) if dicts else ()
    return Figure(
        name=name,
        title=title,
        says=f"What {name} says here.",
        reading="Each mark is one cell.",
        remarks=(),
        sql=f"SELECT * -- of {name}\nFROM job\nWHERE 1 < 2",
        columns=columns,
        rows=tuple(tuple(each[column] for column in columns) for each in dicts),
    )


def _spread(name: str, interval: Interval | None) -> dict[str, Scalar]:
    if interval is None:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    return {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}


def _point(
    name: str, cell: CellFigures, cells: Sequence[CellFigures], draws: random.Random
) -> dict[str, Scalar]:
    assert cell.pass_at_1 is not None
    assert cell.latency_s is not None
    others = [each for each in cells if each.dataset == cell.dataset and each is not cell]
    beaten = any(
        each.pass_at_1.mean >= cell.pass_at_1.mean and each.latency_s.mean < cell.latency_s.mean
        for each in others
        if each.pass_at_1 and each.latency_s
    )
    return {
        **_spread("pass_at_1", cell.pass_at_1),
        **_spread("latency_s", cell.latency_s),
        "concurrency": cell.concurrency,
        "num_problems": cell.num_problems,
        "num_jobs": cell.num_jobs,
        "is_on_front": not beaten,
    }


def _tokens(
    name: str, cell: CellFigures, cells: Sequence[CellFigures], draws: random.Random
) -> dict[str, Scalar]:
    assert cell.kept_tokens is not None
    by_drafter = {"base": 0.0, "drafter": 1.0, "specdecode": 0.0}.get(
        cell.scheme, 0.7
    ) * cell.kept_tokens.mean
    return {
        **_spread("kept_tokens", cell.kept_tokens),
        "by_drafter": by_drafter,
        "by_base": cell.kept_tokens.mean - by_drafter,
        "wasted": 0.0 if cell.scheme in ("base", "drafter") else draws.uniform(60, 300),
        "num_jobs": cell.num_jobs,
    }


def _gap(
    name: str, cell: CellFigures, cells: Sequence[CellFigures], draws: random.Random
) -> dict[str, Scalar] | None:
    if cell.scheme == "base":
        return None
    gap = draws.uniform(-0.08, 0.09)
    return {
        "base_pass_at_1": 0.8,
        **_spread("pass_at_1", cell.pass_at_1),
        **_spread("gap", Interval(mean=gap, low=gap - 0.06, high=gap + 0.06)),
        "num_pairs": 96,
    }


def _sweep(
    name: str, cell: CellFigures, cells: Sequence[CellFigures], draws: random.Random
) -> dict[str, Scalar] | None:
    if cell.scheme == "drafter":
        return None
    return {
        "score_method": cell.knobs.get("score_method"),
        **_spread("pass_at_1", cell.pass_at_1),
        **_spread("latency_s", cell.latency_s),
        **_spread("acceptance", cell.acceptance),
        "num_jobs": cell.num_jobs,
    }


def _size(
    name: str, cell: CellFigures, cells: Sequence[CellFigures], draws: random.Random
) -> dict[str, Scalar]:
    known = {"qwq-32b_r1-1_5b": 32.8e9, "r1-70b_r1-1_5b": 70.6e9}
    return {
        "base_parameters": known.get(cell.pair),
        **_spread("pass_at_1", cell.pass_at_1),
        **_spread("latency_s", cell.latency_s),
        "num_jobs": cell.num_jobs,
    }


def _time(
    name: str, cell: CellFigures, cells: Sequence[CellFigures], draws: random.Random
) -> dict[str, Scalar]:
    assert cell.latency_s is not None
    parts = {"base": (0, 0, 0.95), "drafter": (0.93, 0, 0), "specdecode": (0, 0, 0.95)}
    drafting, verifying, writing = parts.get(cell.scheme, (0.4, 0.15, 0.38))
    whole = cell.latency_s.mean
    return {
        "drafting_s": drafting * whole,
        "verifying_s": verifying * whole,
        "writing_s": writing * whole,
        "waiting_s": (1 - drafting - verifying - writing) * whole,
        "latency_s": whole,
        "num_jobs": cell.num_jobs,
    }


def _reward(cells: Sequence[CellFigures], draws: random.Random) -> Figure:
    dicts: list[dict[str, Scalar]] = []
    for cell in cells:
        if "threshold" not in cell.knobs:
            continue
        for bin_ in range(10):
            mean = 1.5 + 0.7 * bin_ + draws.uniform(-0.5, 0.5)
            row: dict[str, Scalar] = {
                "cell": cell.key,
                "label": cell.label,
                "prm": "a-reward-model-7b",
                "bin": bin_,
            }
            row |= {"bin_low": bin_ / 10, "bin_high": (bin_ + 1) / 10}
            row |= _spread("utility_score", Interval(mean=mean, low=mean - 0.4, high=mean + 0.4))
            dicts.append(row | {"num_steps": draws.randint(5, 400), "share_accepted": 0.1 * bin_})
    return _figure("reward", "Utility scores against rewards", dicts)


def _slowest(cells: Sequence[CellFigures], draws: random.Random, text: str) -> Figure:
    dicts: list[dict[str, Scalar]] = []
    for place in range(20):
        cell = draws.choice(cells)
        row: dict[str, Scalar] = {"cell": cell.key, "label": cell.label, "batch_id": str(cell.batch_ids[0])}
        row |= {
            "job_id": str(UUID(int=place)),
            "problem": f"p{place}",
            "repeat": 0,
            "step": draws.randint(0, 60),
        }
        row |= {"decision": "rejected", "author": draws.choice(("base", "drafter"))}
        row |= {"seconds": 9.0 - 0.4 * place, "kept_tokens": draws.randint(20, 512), "text": text}
        dicts.append(row)
    return _figure("slowest_steps", "The slowest steps", dicts)


def _rewritten(cells: Sequence[CellFigures], draws: random.Random, text: str) -> Figure:
    dicts: list[dict[str, Scalar]] = []
    for place in range(12):
        cell = draws.choice(cells)
        row: dict[str, Scalar] = {
            "cell": cell.key,
            "label": cell.label,
            "problem": f"p{place}",
            "num_jobs": 4,
        }
        row |= {"num_drafts": 40, "num_rewritten": 36 - 2 * place, "share_rewritten": (36 - 2 * place) / 40}
        dicts.append(row | {"example_job_id": str(UUID(int=place)), "example_step": 3, "text": text})
    return _figure("most_rewritten_steps", "Problems whose steps the base wrote again most often", dicts)
