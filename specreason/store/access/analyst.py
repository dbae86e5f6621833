"""The roles of analysts in Postgres: each reads every table and view but those with secrets, and changes nothing.

Row by row there is no difference between owners here: whoever has such a role sees the batches of all of them.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import bindparam, make_url, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import Text

from specreason.errors import InputError, InvalidField, NotFound
from specreason.store.session import Connection, Database, transaction
from specreason.store.tables.access import SECRETS

# Postgres keeps some names for itself.
NAME = re.compile(r"(?!pg_|(?:public|none)$)[a-z_][a-z0-9_]{0,62}")
# By this comment a role is known as one of ours: no other is renewed or dropped.
MARK = "reads the tables and views of specreason"
MOST_CONNECTIONS = 10
# An open transaction holds up migrations.
IDLE_IN_TRANSACTION = "60s"
REFUSED = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)

_ROLE = text("SELECT shobj_description(oid, 'pg_authid') AS mark FROM pg_roles WHERE rolname = :name")
# A database of the same server, other than this one, in which the role has rights.
_ELSEWHERE = text(
    """
    SELECT pg_database.datname
    FROM pg_shdepend
    JOIN pg_roles ON pg_roles.oid = pg_shdepend.refobjid AND pg_shdepend.refclassid = 'pg_authid'::regclass
    JOIN pg_database ON pg_database.oid = pg_shdepend.dbid
    WHERE pg_roles.rolname = :name AND pg_database.datname <> current_database()
    ORDER BY 1 LIMIT 1
    """
)
# Those that read this database: a role is one of the whole server.
_ANALYSTS = text(
    """
    SELECT rolname FROM pg_roles
    WHERE shobj_description(oid, 'pg_authid') = :mark AND has_table_privilege(oid, 'batch', 'SELECT')
    """
)
_READABLE = text(
    """
    SELECT quote_ident(relname) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v') AND relname <> ALL(:secrets)
        AND relowner = (SELECT relowner FROM pg_class WHERE oid = 'batch'::regclass)
    """
).bindparams(bindparam("secrets", [table.name for table in SECRETS], type_=ARRAY(Text)))
_NEEDS = text(
    """
    SELECT format('CONNECT ON DATABASE %I', current_database())
    WHERE NOT has_database_privilege(:name, current_database(), 'CONNECT')
    UNION ALL
    SELECT format('USAGE ON SCHEMA %I', current_schema())
    WHERE NOT has_schema_privilege(:name, current_schema(), 'USAGE')
    """
)
_HAS = text(
    "SELECT format('ON ALL TABLES IN SCHEMA %I', current_schema())"
    " UNION ALL SELECT format('ON SCHEMA %I', current_schema())"
    " UNION ALL SELECT format('ON DATABASE %I', current_database())"
)


def renew_analyst(database: Database, name: str, *, statement_timeout_s: int) -> str:
    """Create the role, or give it another password and its rights again; return the password, which is stored nowhere.

    Raises InvalidField for a name that Postgres would have to quote or keeps for itself, or that a role of somebody
    else or of another database has; InputError if the user of this database may not create roles.
    """
    _check(name)
    role, password = f'"{name}"', secrets.token_hex(16)
    with _allowed(database) as connection:
        verb = "ALTER" if _is_ours(connection, name) else "CREATE"
        if (other := connection.scalar(_ELSEWHERE, {"name": name})) is not None:
            raise InvalidField(
                "name",
                f"the role '{name}' reads the database '{other}' of the same server, and would get another password"
                " there, too; choose another name",
            )
        # The server's log may hold the statement: it gets the password's hash.
        hashed = (
            _pgconn(connection).encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
        )
        for statement in (
            f"{verb} ROLE {role} LOGIN CONNECTION LIMIT {MOST_CONNECTIONS} PASSWORD '{hashed}'",
            f"COMMENT ON ROLE {role} IS '{MARK}'",
            f"ALTER ROLE {role} SET default_transaction_read_only = on",
            f"ALTER ROLE {role} SET statement_timeout = '{statement_timeout_s}s'",
            f"ALTER ROLE {role} SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION}'",
        ):
            connection.exec_driver_sql(statement)
        for right in connection.scalars(_NEEDS, {"name": name}).all():
            connection.exec_driver_sql(f"GRANT {right} TO {role}")
        _grant(connection, [name])
    return password


def drop_analyst(database: Database, name: str) -> bool:
    """Take the role's rights in this database, and drop it. False if it stays, since it has rights in another one.

    Raises NotFound, and as `renew_analyst` does.
    """
    _check(name)
    with _allowed(database) as connection:
        if not _is_ours(connection, name):
            raise NotFound(f"role: there is none with the name '{name}'")
        role = f'"{name}"'
        for rights in connection.scalars(_HAS).all():
            connection.exec_driver_sql(f"REVOKE ALL {rights} FROM {role}")
        try:
            with connection.begin_nested():
                connection.exec_driver_sql(f"DROP ROLE {role}")
        except DBAPIError as error:
            if not isinstance(error.orig, psycopg.errors.DependentObjectsStillExist):
                raise
            return False
    return True


def grant_to_analysts(connection: Connection) -> None:
    """Give every analyst of this database its rights again: a view that was made anew has none.

    Default privileges would do so too, but for tables with secrets that a later version makes as well.
    """
    _grant(connection, connection.scalars(_ANALYSTS, {"mark": MARK}).all())


def url_for(database_url: str, name: str, password: str) -> str:
    """The address of the same database for the role."""
    url = make_url(database_url).difference_update_query(["user", "password"])
    return url.set(drivername="postgresql", username=name, password=password).render_as_string(
        hide_password=False
    )


def _grant(connection: Connection, names: Sequence[str]) -> None:
    if names:
        readable = ", ".join(connection.scalars(_READABLE))
        roles = ", ".join(f'"{name}"' for name in names)
        connection.exec_driver_sql(f"GRANT SELECT ON {readable} TO {roles}")


def _check(name: str) -> None:
    if not NAME.fullmatch(name):
        raise InvalidField(
            "name",
            "must be lower-case letters, digits and _, not begin with a digit or pg_, have at most 63, and be neither"
            " public nor none",
        )


def _is_ours(connection: Connection, name: str) -> bool:
    """Whether there is such a role. Raises InvalidField if it is somebody else's."""
    role = connection.execute(_ROLE, {"name": name}).one_or_none()
    if role is not None and role.mark != MARK:
        raise InvalidField(
            "name", f"there is a role '{name}' that is no analyst of ours; choose another name"
        )
    return role is not None


@contextmanager
def _allowed(database: Database) -> Iterator[Connection]:
    """A transaction. Raises InputError if the user may not do in it what is done."""
    with transaction(database) as connection:
        try:
            yield connection
        except DBAPIError as error:
            if not isinstance(error.orig, REFUSED):
                raise
            raise InputError(
                "database: this user may not create or drop roles; run the command once with the URL of an "
                "administrator of Postgres in SPECREASON_DATABASE_URL"
            ) from error


def _pgconn(connection: Connection) -> Any:
    driver = connection.connection.dbapi_connection
    assert isinstance(driver, psycopg.Connection)
    return driver.pgconn
