import threading
from datetime import UTC, datetime

import numpy as np
import psycopg
import pytest
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from dayahead.contracts import ForecastMessage
from dayahead.errors import StorageError
from dayahead.hours import from_hour, to_hour
from dayahead.settings import MigrationSettings
from dayahead.storage.forecasts import forecast_bytes, forecasts_bytes
from dayahead.storage.migrate import migrate_database, migrate_topics, migrations
from dayahead.storage.tables.forecast import read_forecasts, stored_forecast
from dayahead.topics import TIMESTAMP_TYPE, TOPICS
from tests.conftest import FreshDatabase, TopicRoom

pytestmark = pytest.mark.servers


def test_a_second_migration_finds_nothing_to_do(database: FreshDatabase) -> None:
    assert migrate_database(database.owner_url) == []


def test_every_migration_has_a_unique_number() -> None:
    assert [step.number for step in migrations()] == list(range(1, len(migrations()) + 1))


def test_two_that_migrate_at_once_do_not_disturb_each_other(database: FreshDatabase) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("DROP EXTENSION IF EXISTS timescaledb CASCADE")
        connection.execute("CREATE SCHEMA public")
    applied: list[list[str]] = []
    both = [threading.Thread(target=lambda: applied.append(migrate_database(database.owner_url))) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert sorted(applied, key=len) == [[], [step.name for step in migrations()]]


def test_a_database_of_a_newer_version_is_left_alone(database: FreshDatabase) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("INSERT INTO schema_version (number, name) VALUES (9999, 'future')")
    with pytest.raises(StorageError, match=r"has migration 9999, .* run the newer version"):
        migrate_database(database.owner_url)


def test_the_app_may_write_rows_but_not_change_tables(database: FreshDatabase) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("INSERT INTO tuning_run (started_at, requested_by, reason) VALUES (now(), 'app', 'it may')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP TABLE tuning_run")


def test_topics_are_made_once_with_their_partitions_and_policies(topics: TopicRoom) -> None:
    created = topics.create(partitions=3)
    assert created == [topics.name(spec.name) for spec in TOPICS]
    assert topics.create(partitions=3) == []
    admin = KafkaAdminClient(bootstrap_servers=topics.bootstrap)
    try:
        described = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics(created)}
    finally:
        admin.close()
    assert described == {topics.name(spec.name): 3 if spec.partitioned else 1 for spec in TOPICS}


def test_observations_of_an_older_version_get_the_clock_of_the_broker(topics: TopicRoom) -> None:
    topics.create(partitions=1)
    name = topics.name("observations")
    producer = KafkaProducer(bootstrap_servers=topics.bootstrap)
    admin = KafkaAdminClient(bootstrap_servers=topics.bootstrap)
    try:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, {TIMESTAMP_TYPE: "CreateTime"})])
        assert producer.send(name, b"old", partition=0, timestamp_ms=1_000).get(20).timestamp == 1_000
        assert topics.create(partitions=1) == []
        assert producer.send(name, b"new", partition=0, timestamp_ms=1_000).get(20).timestamp > 1_600_000_000_000
    finally:
        producer.close()
        admin.close()


def test_another_number_of_partitions_is_refused_since_series_would_move(topics: TopicRoom) -> None:
    topics.create(partitions=3)
    settings = MigrationSettings(kafka_bootstrap=topics.bootstrap, topic_prefix=topics.prefix, partitions=4)
    with pytest.raises(StorageError, match=r"has 3 partitions and DAYAHEAD_PARTITIONS says 4"):
        migrate_topics(settings)


