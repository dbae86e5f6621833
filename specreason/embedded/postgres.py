"""An embedded Postgres: made on first start, reached by password through a socket in its own folder only."""

from __future__ import annotations

import os
import pwd
import signal
from pathlib import Path

import psycopg

from specreason.embedded import process
from specreason.embedded.cluster import check_version, initialise, reachable
from specreason.embedded.datadir import Instance
from specreason.embedded.leftovers import end_leftovers
from specreason.embedded.process import Account, Child
from specreason.errors import EmbeddedServerError

USER = "specreason"
DATABASE = "specreason"
# Names the socket only: there is no TCP port.
PORT = 5432

SETTINGS = {
    "listen_addresses": "",
    # The data folder: a relative name has no length limit.
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def server_account() -> Account | None:
    """The account that Postgres runs as: `nobody` if this process is root, else this process's own (None).

    initdb requires that the account has a name.
    """
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedServerError("Postgres cannot run as root and there is no user `nobody` here") from None
    return Account(nobody.pw_uid, nobody.pw_gid)


def start_postgres(programs: Path, instance: Instance, account: Account | None) -> Child:
    """Start the server, on a new cluster if there is none, and wait until the database answers."""
    folder = instance.data_dir / "postgres"
    if folder.exists():
        check_version(programs, folder)
        end_leftovers(folder)
        for stale in ("postmaster.pid", f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
            (folder / stale).unlink(missing_ok=True)
    else:
        initialise(programs, folder, user=USER, password=instance.password, account=account)
    with reachable(folder, account) as (path, fds):
        options = [f"--{name}={value}" for name, value in SETTINGS.items()]
        server = process.start(
            "Postgres",
            [programs / "postgres", "-D", path, "-p", str(PORT), *options],
            log=instance.data_dir / "postgres.log",
            # A fast shutdown: SIGTERM would wait until every client has left.
            death_signal=signal.SIGINT,
            cwd=Path("/"),
            account=account,
            pass_fds=fds,
        )
    try:
        server.wait_ready(lambda: _answers(instance), instance.timeout_s)
    except BaseException:
        stop_postgres(server, instance)
        raise
    return server


def stop_postgres(server: Child, instance: Instance) -> None:
    """Fast shutdown: open transactions are rolled back. Backends of a killed server end too."""
    server.stop(signal.SIGINT)
    end_leftovers(instance.data_dir / "postgres")


def database_url(instance: Instance) -> str:
    """For SQLAlchemy, psycopg and psql. The port is named because PGPORT may be set."""
    folder = instance.sockets / "postgres"
    return f"postgresql://{USER}:{instance.password}@/{DATABASE}?host={folder}&port={PORT}"


def _answers(instance: Instance) -> bool:
    """Whether the server accepts the password. Creates the database if it does not exist yet."""
    try:
        connection = psycopg.connect(
            host=str(instance.sockets / "postgres"),
            port=PORT,
            user=USER,
            password=instance.password,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
        )
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise EmbeddedServerError(
                "Postgres does not take the password stored in the data directory"
            ) from None
        return False
    try:
        with connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.Error as error:
        raise EmbeddedServerError(f"Postgres cannot make the database {DATABASE}: {error}") from error
    return True
