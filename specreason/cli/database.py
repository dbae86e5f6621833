"""`specreason db`: the schema of the database at SPECREASON_DATABASE_URL, and who may read it."""

from __future__ import annotations

from typing import Annotated

import typer

from specreason.cli.options import AsJson, Commands, DataDir
from specreason.cli.show.output import print_answer

app = typer.Typer(
    cls=Commands,
    help="Upgrade and check the database's schema, and let others read it.",
    no_args_is_help=True,
)


@app.command()
def upgrade(as_json: AsJson = False) -> None:
    """Bring the database to this version's schema. Run it before the API and the workers of a new version."""
    from specreason.cli.local.database import opened_database
    from specreason.store.migrate import migrate

    with opened_database() as database:
        revision = migrate(database)
    print_answer({"revision": revision}, f"the schema is at revision {revision}", as_json=as_json)


@app.command()
def check(as_json: AsJson = False) -> None:
    """Check that the database is at this version's schema; exit status 2 if not."""
    from specreason.cli.local.database import opened_database
    from specreason.store.migrate import check_schema

    with opened_database() as database:
        check_schema(database)
    print_answer({"ok": True}, "the schema is this version's", as_json=as_json)


@app.command()
def analyst(
    *,
    name: Annotated[str, typer.Option(help="The name of the role.")] = "analyst",
    statement_timeout: Annotated[
        int,
        typer.Option(
            min=1, max=2_000_000, metavar="SECONDS", help="How long one of its statements may take."
        ),
    ] = 60,
    drop: Annotated[bool, typer.Option("--drop", help="Drop the role.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Make a role that reads the database and cannot change it, and print its address; again: with a new password.

    It reads every table and view but those of keys, and so the batches of every owner. Without SPECREASON_DATABASE_URL
    it is a role of the `specreason up` that runs.
    """
    from specreason.cli.local.database import opened_database, url_of_database
    from specreason.store.access.analyst import drop_analyst, renew_analyst, url_for
    from specreason.store.migrate import check_schema

    url = url_of_database(data_dir)
    with opened_database(url) as database:
        if drop:
            is_gone = drop_analyst(database, name)
            words = (
                "is dropped"
                if is_gone
                else "reads this database no more; it stays, as it has rights in another"
            )
            print_answer({"name": name, "dropped": is_gone}, f"role {name}: {words}", as_json=as_json)
            return
        check_schema(database)
        password = renew_analyst(database, name, statement_timeout_s=statement_timeout)
    own = url_for(url, name, password)
    words = (
        f"psql '{own}'\n\nIts transactions are read-only, and a statement may take {statement_timeout} s. The password "
        "is shown here only; the same command gives the role a new one."
    )
    answer = {"name": name, "database_url": own, "statement_timeout_s": statement_timeout}
    print_answer(answer, words, as_json=as_json)
