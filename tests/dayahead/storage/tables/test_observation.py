from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from dayahead.hours import to_hour
from dayahead.source import Source
from dayahead.storage.tables.observation import CURRENT, observed_range, read_observations
from dayahead.storage.tables.series import load_series, register_series
from dayahead.storage.tables.source import load_sources, register_source

pytestmark = pytest.mark.servers

NOW = datetime(2024, 3, 1, 12, tzinfo=UTC)
SOURCE = Source.model_validate(
    {
        "name": "test",
        "kind": "file",
        "title": "Test",
        "path": "test.csv",
        "time_column": "t",
        "key_columns": ["Area", "Type"],
        "value_column": "v",
        "unit": "kWh",
    }
)


@pytest.fixture
def connection(database_url: str) -> psycopg.Connection:
    return psycopg.connect(database_url, options="-c timezone=UTC")


def observe(connection: psycopg.Connection, key: int, hours_ago: int, value: float, known: datetime) -> None:
    connection.execute(
        "INSERT INTO observation (series_key, valid_time, value, available_at) VALUES (%s, %s, %s, %s)",
        [key, NOW - timedelta(hours=hours_ago), value, known],
    )


def test_series_get_their_keys_once_and_their_labels_from_the_source(connection: psycopg.Connection) -> None:
    registered = register_source(connection, SOURCE)
    first = register_series(connection, ["DK1/111", "DK2/a%2Fb"], registered, 8, NOW)
    again = register_series(connection, ["DK2/a%2Fb", "DK1/222"], registered, 8, NOW)
    assert first["DK2/a%2Fb"] == again["DK2/a%2Fb"]
    labels = connection.execute("SELECT labels FROM series WHERE series_id = 'DK2/a%2Fb'").fetchone()
    assert labels == ({"Area": "DK2", "Type": "a/b"},)
    assert first["DK2/a%2Fb"].area == "DK2"
    assert {series.series_id for series in load_series(connection)} == {"DK1/111", "DK1/222", "DK2/a%2Fb"}
    assert load_sources(connection)["test"] == registered


def test_a_read_is_a_matrix_with_gaps_in_the_order_asked_for(connection: psycopg.Connection) -> None:
    observe(connection, 1, 3, 10.0, NOW)
    observe(connection, 2, 1, 20.0, NOW)
    observe(connection, 1, 9, 99.0, NOW)  # before the range
    end = to_hour(NOW)
    matrix = read_observations(connection, np.array([2, 1, 7]), end - 3, end)
    np.testing.assert_array_equal(
        matrix.values, [[np.nan, np.nan, 20.0], [10.0, np.nan, np.nan], [np.nan, np.nan, np.nan]]
    )


def test_a_read_as_of_a_past_moment_sees_only_what_was_known(connection: psycopg.Connection) -> None:
    first, revised = NOW, NOW + timedelta(hours=5)
    observe(connection, 1, 2, 11.0, revised)
    connection.execute(
        "INSERT INTO observation_revision (series_key, valid_time, value, available_at, recorded_at)"
        " VALUES (1, %s, 10.0, %s, %s)",
        [NOW - timedelta(hours=2), first, first],
    )
    observe(connection, 1, 1, 12.0, revised)
    end = to_hour(NOW)

    def read(as_of: datetime | None) -> list[float]:
        return read_observations(connection, np.array([1]), end - 2, end, as_of).values[0].tolist()

    assert read(None) == [11.0, 12.0]
    assert read(revised) == [11.0, 12.0]
    np.testing.assert_array_equal(read(first), [10.0, np.nan])
    np.testing.assert_array_equal(read(first - timedelta(seconds=1)), [np.nan, np.nan])


def test_the_observed_range_of_a_source_is_its_own(connection: psycopg.Connection) -> None:
    assert observed_range(connection) is None
    registered = register_source(connection, SOURCE)
    series = register_series(connection, ["DK1/111"], registered, 8, NOW)["DK1/111"]
    observe(connection, series.series_key, 5, 1.0, NOW)
    observe(connection, series.series_key, 2, 1.0, NOW)
    hours = (NOW - timedelta(hours=5), NOW - timedelta(hours=2))
    assert observed_range(connection, registered.source_key) == hours
    assert observed_range(connection, registered.source_key + 1) is None


def test_a_window_is_read_from_the_index_alone(owner_database_url: str) -> None:
    with psycopg.connect(owner_database_url, autocommit=True) as owner:
        # hour by hour, as a stream writes: the hours of a series lie on as many pages
        owner.execute(
            "INSERT INTO observation (series_key, valid_time, value, available_at)"
            " SELECT key, %(now)s - hour * interval '1 hour', 1.0, %(now)s"
            " FROM generate_series(1, 300) AS hour, generate_series(1, 500) AS key",
            {"now": NOW},
        )
        owner.execute("VACUUM ANALYZE observation")
        # so few rows would be read in either way; a table of a stream has millions
        owner.execute("SET enable_bitmapscan = off")
        wanted = {"keys": [7, 9], "start": NOW - timedelta(hours=300), "end": NOW}
        plan = "\n".join(row[0] for row in owner.execute("EXPLAIN " + CURRENT, wanted).fetchall())
    assert "Index Only Scan" in plan, plan
