"""Healthcheck of a worker's container: exit status 0 while its worker holds its lease.

The lease is renewed while the pair is loaded and its jobs make progress. Exit status 1 therefore means that the worker
is still loading, hung, or cut off from Postgres.
"""

import os
import socket
import sys

import psycopg

HOLDS_LEASE = """
    SELECT EXISTS (
        SELECT FROM live_worker WHERE host = %s
    )
"""


def main() -> int:
    """Each container has its own host name, so that a live lease of this host belongs to this worker."""
    try:
        with psycopg.connect(os.environ["SPECREASON_DATABASE_URL"], connect_timeout=3) as connection:
            (holds_lease,) = connection.execute(HOLDS_LEASE, (socket.gethostname(),)).fetchone() or (False,)
    except psycopg.Error as error:
        print(error, file=sys.stderr)  # noqa: T201 (docker keeps the output of a healthcheck)
        return 1
    return 0 if holds_lease else 1


if __name__ == "__main__":
    sys.exit(main())
