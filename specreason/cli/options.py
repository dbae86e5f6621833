"""Options and arguments that several commands share, so that each has one name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from specreason.cli.completion import complete_batch, complete_pair
from specreason.errors import InvalidField
from specreason.settings import MOST_SLOTS, load_settings
from specreason.words import none_of

DATASET, WAITING = "The dataset", "Waiting"


class Commands(TyperGroup):
    """A group of commands whose help shows flags as flags. Typer would show the type of their value."""

    def get_params(self, ctx: Any) -> Any:
        return _without_types(super().get_params(ctx))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is not None:
            _without_types(command.get_params(ctx))
        return command


def _without_types(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "is_bool_flag", False):
            parameter.metavar = ""
    return parameters


def check_choices(option: str, given: Sequence[str], known: Sequence[str]) -> None:
    """Raise InvalidField that names the option if one of its values is none of the known ones."""
    for each in given:
        if each not in known:
            raise InvalidField(option, none_of(each, known))


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, errors included.")]
PairName = Annotated[
    str,
    typer.Option(
        "--pair", help="The pair of models, by its name in pairs.toml.", autocompletion=complete_pair
    ),
]
Slots = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=MOST_SLOTS,
        help="Jobs in flight on the worker. Default: SPECREASON_SLOTS; if that is unset, what the memory plan has room "
        "for on GPUs, else 16.",
        show_default=False,
    ),
]
ApiUrl = Annotated[str | None, typer.Option("--api", help="The API's address. Default: SPECREASON_API_URL.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="The folder of `specreason up`. Default: ~/.local/share/specreason.",
        show_default=False,
    ),
]
BATCH_REF = "Its id, a beginning or end of it of four digits or more, or its whole name."
BatchRef = Annotated[str, typer.Argument(metavar="BATCH", help=BATCH_REF, autocompletion=complete_batch)]
BatchRefs = Annotated[
    list[str], typer.Argument(metavar="BATCH...", help=BATCH_REF, autocompletion=complete_batch)
]
JobRef = Annotated[
    str,
    typer.Argument(metavar="JOB", help="BATCH/INDEX, BATCH/INDEX/REPEAT if it has repeats, or its whole id."),
]
NumProblems = Annotated[
    int | None,
    typer.Option(
        "--limit",
        min=1,
        metavar="NUMBER",
        help="The first so many problems of a dataset that has a name. Default: all.",
        rich_help_panel=DATASET,
    ),
]
GpuHourPrice = Annotated[
    float | None,
    typer.Option(
        "--price",
        min=0,
        metavar="NUMBER",
        help="The price of one GPU-hour, in any currency. Default: SPECREASON_GPU_HOUR_PRICE.",
        show_default=False,
    ),
]
DeadlineAt = Annotated[
    datetime | None,
    typer.Argument(help="Local time, such as 2026-12-24T18:00:00. Without one the deadline is removed."),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        min=0,
        metavar="SECONDS",
        help="Stop waiting after so many seconds, with exit status 8.",
        rich_help_panel=WAITING,
    ),
]


def price_or_setting(given: float | None) -> float | None:
    """Return the price of one GPU-hour: `--price`, else that of SPECREASON_GPU_HOUR_PRICE, else None.

    Raises InvalidField for one that is no finite number. So call it before anything is sent.
    """
    if given is not None and not isfinite(given):
        raise InvalidField("--price", "must be a finite number")
    return given if given is not None else load_settings().gpu_hour_price


def refuse_price(given: float | None, where: str, *, unless: bool) -> None:
    """Raise InvalidField, unless it has an effect, if `--price` was given; `where` says what has prices."""
    if given is not None and not unless:
        raise InvalidField("--price", f"has no effect here: {where}")
