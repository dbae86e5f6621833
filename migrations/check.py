"""`python -m migrations.check`: check that the migrations make the tables that the code declares.

Runs `alembic check` on an embedded Postgres of its own. Prints the difference, if any, and exits with status 1.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.util import CommandError

from specreason.embedded import start_servers
from specreason.store.migrate import alembic_config, migrate
from specreason.store.session import connect


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, start_servers(Path(folder) / "data") as servers:
        os.environ["SPECREASON_DATABASE_URL"] = servers.database_url
        database = connect(servers.database_url, pool_size=2)
        migrate(database)
        database.dispose()
        try:
            command.check(alembic_config())
        except CommandError as error:
            print(error, file=sys.stderr)  # noqa: T201 (what the command is for)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