def test_sums_by_day_are_made_of_the_scores_that_are_there(
    database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("DROP TABLE accuracy_day, partition_quality")
        connection.execute("DELETE FROM schema_version WHERE name = 'summaries'")
        connection.execute("INSERT INTO source (name, definition) VALUES ('s', '{}')")
        connection.execute(
            "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
            " SELECT 'DK1/' || n, source_key, '{}', 'DK1', 'kWh', 0 FROM source, generate_series(1, 2) AS n"
        )
        connection.execute(
            "INSERT INTO score SELECT series_key, origin, NULL, 3, 24, 10, 100, 2, 24, 0, 0, 0, 0, 0, 20, 1, '{}'"
            " FROM series, generate_series(timestamptz '2024-01-01T22:00Z', '2024-01-02T01:00Z', '1 hour') AS origin"
        )
    assert migrate_database(database.owner_url) == ["summaries"]
    with psycopg.connect(database.url) as connection:
        found = connection.execute(
            "SELECT area, unit, day::text, release, forecasts, hours, absolute_error, covered FROM accuracy_day"
            " ORDER BY day"
        ).fetchall()
    assert found == [
        ("DK1", "kWh", "2024-01-01", "", 4, 96, 40, 80),
        ("DK1", "kWh", "2024-01-02", "", 4, 96, 40, 80),
    ]


def test_scores_from_before_the_daily_naive_have_one_naive_for_both(database: FreshDatabase) -> None:
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("DROP VIEW score_by_series, score_by_horizon_day")
        connection.execute("ALTER TABLE score DROP COLUMN daily_naive_error")
        connection.execute("ALTER TABLE accuracy_day DROP COLUMN daily_naive_error")
        connection.execute("DELETE FROM schema_version WHERE name = 'daily_naive'")
        connection.execute(
            "CREATE VIEW score_by_series AS SELECT s.series_id, s.area, s.unit, c.origin, c.release, c.rung, c.hours,"
            " c.absolute_error, c.absolute_actual, c.percentage_error, c.percentage_hours, c.signed_error,"
            " c.naive_error, c.naive_hours, c.naive_actual, c.model_error_where_naive, c.covered, c.pinball,"
            " c.lead_error FROM score c JOIN series s USING (series_key)"
        )
        connection.execute(
            "INSERT INTO accuracy_day"
            " SELECT 0, 'DK1', 'kWh', '2024-01-01', '', 1, 24, 1, 1, 1, 24, 1, 7, 24, 1, 1, 1, 1"
        )
    assert migrate_database(database.owner_url) == ["daily_naive"]
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT daily_naive_error FROM accuracy_day").fetchall() == [(7.0,)]


def test_forecasts_from_before_there_were_longer_ones_are_read_as_they_are(database: FreshDatabase) -> None:
    p50 = np.arange(24, dtype=np.float32) + np.float32(0.5)
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("DROP VIEW forecast_point")
        connection.execute("ALTER TABLE forecast DROP COLUMN floor_days")
        connection.execute("DELETE FROM schema_version WHERE name = 'horizon'")
        connection.execute("INSERT INTO source (name, definition) VALUES ('s', '{}')")
        connection.execute(
            "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
            " SELECT 'DK1/1', source_key, '{}', 'DK1', 'kWh', 0 FROM source"
        )
        for origin, rung, values in (("2024-01-01T22:00Z", 0, p50.tolist()), ("2024-01-01T23:00Z", 5, [])):
            connection.execute(
                "INSERT INTO forecast (series_key, origin, issued_at, release, rung, reasons, p50, p10, p90,"
                " message_offset) SELECT series_key, %(origin)s, %(origin)s, NULL, %(rung)s, 0, %(values)s::real[],"
                " %(values)s::real[], %(values)s::real[], 7 FROM series",
                {"origin": origin, "rung": rung, "values": values},
            )
    assert migrate_database(database.owner_url) == ["horizon"]
    with psycopg.connect(database.url, options="-c timezone=UTC") as connection:
        (key,) = connection.execute("SELECT series_key FROM series").fetchone() or (0,)
        first = to_hour(datetime(2024, 1, 1, 22, tzinfo=UTC))
        rows = read_forecasts(connection, np.array([key, key]), np.array([first, first + 1]))
        rows = rows.take(np.argsort(rows.origin))
        assert (rows.leads.tolist(), rows.floor_days.tolist()) == ([24, 0], [0, 0])
        np.testing.assert_array_equal(rows.p50[0], p50)
        stored = stored_forecast(connection, key, origin=from_hour(first))
        assert stored is not None
        message = ForecastMessage.model_validate_json(forecast_bytes(stored))
        assert (message.leads, message.day_rungs, len(message.p50)) == (24, [0], 24)
        assert forecasts_bytes(["DK1/1"], ["kWh"], rows.take(np.array([0]))) == [forecast_bytes(stored)]
        points = connection.execute("SELECT lead, rung, p50 FROM forecast_point ORDER BY lead").fetchall()
        assert points == [(lead + 1, 0, value) for lead, value in enumerate(p50.tolist())]
