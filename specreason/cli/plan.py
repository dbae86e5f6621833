"""`specreason plan`: whether a pair fits on cards, and how its two engines share them, before anything is loaded."""

from __future__ import annotations

from typing import Annotated

import typer

from specreason.cli.completion import complete_cards
from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import AsJson, PairName
from specreason.cli.show.output import print_json


def plan(
    pair: PairName = "demo",
    gpu: Annotated[
        str | None,
        typer.Option(
            help="The cards: a6000, a6000x2, a100-80x4, l40s, rtx4090, h100, h200, b200. Default: those of this "
            "machine, or else those that the pair is written for.",
            autocompletion=complete_cards,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Plan how a pair's engines share the memory of GPUs, or of a machine without one. Loads and fetches nothing.

    Tells the KV caches, the jobs in flight that they have room for, and each engine's share of every card. Exit status
    3 if the pair does not fit; then it names what is missing, and what would help.
    """
    from specreason.cli.checks.plan import planned
    from specreason.cli.show.plan import plan_as_json, print_plan

    found = planned(pair, gpu)
    if as_json:
        print_json(plan_as_json(found))
    else:
        print_plan(found)
    raise typer.Exit(0 if found.fits else EXIT_SOME_FAILED)
