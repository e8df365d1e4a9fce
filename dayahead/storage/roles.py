"""Who owns the tables: the owner, who is no superuser, also where a superuser had to make them."""

import psycopg
from psycopg import sql

SCHEMAS = ["public", "optuna"]
"""Those of Dayahead's tables; the others are TimescaleDB's."""


def is_superuser(connection: psycopg.Connection) -> bool:
    """Check whether the role of a connection is a superuser."""
    row = connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    return row is not None and bool(row[0])


def give_tables_to(connection: psycopg.Connection, owner: str) -> None:
    """Change the owner of every table and view of Dayahead; its chunks, indexes and sequences follow a table.

    Args:
        connection: of a superuser.
        owner: name of the role.
    """
    role = sql.Identifier(owner)
    tables = connection.execute(
        "SELECT nspname, relname FROM pg_class JOIN pg_namespace AS schema ON schema.oid = relnamespace"
        " WHERE nspname = ANY (%s) AND relkind IN ('r', 'p', 'v')",
        [SCHEMAS],
    ).fetchall()
    for names in tables:
        connection.execute(sql.SQL("ALTER TABLE {} OWNER TO {}").format(sql.Identifier(*names), role))
    if connection.execute("SELECT to_regnamespace('optuna') IS NOT NULL").fetchone() == (True,):
        connection.execute(sql.SQL("ALTER SCHEMA optuna OWNER TO {}").format(role))
