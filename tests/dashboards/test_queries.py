"""Every panel's query runs on a real Prometheus, which scrapes what the services register, and a real TimescaleDB."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from dashboards.checking import QueryResult, check_queries
from dashboards.queries import Engine, PanelQuery
from dashboards.series import DRIFTING
from dayahead.storage.migrate import migrate_database
from deploy.local.ports import free_ports
from deploy.monitoring import MonitoringFiles, MonitoringSettings, Target
from tests.conftest import FreshDatabase
from tests.monitoring_server import monitoring_server
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
READER_PASSWORD = "for-reading"

ROWS = """
INSERT INTO source (name, definition) VALUES ('de35', '{}');
INSERT INTO series (series_id, source_key, labels, area, unit, partition)
    SELECT area || '/111', source_key, '{}', area, 'kWh', 0 FROM source, unnest(ARRAY['DK1', 'DK2']) AS area;
INSERT INTO observation (series_key, valid_time, value, available_at)
    SELECT series_key, hour, 100 + extract(hour FROM hour), hour + INTERVAL '1 hour'
    FROM series, generate_series('2023-01-01Z'::timestamptz, '2023-01-10Z', '1 hour') AS hour;
INSERT INTO forecast (series_key, origin, issued_at, release, rung, reasons, p50, p10, p90, message_offset)
    SELECT series_key, origin, origin, 'r-1', 0, 0, f.line, f.line, f.line, 0
    FROM series, generate_series('2023-01-08Z'::timestamptz, '2023-01-10Z', '1 hour') AS origin,
         (SELECT array_agg(100::real) AS line FROM generate_series(1, 24)) AS f;
INSERT INTO score (series_key, origin, release, rung, hours, absolute_error, absolute_actual, percentage_error,
                   percentage_hours, signed_error, naive_error, naive_hours, naive_actual, model_error_where_naive,
                   covered, pinball, lead_error)
    SELECT series_key, '2023-01-08Z', 'r-1', 0, 24, 240, 2400, 2.4, 24, 12, 480, 24, 2400, 240, 20, 48, line
    FROM series, (SELECT array_agg(10::real) AS line FROM generate_series(1, 24)) AS f;
INSERT INTO drift_event (series_key, valid_time, kind, detector, statistic, recorded_at)
    SELECT series_key, '2023-01-09T05:00Z'::timestamptz - number * INTERVAL '2 hours', 'data', detector, 5 + number,
           '2023-01-09T06:00Z'
    FROM series, unnest(ARRAY['page-hinkley:level', 'page-hinkley:spread']) WITH ORDINALITY AS found (detector, number);
INSERT INTO day_ahead_score (series_key, day, gate, starts_at, release, rung, hours, absolute_error, absolute_actual,
                             percentage_error, percentage_hours, signed_error, naive_error, daily_naive_error,
                             naive_hours, naive_actual, model_error_where_naive, covered, pinball)
    SELECT series_key, '2023-01-09', '11:00', '2023-01-08T23:00Z', 'r-1', 0, 24, 240, 2400, 2.4, 24, 12, 480, 360, 24,
           2400, 240, 20, 48
    FROM series;
INSERT INTO source (name, definition)
    VALUES ('operator', '{"title": "The operator", "forecast_of": "de35", "unit": "kWh"}');
INSERT INTO reference_series (source_key, series_id)
    SELECT source.source_key, series_id FROM series, source WHERE name = 'operator';
INSERT INTO reference_forecast (reference_key, valid_time, available_at, value)
    SELECT reference_key, hour, hour - INTERVAL '40 hours', 105
    FROM reference_series, generate_series('2023-01-01Z'::timestamptz, '2023-01-12Z', '1 hour') AS hour;
INSERT INTO reference_score
    SELECT series_key, reference_key, '2023-01-08Z', first_lead, first_lead + 5, 1, 6, 60, 90, 600
    FROM reference_of_series, unnest(ARRAY[1, 7]) AS first_lead;
UPDATE source SET definition = '{"weather": {"source": "sky", "areas": {"DK1": {"north": 3, "south": 1}}}}'
    WHERE name = 'de35';
INSERT INTO weather_run (run_id, source, location, variable, kind, start, available_at, first_hour, ends_at, values,
                         recorded_at)
    SELECT gen_random_uuid(), 'sky', location, 'temperature_c', kind, start, start, start, start + INTERVAL '48 hours',
           array_fill(celsius::real, ARRAY[48]), start
    FROM unnest(ARRAY['north', 'south'], ARRAY[4, 8]) AS place (location, celsius),
         unnest(ARRAY['run', 'observed'], ARRAY['2023-01-09T18:00Z', '2023-01-08T00:00Z']::timestamptz[])
             AS published (kind, start);
INSERT INTO model_release (release, artifact, created_at, trained_from, trained_until, data_fingerprint, settings,
                           metrics)
    VALUES ('r-1', '', '2023-01-09Z', '2023-01-01Z', '2023-01-09Z', 'd', '{}', '{}');
