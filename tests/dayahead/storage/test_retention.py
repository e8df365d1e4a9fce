from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from dayahead.errors import SettingsError
from dayahead.hours import to_hour
from dayahead.settings import load_settings
from dayahead.storage.retention import TABLES, Retention, RetentionSettings
from dayahead.storage.tables.weather_arrival import LEAST_KEPT_DAYS, Arrival, read_arrived, write_arrivals
from dayahead.storage.tables.weather_run import WeatherRun, read_runs
from tests.conftest import FreshDatabase
from tests.dayahead.weather.publications import run

NEWEST = datetime(2023, 1, 20, 5, tzinfo=UTC)
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def settings(**days: int) -> RetentionSettings:
    return RetentionSettings(_env_file=None, **days)  # type: ignore[arg-type] # `_env_file` is not of the class


@pytest.fixture
def connection(database: FreshDatabase) -> psycopg.Connection:
    """The owner, in a database with a row a day of 300 days in every table that may be cut."""
    opened = psycopg.connect(database.owner_url, autocommit=True)
    opened.execute("SET timezone = 'UTC'")
    add_series(opened, "sample", 20)
    days = "generate_series(%s::timestamptz - interval '299 days', %s::timestamptz, interval '1 day') AS day"
    opened.execute(
        f"INSERT INTO observation (series_key, valid_time, value, available_at) SELECT 1, day, 1, day FROM {days}",
        [NEWEST, NEWEST],
    )
    opened.execute(
        f"INSERT INTO observation_revision SELECT 1, day, day, one, day FROM {days}, generate_series(1, 20) AS one",
        [NEWEST, NEWEST],
    )
    opened.execute(
        "INSERT INTO forecast (series_key, origin, issued_at, rung, reasons, p50, p10, p90, message_offset)"
        f" SELECT 1, day, day, 0, 0, ARRAY[]::real[], ARRAY[]::real[], ARRAY[]::real[], 0 FROM {days}",
        [NEWEST, NEWEST],
    )
    return opened


def add_series(connection: psycopg.Connection, source: str, count: int) -> list[int]:
    """Register a source with some series; returns their keys."""
    row = connection.execute(
        "INSERT INTO source (name, definition) VALUES (%s, '{}') RETURNING source_key", [source]
    ).fetchone()
    assert row is not None
    found = connection.execute(
        "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
        " SELECT %s || '/' || number, %s, '{}', %s, 'kWh', 0 FROM generate_series(1, %s) AS number"
        " RETURNING series_key",
        [source, row[0], source, count],
    ).fetchall()
    return [key for (key,) in found]


def fill(connection: psycopg.Connection, series: list[int], newest: datetime) -> None:
    """Give series an observation, a forecast, a score and a sum of scores a day of the 200 days before an hour."""
    parameters = {"series": series, "newest": newest}
    days = (
        "(SELECT series_key AS one, series_id, area, unit FROM series WHERE series_key = ANY(%(series)s)) AS series,"
        " generate_series(%(newest)s::timestamptz - interval '199 days', %(newest)s, interval '1 day') AS day"
    )
    for statement in (
        f"INSERT INTO observation (series_key, valid_time, value, available_at) SELECT one, day, 1, day FROM {days}",
        "INSERT INTO forecast (series_key, origin, issued_at, rung, reasons, p50, p10, p90, message_offset)"
        f" SELECT one, day, day, 0, 0, ARRAY[]::real[], ARRAY[]::real[], ARRAY[]::real[], 0 FROM {days}",
        "INSERT INTO score SELECT one, day, NULL, 0, 24, 1, 1, 1, 24, 1, 1, 24, 1, 1, 24, 1, ARRAY[]::real[]"
        f" FROM {days}",
        f"INSERT INTO accuracy_day SELECT 0, area, unit, day::date, series_id, {', '.join(14 * '1')} FROM {days}",
    ):
        connection.execute(statement.encode(), parameters)


def oldest(connection: psycopg.Connection, table: str, column: str) -> datetime:
    row = connection.execute(f"SELECT min({column}) FROM {table}".encode()).fetchone()
    assert row is not None
    return datetime.fromisoformat(str(row[0]))


