import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaProducer
from psycopg_pool import ConnectionPool
from rich.console import Console

from dayahead.hours import from_hour
from dayahead.reading.source_file import load_source
from dayahead.storage.tables.score import SUMS, added_up
from dayahead.storage.tables.source import register_source
from deploy.arrival import all_forecast, forecast_progress, show_results
from deploy.local import sample
from deploy.overview import read_lag, read_overview
from deploy.tables import accuracy_sentence, forecasts_table, freshness_sentence, lag_sentence, rungs_sentence
from deploy.up import WITHOUT_GRAFANA
from tests.api.fakes import FakeServers
from tests.conftest import FreshDatabase, TopicRoom

pytestmark = pytest.mark.servers

NOW = datetime(2023, 1, 24, 23, 30, tzinfo=UTC)
NEWEST = datetime(2023, 1, 24, 22, tzinfo=UTC)


@pytest.fixture
def database_with_three_series(database: FreshDatabase) -> FreshDatabase:
    """`DK1/1` is fresh on rung 0, `DK1/2` is ten hours behind, `DK1/3` has no forecast yet."""
    with psycopg.connect(database.owner_url) as connection:
        register_source(connection, load_source(sample.SOURCE))
        for number, behind_h in ((1, 0), (2, 10), (3, 0)):
            connection.execute(
                "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
                " VALUES (%s, 1, '{}', 'DK1', 'kWh', 0)",
                [f"DK1/{number}"],
            )
            hour = NEWEST - timedelta(hours=behind_h)
            connection.execute(
                "INSERT INTO observation (series_key, valid_time, value, available_at) VALUES (%s, %s, 1, %s)",
                [number, hour, hour],
            )
            if number < 3:
                connection.execute(
                    "INSERT INTO forecast (series_key, origin, issued_at, release, rung, reasons, p50, p10, p90,"
                    " message_offset) VALUES (%s, %s, %s, 'r-1', %s, 0, %s, %s, %s, 0)",
                    [number, hour, hour, number - 1, [1234.0] * 24, [1000.0] * 24, [1500.0] * 24],
                )
    return database


def add_score(database: FreshDatabase, rung: int, error: float, naive_error: float, days_before: int = 0) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO score (series_key, origin, rung, hours, absolute_error, absolute_actual, percentage_error,"
            " percentage_hours, signed_error, naive_error, naive_hours, naive_actual, model_error_where_naive, covered,"
            " pinball, lead_error) VALUES (1, %s, %s, 24, %s, 1000, 0, 24, 0, %s, 24, 1000, %s, 18, 0, '{}')",
            [NEWEST - timedelta(hours=rung, days=days_before), rung, error, naive_error, error],
        )
        connection.execute("DELETE FROM accuracy_day")
        connection.execute(
            f"INSERT INTO accuracy_day (partition, area, unit, day, release, forecasts, {', '.join(SUMS)})"
            " SELECT 0, 'DK1', 'kWh', (origin AT TIME ZONE 'UTC')::date, '', count(*),"
            f" {', '.join(added_up(name) for name in SUMS)} FROM score GROUP BY 4".encode()
        )


def test_fresh_is_a_model_forecast_of_a_series_that_keeps_up(database_with_three_series: FreshDatabase) -> None:
    overview = read_overview(database_with_three_series.url, NOW)
    assert overview.fresh == 1
    assert [one.status.state for one in overview.series] == ["fresh", "stale", "no-forecast"]
    assert overview.by_rung == {0: 1, 1: 1, None: 1}
    assert "1 stale" in rungs_sentence(overview)
    assert "1 with no forecast yet" in rungs_sentence(overview)
    assert "2023-01-24T12:00:00Z to 2023-01-24T22:00:00Z" in freshness_sentence(overview)


def test_a_start_is_over_when_every_series_of_its_source_has_a_forecast(
    database_with_three_series: FreshDatabase,
) -> None:
    source = load_source(sample.SOURCE).name
    assert not all_forecast(read_overview(database_with_three_series.url, NOW), source, replays=False)
    with psycopg.connect(database_with_three_series.owner_url) as connection:
        connection.execute("DELETE FROM series WHERE series_id = 'DK1/3'")
    stale = read_overview(database_with_three_series.url, NOW)
    assert all_forecast(stale, source, replays=False)
    last = sample.last_fast_hour()
    with psycopg.connect(database_with_three_series.owner_url) as connection:
        connection.execute("UPDATE forecast SET origin = %s WHERE series_key = 1", [from_hour(last)])
        connection.execute("UPDATE forecast SET origin = %s WHERE series_key = 2", [from_hour(last - 1)])
    short = read_overview(database_with_three_series.url, NOW)
    assert not all_forecast(short, source, replays=True), "DK1/2 is in the fast days"
    assert forecast_progress(short, source, replays=True) == (2, 2, 2 * (sample.FAST_HOURS - 1) - 1)
    with psycopg.connect(database_with_three_series.owner_url) as connection:
        connection.execute("UPDATE forecast SET origin = %s WHERE series_key = 2", [from_hour(last)])
    arrived = read_overview(database_with_three_series.url, NOW)
    assert arrived.accuracy.forecasts == 0, "also where retention has removed the scores"
    assert all_forecast(arrived, source, replays=True)
    assert forecast_progress(arrived, source, replays=True) == (2, 2, 2 * (sample.FAST_HOURS - 1))