INSERT INTO model_report (release, kind, made_at, summary)
    VALUES ('r-1', 'training', '2023-01-09Z',
            '{"drifted_areas": ["DK1", "DK2"], "drifted_share": 0.5, "quality": {"wape": 0.05}}');
"""


@pytest.fixture
def reader_url(database: FreshDatabase) -> SecretStr:
    """The database with a few rows of each kind, as the role that Grafana has."""
    migrate_database(database.owner_url, reader_password=READER_PASSWORD)
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(ROWS)
        where = connection.info
        address = f"{where.host}:{where.port}/{where.dbname}"
    return SecretStr(f"postgresql://dayahead_reader:{READER_PASSWORD}@{address}")


@pytest.fixture
def prometheus() -> Iterator[str]:
    """A Prometheus that scrapes a stand-in of all services every second; yields its URL."""
    (port,) = free_ports(1)
    exporter = subprocess.Popen([sys.executable, "-m", "tests.dashboards.exporter", str(port)], cwd=ROOT)
    jobs = ("ingest", "worker", "trainer", "api")

    def prepare(files: MonitoringFiles, address: str) -> list[str]:
        targets = [Target(job, f"127.0.0.1:{port}") for job in jobs]
        settings = MonitoringSettings.model_construct(scrape_interval_s=1, alert_down_s=0)
        files.write(targets, "127.0.0.1:9", "http://127.0.0.1:9/", SecretStr(""), settings)
        data = files.prometheus_config.replace("prometheus.yml", "data")
        return ["/usr/bin/prometheus", f"--config.file={files.prometheus_config}", f"--storage.tsdb.path={data}"]

    try:
        with monitoring_server("prometheus", prepare) as url:
            yield url
    finally:
        exporter.kill()
        exporter.wait()


@pytest.mark.servers
def test_every_query_runs_and_returns_data(prometheus: str, reader_url: SecretStr) -> None:
    def unhappy() -> list[QueryResult]:
        return [result for result in check_queries(prometheus, reader_url) if not result.ok]

    wait_until(lambda: not unhappy(), 60, "every query to return data", pause_s=1)
    rows = {result.query.panel: result.rows for result in check_queries(prometheus, reader_url)}
    assert rows["$series: temperature of its place"] == 48 + 48 - 6
    assert rows["Tomorrow as forecast at the gates"] == 3  # both areas, and all together
    assert rows["Reference forecasts of $area and ours, on the same hours"] == 3  # two ranges of leads, and all
    assert rows["Drifting series of $area"] == 1
    assert rows["$series: MAPE day by day"] == 1


@pytest.mark.servers
def test_a_drifting_series_is_shown_with_when_it_began_and_what_it_was_like(
    database: FreshDatabase, reader_url: SecretStr
) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("UPDATE observation SET value = 2 * value WHERE valid_time >= '2023-01-09Z'")
    with psycopg.connect(reader_url.get_secret_value(), options="-c timezone=UTC") as connection:
        found = connection.execute(DRIFTING.replace("$area", "DK1").replace("$days", "7"))
        assert found.description is not None
        (row,) = [
            dict(zip([column.name for column in found.description], values, strict=True)) for values in found.fetchall()
        ]
    assert row["series"] == "DK1/111"
    assert (row["kind"], row["changed"], row["standard deviations"]) == (
        "data",
        "level, spread",
        7,
    )
    assert row["since"] == datetime(2023, 1, 9, 1, tzinfo=UTC)
    assert (row["mean value before"], row["mean value after"]) == (111.5, pytest.approx(2 * 111.5, rel=0.02))
    # its one score is of the days that were tested
    assert (row["MAPE before"], row["MAPE after"]) == (None, None)


@pytest.mark.servers
def test_a_query_that_is_invalid_or_returns_nothing_is_reported(
    prometheus: str, reader_url: SecretStr, monkeypatch: pytest.MonkeyPatch
) -> None:
    def query(engine: Engine, text: str, may_be_empty: bool = False) -> PanelQuery:
        return PanelQuery("dayahead-overview", text, engine, text, may_be_empty)

    wrong = [
        query(Engine.PROMETHEUS, "sum(("),
        query(Engine.PROMETHEUS, "no_such_metric"),
        query(Engine.PROMETHEUS, "no_such_metric", may_be_empty=True),
        query(Engine.TIMESCALEDB, "SELECT no_such_column FROM series"),
        query(Engine.TIMESCALEDB, "SELECT 1 FROM series WHERE false"),
        query(Engine.TIMESCALEDB, "DELETE FROM series"),
        query(Engine.TIMESCALEDB, "SET TRANSACTION READ WRITE; DELETE FROM series"),
    ]
    monkeypatch.setattr("dashboards.checking.panel_queries", lambda: wrong)
    results = check_queries(prometheus, reader_url)
    assert [result.ok for result in results] == [False, False, True, False, False, False, False]
    assert [bool(result.error) for result in results] == [True, False, False, True, False, True, True]
    assert "read-only transaction" in results[-2].error
    assert "permission denied for table series" in results[-1].error