def rows(connection: psycopg.Connection, table: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_fewer_days_than_the_service_reads_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_RETAIN_OBSERVATION_DAYS", "30")
    with pytest.raises(SettingsError, match="DAYAHEAD_RETAIN_OBSERVATION_DAYS: 30 days are fewer than the 60"):
        load_settings(RetentionSettings)


def test_every_table_has_a_setting_and_keeps_all_by_default() -> None:
    assert all(getattr(settings(), f"retain_{table.name}_days") == 0 for table in TABLES)


@pytest.mark.servers
def test_nothing_is_removed_unless_a_setting_says_so(connection: psycopg.Connection) -> None:
    assert Retention(connection, settings(), lambda: NOW).run() == []
    assert rows(connection, "observation") == 300


@pytest.mark.servers
def test_old_rows_go_counted_from_the_newest_hour_and_all_others_stay(connection: psycopg.Connection) -> None:
    wanted = settings(retain_observation_days=100, retain_observation_revision_days=90, retention_batch_rows=1_000)
    removed = {one.table: one for one in Retention(connection, wanted, lambda: NOW).run()}
    # whole chunks of 28 days: what is kept begins at most so much earlier
    cut = NEWEST - timedelta(days=100)
    assert cut - timedelta(days=28) < oldest(connection, "observation", "valid_time") <= cut
    assert removed["observation"].unit == "chunks"
    assert removed["observation"].count >= 6
    assert oldest(connection, "observation_revision", "valid_time") == NEWEST - timedelta(days=90)
    assert removed["observation_revision"].count == (300 - 91) * 20
    assert rows(connection, "observation_revision") == 91 * 20
    assert rows(connection, "forecast") == 300
    again = Retention(connection, wanted, lambda: NOW).run()
    assert [one.count for one in again] == [0, 0]


@pytest.mark.servers
def test_a_series_behind_the_others_keeps_its_newest_forecasts_and_what_they_need(database: FreshDatabase) -> None:
    kept = timedelta(days=60)
    wanted = settings(
        retain_observation_days=60, retain_forecast_days=60, retain_score_days=60, retain_accuracy_day_days=60
    )
    ends = {"sample": NEWEST, "live": NOW, "live-but-one": NOW - timedelta(days=400)}
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        for source, newest in ends.items():
            fill(connection, add_series(connection, source, 3), newest)
        first = Retention(connection, wanted, lambda: NOW).run()
        for table, time in (("observation", "valid_time"), ("forecast", "origin"), ("score", "origin")):
            found = connection.execute(
                f"SELECT area, series_key, min({time}), max({time}), count(*)"
                f" FROM {table} JOIN series USING (series_key) GROUP BY 1, 2".encode()
            ).fetchall()
            assert len(found) == 9
            for source, _, least, most, count in found:
                assert most == ends[source], table
                assert ends[source] - kept - timedelta(days=28) < least <= ends[source] - kept
                assert count >= 61
        sums = connection.execute("SELECT area, min(day), max(day) FROM accuracy_day GROUP BY 1").fetchall()
        assert {area: (least, most) for area, least, most in sums} == {
            source: ((newest - kept + timedelta(days=newest.hour > 0)).date(), newest.date())
            for source, newest in ends.items()
        }
        assert all(one.count for one in first)
        assert [one.count for one in Retention(connection, wanted, lambda: NOW).run()] == [0, 0, 0, 0]


@pytest.mark.servers
def test_a_chunk_with_more_rows_to_keep_than_a_batch_stays_whole(database: FreshDatabase) -> None:
    wanted = settings(retain_forecast_days=60, retention_batch_rows=1_000)
    with psycopg.connect(database.owner_url, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        fill(connection, add_series(connection, "lagging", 50), NEWEST)
        fill(connection, add_series(connection, "ended", 1), NEWEST - timedelta(days=100))
        fill(connection, add_series(connection, "live", 1), NOW)
        Retention(connection, wanted, lambda: NOW).run()
        found = connection.execute(
            "SELECT area, max(origin), min(origin) FROM forecast JOIN series USING (series_key) GROUP BY 1"
        ).fetchall()
    newest = {area: most for area, most, _ in found}
    assert newest == {"lagging": NEWEST, "ended": NEWEST - timedelta(days=100), "live": NOW}
    assert {area: least for area, _, least in found}["lagging"] > NEWEST - timedelta(days=60 + 28)


@pytest.mark.servers
def test_a_stopped_run_has_removed_whole_batches_and_the_next_one_continues(
    connection: psycopg.Connection,
) -> None:
    wanted = settings(retain_observation_revision_days=90, retention_batch_rows=1_000)
    answers = iter([False, False, False, True])
    (part,) = Retention(connection, wanted, lambda: NOW).run(lambda: next(answers))
    assert part.count == 2_000
    (rest,) = Retention(connection, wanted, lambda: NOW).run()
    assert rest.count == (300 - 91) * 20 - 2_000


@pytest.mark.servers
def test_compression_says_which_licence_it_lacks(connection: psycopg.Connection) -> None:
    (licence,) = connection.execute("SHOW timescaledb.license").fetchone() or ("",)
    said = Retention(connection, settings(compress_after_days=60), lambda: NOW).compress()
    if licence == "timescale":
        assert said.endswith("chunks compressed")
        assert rows(connection, "observation") == 300
    else:
        assert said == f"compression needs timescaledb.license = timescale, this server has {licence}"


@pytest.mark.servers
def test_references_go_counted_from_the_newest_observed_hour_and_unobserved_ones_stay(
    connection: psycopg.Connection,
) -> None:
    """An operator forecasts beyond the newest hour, and a series that is not observed yet."""
    connection.execute(
        "INSERT INTO source (name, definition)"
        """ VALUES ('operator', '{"title": "Operator", "forecast_of": "sample", "unit": "kWh"}')"""
    )
    connection.execute(
        "INSERT INTO reference_series (source_key, series_id)"
        " SELECT source_key, series_id FROM source, unnest(ARRAY['sample/1', 'sample/new']) AS series_id"
        " WHERE name = 'operator'"
    )
    connection.execute(
        "INSERT INTO reference_forecast (reference_key, valid_time, available_at, value)"
        " SELECT reference_key, day, day - INTERVAL '1 day', 1"
        " FROM reference_series, generate_series(%s::timestamptz - INTERVAL '299 days', %s, INTERVAL '1 day') AS day",
        [NEWEST, NEWEST + timedelta(days=5)],
    )
    connection.execute(
        "INSERT INTO reference_score SELECT 1, reference_key, valid_time, 1, 6, 1, 6, 1, 1, 1"
        " FROM reference_forecast JOIN reference_series USING (reference_key) WHERE series_id = 'sample/1'"
    )
    wanted = settings(retain_reference_forecast_days=90, retain_reference_score_days=100)
    removed = {one.table: one.unit for one in Retention(connection, wanted, lambda: NOW).run()}
    assert removed == {"reference_score": "chunks", "reference_forecast": "rows"}
    kept = connection.execute(
        "SELECT series_id, count(*), min(valid_time)"
        " FROM reference_forecast JOIN reference_series USING (reference_key) GROUP BY series_id ORDER BY series_id"
    ).fetchall()
    assert kept == [
        ("sample/1", 91 + 5, NEWEST - timedelta(days=90)),
        ("sample/new", 305, NEWEST - timedelta(days=299)),
    ]
    cut = NEWEST - timedelta(days=100)
    assert cut - timedelta(days=28) < oldest(connection, "reference_score", "origin") <= cut


def test_weather_goes_counted_from_the_newest_run_arrivals_first(connection: psycopg.Connection) -> None:
    last = to_hour(NEWEST)
    starts = [last - 24 * days for days in range(0, 300, 10)]
    arrivals = [Arrival(number, WeatherRun("gfs", run(start, [1.0] * 24))) for number, start in enumerate(starts)]
    with connection.transaction(), connection.cursor() as cursor:
        write_arrivals(cursor, "observations", 0, arrivals, NOW)

    def removed(**days: int) -> list[tuple[str, int]]:
        run_once = Retention(connection, settings(retention_batch_rows=1_000, **days), lambda: NOW).run()
        return [(one.table, one.count) for one in run_once]

    known = read_arrived(connection, "observations", 0)
    # each has 24 hours: what started 150 days before the newest ends 149 days before it
    assert removed(retain_weather_arrival_days=150) == [("weather_arrival", 14)]
    assert len(read_runs(connection, "gfs", ["aarhus"], starts[-1], last + 24)) == 30
    assert removed(retain_weather_run_days=60) == [("weather_run", 14)]
    assert len(read_runs(connection, "gfs", ["aarhus"], starts[-1], last + 24)) == 16
    assert [one.run_id for one in read_arrived(connection, "observations", 0)] == [one.run_id for one in known]


def test_arrivals_that_a_worker_needs_cannot_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYAHEAD_RETAIN_WEATHER_ARRIVAL_DAYS", str(LEAST_KEPT_DAYS - 1))
    with pytest.raises(SettingsError, match=f"99 days are fewer than the {LEAST_KEPT_DAYS} that the service reads"):
        load_settings(RetentionSettings)
