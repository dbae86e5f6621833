"""`specreason workers`: the processes that run jobs."""

from __future__ import annotations

from specreason.cli.connection import connected
from specreason.cli.options import ApiUrl, AsJson
from specreason.cli.show.output import print_list_as_json
from specreason.cli.show.workers import print_workers


def workers(api: ApiUrl = None, as_json: AsJson = False) -> None:
    """List the workers, live ones first: their pairs, whether their leases count, and the slots they use."""
    with connected(api) as client:
        found = client.workers()
    if as_json:
        print_list_as_json(found)
    else:
        print_workers(found)
