"""`specreason import`: exported batches into a database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from specreason.cli.options import AsJson, DataDir
from specreason.cli.show.output import print_json, print_message
from specreason.cli.waiting.counting import shown_rows
from specreason.cli.waiting.leaving import saying_at_the_end
from specreason.errors import InvalidField
from specreason.words import counted

UNCHANGED = "a batch that was not reported as imported is not in the database; the same command imports it"


def import_(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...", help="A folder batch=ID of an export, or one that has such folders."
        ),
    ],
    *,
    owner: Annotated[
        str | None,
        typer.Option(help="The owner of the batches here. Default: the owner that they had."),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Write exported batches into the database: each with all of its rows, or not at all.

    It is the database at SPECREASON_DATABASE_URL or, without that, of the `specreason up` that runs. Every figure is
    then the same as before the export. A batch that is there already stays as it is. An uploaded file,
    events and API keys are not part of an export.
    """
    from specreason.cli.local.database import opened_database, url_of_database
    from specreason.store.analysis.checked_folder import CheckedFolder
    from specreason.store.analysis.load import load_batch
    from specreason.store.migrate import check_schema

    places = [place for folder in folders for place in _batches_in(folder)]
    done = []
    with (
        saying_at_the_end(interrupted=f"interrupted; {UNCHANGED}", stopped=f"stopped; {UNCHANGED}"),
        opened_database(url_of_database(data_dir)) as database,
    ):
        check_schema(database)
        for place in places:
            with shown_rows(f"checking {place.name}", None) as tell:
                folder = CheckedFolder(place, tell)
            with shown_rows(f"importing {place.name}", folder.num_rows) as tell:
                loaded = load_batch(database, folder, owner=owner, on_rows=tell)
            done.append(loaded)
            if not as_json:
                size = counted(loaded.num_rows, "row")
                became = (
                    f"imported, {size}" if loaded.is_new else "was in the database already, as it is here"
                )
                print_message(f"{place}: {became}")
    if as_json:
        print_json({"data": done})


def _batches_in(folder: Path) -> Sequence[Path]:
    """The folder itself, or the exported batches in it. Raises InvalidField if it is neither."""
    from specreason.store.analysis.folders import MANIFEST, PREFIX

    if (folder / MANIFEST).exists() or folder.name.startswith(PREFIX):
        return [folder]
    found = sorted(path.parent for path in folder.glob(f"{PREFIX}*/{MANIFEST}"))
    if not found:
        what = "has no exported batch in it" if folder.is_dir() else "is no folder"
        raise InvalidField(str(folder), f"{what}; `specreason export BATCH` writes folders batch=ID")
    return found
