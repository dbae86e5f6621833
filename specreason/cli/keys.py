"""`specreason keys`: keys to the API. The commands use the database, since the first key cannot be made over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from specreason.cli.options import AsJson, Commands, check_choices
from specreason.cli.show.keys import print_keys
from specreason.cli.show.output import print_answer, print_json, print_list_as_json, print_message
from specreason.client.references import the_one, whole_id

if TYPE_CHECKING:
    from specreason.store.session import Database

app = typer.Typer(cls=Commands, help="Make, list and revoke API keys.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A name by which you recognise the key.")],
    *,
    owner: Annotated[
        str | None,
        typer.Option(help="The owner of the batches that the key creates and reads. Default: the name."),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="What the key may do: submit, read, control, or admin, which is all of these for every owner. "
            "Repeat it for more. Default: submit, read and control.",
        ),
    ] = None,
    max_queued_jobs: Annotated[
        int | None, typer.Option(min=0, help="Most queued jobs that the owner may have.")
    ] = None,
    requests_per_minute: Annotated[
        int | None,
        typer.Option(min=1, help="Most requests a minute with this key. Default: the API's own limit."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key. It is shown once, here: only its hash is stored."""
    from specreason.cli.local.database import opened_database
    from specreason.store.access.keys import NewKey, create_key
    from specreason.store.tables.states import Scope

    check_choices("--scope", scope or (), tuple(Scope))
    chosen = {"scopes": tuple(Scope(each) for each in scope)} if scope else {}
    new = NewKey(
        name=name,
        owner=owner or name,
        max_queued_jobs=max_queued_jobs,
        requests_per_minute=requests_per_minute,
        **chosen,
    )
    with opened_database() as database:
        issued = create_key(database, new)
    if as_json:
        print_json({"key": issued.key, "secret": issued.secret})
    else:
        print_message("Keep it: it is not shown again. For these commands, export SPECREASON_API_KEY=…")
        typer.echo(issued.secret)


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the keys and their scopes."""
    from specreason.cli.local.database import opened_database
    from specreason.store.access.keys import list_keys

    with opened_database() as database:
        rows = list_keys(database)
    if as_json:
        print_list_as_json(rows)
    else:
        print_keys(rows)


@app.command()
def revoke(
    ref: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="Its id, a beginning or end of it of four digits or more, or its whole name."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Revoke a key. The batches of its owner stay."""
    from specreason.cli.local.database import opened_database
    from specreason.store.access.keys import revoke_key

    with opened_database() as database:
        key_id = _found(database, ref)
        revoke_key(database, key_id)
    print_answer({"key_id": key_id, "revoked": True}, f"revoked {key_id}", as_json=as_json)


def _found(database: Database, ref: str) -> UUID:
    """Return the id of the key that `ref` names; of keys with one name, the one that still counts."""
    from specreason.store.access.keys import list_keys

    if (whole := whole_id(ref)) is not None:
        return whole
    called = list_keys(database, ref=ref)
    found = [key for key in called if key.revoked_at is None] or called
    return the_one("key", ref, [(key.key_id, key.created_at) for key in found])
