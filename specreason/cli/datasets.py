"""`specreason datasets`: the datasets that have a name."""

from __future__ import annotations

from typing import Annotated

import typer

from specreason.cli.options import AsJson
from specreason.cli.show.output import print_json, print_list_as_json


def datasets(
    name: Annotated[
        str | None, typer.Argument(help="One of them: where it is from, and the tasks of reasoning-gym.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the datasets that `submit` takes by name: their problems, licence, source, and what they need here."""
    from specreason.cli.show.datasets import print_dataset, print_datasets
    from specreason.named_datasets.listing import listed, the_one

    if name is not None:
        found = the_one(name)
        if as_json:
            print_json(found)
        else:
            print_dataset(found)
        return
    if as_json:
        print_list_as_json(listed())
    else:
        print_datasets(listed())
