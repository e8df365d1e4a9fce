"""Table `retention_cut`: up to where retention has removed rows of each table."""

from datetime import datetime

import psycopg


def note_cut(connection: psycopg.Connection, table: str, before: datetime) -> None:
    """Record that rows of a table may be removed; a cut never moves back.

    Args:
        connection: of the owner, which commits each statement.
        table: name of the table.
        before: rows of hours before this one are removed.
    """
    connection.execute(
        """
        INSERT INTO retention_cut (table_name, before) VALUES (%s, %s)
        ON CONFLICT (table_name) DO UPDATE SET before = greatest(retention_cut.before, excluded.before)
        """,
        [table, before],
    )


def read_cut(connection: psycopg.Connection, table: str) -> datetime | None:
    """Read up to where rows of a table were removed; None where none ever were."""
    row = connection.execute("SELECT before FROM retention_cut WHERE table_name = %s", [table]).fetchone()
    return row[0] if row else None
