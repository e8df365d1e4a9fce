from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from dayahead.hours import to_hour
from dayahead.source import Source
from dayahead.storage.tables.backfill import Backfill, Progress, read_progress, write_progress
from dayahead.storage.tables.poll_cursor import PollCursor, join_backfill, move_cursor, read_cursor
from dayahead.storage.tables.source import register_source

pytestmark = pytest.mark.servers

EARLY = datetime(2023, 1, 1, tzinfo=UTC)
LATER = datetime(2023, 1, 2, tzinfo=UTC)
HOUR = to_hour(EARLY)


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        yield connection


@pytest.fixture
def source_key(connection: psycopg.Connection) -> int:
    source = Source(
        name="a", kind="file", title="A", path="a.csv", time_column="t", key_columns=["k"], value_column="v", unit="kWh"
    )
    return register_source(connection, source).source_key


def test_a_source_that_was_never_polled_has_no_cursor(connection: psycopg.Connection, source_key: int) -> None:
    assert read_cursor(connection, source_key) is None


def test_the_cursor_moves_forward_and_never_back(connection: psycopg.Connection, source_key: int) -> None:
    move_cursor(connection, source_key, HOUR + 5, EARLY)
    assert read_cursor(connection, source_key) == PollCursor(HOUR + 5, EARLY, EARLY)
    move_cursor(connection, source_key, HOUR + 3, LATER)
    assert read_cursor(connection, source_key) == PollCursor(HOUR + 5, LATER, EARLY)
    move_cursor(connection, source_key, HOUR + 6, LATER)
    assert read_cursor(connection, source_key) == PollCursor(HOUR + 6, LATER, LATER)


@pytest.mark.parametrize(
    ("cursor", "moved"), [(None, True), (9, False), (10, True), (15, True), (20, False), (25, False)]
)
def test_a_backfill_of_hours_10_to_20_moves_the_cursor_only_from_within(
    connection: psycopg.Connection, source_key: int, cursor: int | None, moved: bool
) -> None:
    if cursor is not None:
        move_cursor(connection, source_key, HOUR + cursor, EARLY)
    assert join_backfill(connection, source_key, HOUR + 10, HOUR + 20, LATER) is moved
    found = read_cursor(connection, source_key)
    assert found is not None
    assert found.next_hour == HOUR + (20 if moved else cursor or 0)
    # history does not count as new; a source that publishes nothing after its first backfill is silent since then
    assert found.new_hour_at == (LATER if cursor is None else EARLY)


def test_the_progress_of_a_backfill_belongs_to_its_source_and_range(
    connection: psycopg.Connection, source_key: int
) -> None:
    backfill = Backfill(source_key, HOUR, HOUR + 100)
    assert read_progress(connection, backfill) is None
    write_progress(connection, backfill, Progress(HOUR + 10, None), EARLY)
    assert read_progress(connection, backfill) == Progress(HOUR + 10, None)
    write_progress(connection, backfill, Progress(HOUR + 20, HOUR + 17), EARLY)
    assert read_progress(connection, backfill) == Progress(HOUR + 20, HOUR + 17)
    assert read_progress(connection, Backfill(source_key, HOUR, HOUR + 99)) is None
