"""`specreason plan`: whether a pair fits on cards, and how its two engines share them, before anything is loaded."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from specreason.cli.completion import complete_batch, complete_cards
from specreason.cli.exits import EXIT_SOME_FAILED
from specreason.cli.options import ApiUrl, AsJson, GpuHourPrice, PairName, price_or_setting, refuse_price
from specreason.cli.show.output import print_json, print_message

FORECAST = "Forecast"


def _option(help: str, *names: str, **given: Any) -> Any:
    return typer.Option(*names, help=help, rich_help_panel=FORECAST, **given)


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
    *,
    problems: Annotated[int | None, _option("Problems to run.", min=1)] = None,
    file: Annotated[
        str | None, _option("A dataset whose problems are to run, as `submit` takes it.", metavar="DATASET")
    ] = None,
    repeats: Annotated[int | None, _option("Jobs for each problem. Default: 1.", min=1)] = None,
    scheme: Annotated[
        list[str] | None,
        _option(
            "Only this scheme. Repeat it for more. Default: all that the pair can run.", metavar="SCHEME"
        ),
    ] = None,
    threshold: Annotated[
        list[float] | None,
        _option("An acceptance threshold. Repeat it for more. Default: the pair's.", min=0, max=9),
    ] = None,
    concurrency: Annotated[
        int | None, _option("Jobs in flight, if the plan has room for them. Default: all that fit.", min=1)
    ] = None,
    like: Annotated[
        str, _option("The paper's dataset whose figures are the nearest: aime, math500 or gpqa.")
    ] = "aime",
    from_batch: Annotated[
        str | None,
        _option(
            "Predict from the jobs of this batch instead.", metavar="BATCH", autocompletion=complete_batch
        ),
    ] = None,
    price: GpuHourPrice = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Plan how a pair's engines share the memory of GPUs, or of a machine without one. Loads and fetches nothing.

    Tells the KV caches, the jobs in flight that they have room for, and each engine's share of every card. Exit status
    3 if the pair does not fit; then it names what is missing, and what would help.

    For GPUs it also predicts how long a job takes, the jobs per hour, and for so many problems the GPU-hours. These
    are ranges from the data sheet of the card and the figures of the paper, or of a batch that has run. What jobs of
    the same kind really took here, `specreason submit --dry-run` tells.
    """
    from specreason.cli import forecasting
    from specreason.cli.planning import planned
    from specreason.cli.show.forecast import forecast_as_json, print_forecast
    from specreason.cli.show.plan import plan_as_json, print_plan

    gpu_hour_price = price_or_setting(price)
    is_counted = problems is not None or file is not None
    refuse_price(price, "problems have a price; name them with --problems or --file", unless=is_counted)
    asked = forecasting.Asked(
        schemes=forecasting.scheme_names(scheme or ()),
        thresholds=tuple(threshold or ()),
        concurrency=concurrency,
        num_jobs=forecasting.number_of_jobs(problems, file, repeats, print_message),
        price=gpu_hour_price,
    )
    found = planned(pair, gpu)
    why_not = forecasting.why_not(found)
    prediction = None
    if why_not is None:
        workload = forecasting.workload_for(found.pair, like, from_batch, api)
        prediction = forecasting.predict(found, workload, asked)
    if as_json:
        print_json(plan_as_json(found) | {"forecast": prediction and forecast_as_json(prediction)})
    else:
        print_plan(found)
        if prediction is not None:
            print_forecast(prediction)
    if why_not is not None and found.fits:
        print_message(why_not)
    raise typer.Exit(0 if found.fits else EXIT_SOME_FAILED)
