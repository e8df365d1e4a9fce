"""The made-up scores of the summaries benchmark fit the tables that the API reads."""

import psycopg
import pytest

from benchmarks import summaries
from dayahead.storage.tables.score import SUMS
from tests.conftest import FreshDatabase


@pytest.mark.servers
def test_sums_by_day_are_those_of_the_made_up_scores(database: FreshDatabase) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("INSERT INTO source (name, definition) VALUES ('s', '{}')")
        connection.execute(
            "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
            " SELECT 'DK1/1', source_key, '{}', 'DK1', 'kWh', 0 FROM source"
        )
        connection.execute(summaries.SCORES, {"first": "2024-01-01T22:00Z", "last": "2024-01-02T01:00Z"})
        connection.execute(summaries.KEPT.encode())
        for name in SUMS:
            kept = connection.execute(f"SELECT sum({name}) FROM accuracy_day".encode()).fetchone()
            made = connection.execute(f"SELECT sum({name}) FROM score".encode()).fetchone()
            assert kept == pytest.approx(made), name
