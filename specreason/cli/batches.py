"""`specreason batch list` and `show`: batches with their figures, and what they cost."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from specreason.cli.completion import complete_batch
from specreason.cli.connection import connected
from specreason.cli.options import ApiUrl, AsJson, BatchRef, GpuHourPrice, price_or_setting, refuse_price
from specreason.cli.show.batches import print_batch, print_batches, tell_remedies
from specreason.cli.show.output import print_json, print_list_as_json, print_message, tell_of_more
from specreason.client import Batch, Client
from specreason.client.analysis.cost_values import BatchCost
from specreason.client.decoding import to_json


def list_(
    is_open: Annotated[
        bool | None,
        typer.Option("--open/--ended", help="Only those with jobs that have not ended, or only the others."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Only batches whose name contains this.")] = None,
    eval_name: Annotated[
        str | None, typer.Option("--eval", metavar="NAME", help="Only batches of this `specreason eval`.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most batches to list, the newest first.")] = 20,
    *,
    price: GpuHourPrice = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """List batches, newest first."""
    gpu_hour_price = price_or_setting(price)
    refuse_price(price, "the table has prices, and --json has device times alone", unless=not as_json)
    with connected(api) as client:
        found = list(islice(client.batches(is_open=is_open, name=name, eval=eval_name), limit + 1))
    has_more = len(found) > limit
    if as_json:
        print_list_as_json(found[:limit], has_more=has_more)
    else:
        print_batches(found[:limit], gpu_hour_price)
        tell_of_more(has_more)


def show(
    ref: BatchRef,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="BATCH",
            help="The batch to set its cost beside. Default: one of the base alone over the same problems.",
            autocompletion=complete_batch,
        ),
    ] = None,
    price: GpuHourPrice = None,
    api: ApiUrl = None,
    as_json: AsJson = False,
) -> None:
    """Show the state of a batch, the figures known so far, and what it has cost."""
    gpu_hour_price = price_or_setting(price)
    with connected(api) as client:
        batch = client.batch(client.find_batch(ref))
        cost = known_cost(client, batch, against, gpu_hour_price)
    if as_json:
        print_json(batch_as_json(batch, cost))
    else:
        print_batch(batch, cost)
    tell_remedies([batch])


def known_cost(
    client: Client, batch: Batch, against: str | None, gpu_hour_price: float | None
) -> BatchCost | None:
    """Return what a batch has cost, beside another one; None before anything of it is known."""
    other = None if against is None else client.find_batch(against)
    if not batch.device_s:
        if against is not None:
            print_message(f"nothing is set beside {against}: the device time of this batch is not known")
        return None
    return client.analysis.cost(batch.batch_id, against=other, price=gpu_hour_price)


def batch_as_json(batch: Batch, cost: BatchCost | None) -> dict[str, Any]:
    """Return a batch with its cost, both as plain JSON."""
    plain: dict[str, Any] = to_json(batch)
    return plain | {"cost": cost and to_json(cost.cost), "beside": cost and to_json(cost.beside)}
