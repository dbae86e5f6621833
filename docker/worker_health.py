"""Healthcheck of a worker's container: exit status 0 while its worker holds its lease.

The lease is renewed as long as the pair is loaded and its step loops turn, so that 1 means: still loading,
hung, or away from Postgres.
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
    """A container's host name is its own, so that a host's live lease is this worker's."""
    try:
        with psycopg.connect(os.environ["SPECREASON_DATABASE_URL"], connect_timeout=3) as connection:
            (holds_lease,) = connection.execute(HOLDS_LEASE, (socket.gethostname(),)).fetchone() or (False,)
    except psycopg.Error as error:
        print(error, file=sys.stderr)  # noqa: T201 (docker keeps what a healthcheck says)
        return 1
    return 0 if holds_lease else 1


if __name__ == "__main__":
    sys.exit(main())
