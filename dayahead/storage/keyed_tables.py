"""The tables that a worker fills, each with a key, and the two ways into them."""

from collections.abc import Callable, Sequence

import psycopg

from dayahead.storage.binary_copy import Block, copy_rows


class Table:
    """A table that takes rows in two ways: those that it cannot have yet straight, the others by an upsert.

    A COPY into the table itself takes less than half the time of one into a temporary table with an upsert from there.

    Attributes:
        straight: what to COPY new rows into.
        incoming: temporary table to COPY the others into.
        made: makes that.
        upsert: takes its rows over.
    """

    def __init__(self, name: str, key: Sequence[str], columns: Sequence[str], unless_told: str = "") -> None:
        named = ", ".join([*key, *columns])
        self.straight = f"{name} ({named})"
        self.incoming = f"incoming_{name}"
        shape = f"SELECT {named} FROM {name} WITH NO DATA"  # noqa: S608 - all names are the code's own
        self.made = f"CREATE TEMPORARY TABLE IF NOT EXISTS {self.incoming} ON COMMIT DELETE ROWS AS {shape}"
        replaced = unless_told or ", ".join(f"{column} = excluded.{column}" for column in columns)
        self.upsert = (
            f"INSERT INTO {name} ({named}) SELECT {named} FROM {self.incoming}"  # noqa: S608 - as above
            f" ON CONFLICT ({', '.join(key)}) DO UPDATE SET {replaced}"
        )

    def put(
        self,
        cursor: psycopg.Cursor,
        new: Sequence[Block],
        others: Sequence[Block],
        before_upsert: Callable[[], None] | None = None,
    ) -> None:
        """Write blocks of rows, each row once.

        Args:
            cursor: of an open transaction.
            new: rows that the table cannot have yet.
            others: rows that may be there.
            before_upsert: is called while the others are in `incoming`, before they replace rows of the table.
        """
        copy_rows(cursor, self.straight, new)
        replaces = copy_rows(cursor, self.incoming, others)
        if before_upsert is not None:
            before_upsert()
        if replaces:
            cursor.execute(self.upsert.encode())


OBSERVATION = Table(
    "observation",
    ("series_key", "valid_time"),
    ("value", "available_at", "confirmed_at", "recorded_at"),
    """value = excluded.value, available_at = excluded.available_at, confirmed_at = excluded.confirmed_at,
       recorded_at = CASE WHEN observation.value = excluded.value THEN observation.recorded_at
                          ELSE excluded.recorded_at END""",
)
FORECAST = Table(
    "forecast",
    ("series_key", "origin"),
    ("issued_at", "release", "rung", "reasons", "p50", "p10", "p90", "message_offset"),
)
FEATURE_SNAPSHOT = Table("feature_snapshot", ("series_key", "origin"), ("features",))
SCORE = Table(
    "score",
    ("series_key", "origin"),
    (
        *("release", "rung", "hours", "absolute_error", "absolute_actual", "percentage_error", "percentage_hours"),
        *(
            "signed_error",
            "naive_error",
            "daily_naive_error",
            "naive_hours",
            "naive_actual",
            "model_error_where_naive",
            "covered",
        ),
        *("pinball", "lead_error"),
    ),
)