def test_a_start_does_not_wait_for_the_series_of_other_sources(database_with_three_series: FreshDatabase) -> None:
    source = load_source(sample.SOURCE)
    with psycopg.connect(database_with_three_series.owner_url) as connection:
        connection.execute("DELETE FROM series WHERE series_id = 'DK1/3'")
        other = register_source(connection, source.model_copy(update={"name": "young"}))
        connection.execute(
            "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
            " VALUES ('young/1', %s, '{}', 'DK1', 'kWh', 0)",
            [other.source_key],
        )
    overview = read_overview(database_with_three_series.url, NOW)
    assert len(overview.series) == 3
    assert all_forecast(overview, source.name, replays=False)
    assert forecast_progress(overview, source.name, replays=False) == (2, 2, 0)
    assert not all_forecast(overview, None, replays=False), "no source is named: all of them count"
    assert not all_forecast(overview, "young", replays=False)


def test_an_empty_service_has_not_arrived(database: FreshDatabase) -> None:
    assert not all_forecast(read_overview(database.url, NOW), "any", replays=False)
    assert "no forecast has matured" in accuracy_sentence(read_overview(database.url, NOW).accuracy)


def test_accuracy_is_compared_with_the_naive_also_if_the_model_is_worse(
    database_with_three_series: FreshDatabase,
) -> None:
    add_score(database_with_three_series, 0, error=60, naive_error=100)
    sentence = accuracy_sentence(read_overview(database_with_three_series.url, NOW).accuracy)
    assert "WAPE 6.00%, seasonal naive 10.00% (40% less error" in sentence
    assert "75% of hours within p10 to p90" in sentence
    add_score(database_with_three_series, 1, error=300, naive_error=100)
    assert "80% MORE error" in accuracy_sentence(read_overview(database_with_three_series.url, NOW).accuracy)


def test_status_counts_the_forecasts_that_the_tile_of_the_page_counts(
    database_with_three_series: FreshDatabase,
) -> None:
    for rung, days in ((0, 0), (3, 6), (0, 7)):
        add_score(database_with_three_series, rung, error=60, naive_error=100, days_before=days)
    accuracy = read_overview(database_with_three_series.url, NOW).accuracy
    with (
        ConnectionPool(database_with_three_series.url, kwargs={"options": "-c timezone=UTC"}) as pool,
        FakeServers(database=pool).client(NOW) as client,
    ):
        shown = client.get("/v1/accuracy").json()
    [tile] = shown["overall"]
    assert (accuracy.days, accuracy.forecasts, accuracy.hours) == (shown["days"], tile["forecasts"], tile["hours"])
    assert accuracy.forecasts == 2, "the eighth day before is not in the window"
    assert accuracy.wape == pytest.approx(tile["wape_percent"] / 100)
    assert accuracy_sentence(accuracy).startswith("Accuracy of the last 7 days (2 matured forecasts, 48 hours): WAPE 6")


def test_the_table_of_forecasts_shows_numbers_with_their_unit(database_with_three_series: FreshDatabase) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(forecasts_table(read_overview(database_with_three_series.url, NOW)))
    text = console.export_text()
    assert "1,234" in text
    assert "1,000-1,500 kWh" in text


def test_the_end_of_a_start_says_where_the_page_and_grafana_are(
    database_with_three_series: FreshDatabase,
) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    show_results(console, read_overview(database_with_three_series.url, NOW), 8123, WITHOUT_GRAFANA, 12.3)
    page, grafana = console.export_text().splitlines()[-2:]
    assert page == "Up in 12 s. The page: http://localhost:8123   Stop it: make down"
    assert grafana == f"Grafana: {WITHOUT_GRAFANA}"
    readme = (Path(__file__).parents[2] / "dashboards" / "README.md").read_text()
    assert "dayahead dashboards publish" in readme


def test_the_table_of_forecasts_begins_with_the_hour_that_it_is_to_the_source(
    database_with_three_series: FreshDatabase,
) -> None:
    overview = read_overview(database_with_three_series.url, NOW)
    # now is 23:00, by the clock of the replay: an hour after the newest one
    assert [one.status.source_now for one in overview.series] == [NEWEST + timedelta(hours=1)] * 3
    assert [[one.place_of(hour) for hour in (0, 13, 23, 24)] for one in overview.series[:2]] == [
        [0, 13, 23, None],
        [10, 23, None, None],
    ]
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(forecasts_table(overview))
    assert "2023-01-24 23h" in console.export_text()


def test_lag_is_what_the_workers_have_not_committed_yet(database: FreshDatabase, topics: TopicRoom) -> None:
    topics.create(partitions=2)
    producer = KafkaProducer(bootstrap_servers=topics.bootstrap)
    for _ in range(3):
        producer.send(topics.name("observations"), b"{}", partition=1)
    producer.close()
    assert read_lag(database.url, topics.bootstrap, topics.prefix) == {0: 0, 1: 3}
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(
            "INSERT INTO worker_offset (topic, partition, next_offset, published_offset, claim, worker, updated_at)"
            " VALUES (%s, 1, 2, 2, 1, 'w', now())",
            [topics.name("observations")],
        )
    lag = read_lag(database.url, topics.bootstrap, topics.prefix)
    assert lag == {0: 0, 1: 1}
    assert lag_sentence(lag) == "Lag: 1 messages of observations wait (partition 1: 1)."


def test_status_without_kafka_is_a_sentence_and_shows_the_series(database_with_three_series: FreshDatabase) -> None:
    """In a process of its own: nothing but the sentences, no log line of the client."""
    show = (
        "from rich.console import Console; from deploy.status import show_data;"
        f"show_data(Console(width=200), {database_with_three_series.url!r}, '127.0.0.1:9')"
    )
    shown = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, timeout=60, check=True)
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("The lag is unknown: Kafka at 127.0.0.1:9 does not answer (")
    assert any(line.startswith("Series: 3 known") for line in lines)
    assert not any("KafkaError" in line or "%3|" in line for line in lines)
    assert shown.stderr == ""
