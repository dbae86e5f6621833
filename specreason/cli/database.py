"""`specreason db`: the schema of the database at SPECREASON_DATABASE_URL."""

from __future__ import annotations

import typer

from specreason.cli.options import AsJson, Commands
from specreason.cli.show.output import print_answer

app = typer.Typer(cls=Commands, help="Upgrade and check the database's schema.", no_args_is_help=True)


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
