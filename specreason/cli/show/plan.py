"""How a memory plan is shown: a table of both engines, or JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich.text import Text

from specreason.cli.planning import Planned
from specreason.cli.show.output import data_console, print_facts
from specreason.cli.show.tables import Column, print_table
from specreason.planning.cards import Cards
from specreason.planning.memory import EngineShare, usual_job_tokens

COLUMNS = (
    Column(heading="engine"),
    Column(heading="GPUs", justify="right"),
    Column(heading="weights", justify="right"),
    Column(heading="buffers", justify="right", drop=1),
    Column(heading="KV cache", justify="right"),
    Column(heading="in all", justify="right"),
    Column(heading="utilization", justify="right", drop=0),
)


def print_plan(found: Planned) -> None:
    """Print the verdict, what the KV caches hold, and each engine's share of every card it uses."""
    console = data_console()
    on = "this machine, without a GPU" if found.cards is None else _in_words(found.cards)
    plan, tokens = found.plan, usual_job_tokens(found.pair)
    print_facts(
        console,
        [
            ("pair", found.name),
            ("on", on),
            ("fits", Text("yes", style="green") if plan else Text("no", style="red")),
            ("missing", found.missing),
            ("others", _others(found)),
            ("KV caches", f"{plan.kv_tokens:,} tokens in each engine" if plan else None),
            ("slots", f"{plan.slots}, for usual jobs of {tokens:,} tokens" if plan else None),
        ],
    )
    console.print()
    print_table(console, COLUMNS, [_row(role, share) for role, share in found.shares.items()])
    where = "for each process" if found.cards is None else "on each GPU"
    console.print(Text(f"GiB {where}; estimated before anything is loaded", style="dim"), soft_wrap=True)


def plan_as_json(found: Planned) -> dict[str, Any]:
    """Return the plan for programs. `engines` hold GiB for each device; `missing` is null if the pair fits."""
    plan = found.plan
    return {
        "pair": found.name,
        "cards": None if found.cards is None else _card_as_json(found.cards),
        "fits": found.fits,
        "missing": found.missing,
        "others": list(found.others),
        "kv_tokens": plan.kv_tokens if plan else 0,
        "slots": plan.slots if plan else 0,
        "engines": {
            role: {**asdict(share), "total_gib": share.total_gib} for role, share in found.shares.items()
        },
    }


def _card_as_json(cards: Cards) -> dict[str, Any]:
    return {
        "name": cards.card.name,
        "count": cards.count,
        "memory_gib": cards.card.memory_gib,
        "used_gib": cards.used_gib,
    }


def _in_words(cards: Cards) -> str:
    used = f", {cards.used_gib:.1f} in use" if cards.used_gib else ""
    return f"{cards} of {cards.card.memory_gib:.1f} GiB{used}"


def _others(found: Planned) -> str | None:
    if not found.others:
        return None
    return f"{', '.join(found.others)}: the same two models, and {'they fit' if len(found.others) > 1 else 'it fits'}"


def _row(role: str, share: EngineShare) -> tuple[str | None, ...]:
    used = share.gpu_memory_utilization
    return (
        role,
        str(share.tensor_parallel_size),
        f"{share.weights_gib:.1f}",
        f"{share.fixed_gib:.1f}",
        f"{share.kv_gib:.1f}" if share.kv_gib else None,
        f"{share.total_gib:.1f}",
        None if used is None else f"{used:.3f}",
    )
