"""How the whole service stands, in a few numbers: read from TimescaleDB and Kafka, for `dayahead up` and `status`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import numpy as np
import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg.rows import class_row

from dayahead.contracts import Rung
from dayahead.errors import StackError
from dayahead.hours import to_hour
from dayahead.kafka_login import confluent_options
from dayahead.storage.standing import SeriesStanding, State, read_series, read_sources
from dayahead.storage.tables.forecast import ForecastRows, read_forecasts
from dayahead.topics import OBSERVATIONS

# All are judged on the same leads: those for which the seasonal naives (last week's hour, last day's) had a value.
ACCURACY = """
    SELECT count(*) AS forecasts, coalesce(sum(hours), 0) AS hours,
           sum(absolute_error) / nullif(sum(absolute_actual), 0) AS wape,
           sum(model_error_where_naive) / nullif(sum(naive_actual), 0) AS wape_where_naive,
           least(sum(naive_error), sum(coalesce(daily_naive_error, naive_error))) / nullif(sum(naive_actual), 0)
               AS wape_naive,
           sum(covered) / nullif(sum(hours), 0)::float8 AS coverage
    FROM score WHERE rung <= %s
"""


@dataclass(frozen=True)
class SeriesOverview:
    """A series and its newest forecast.

    Attributes:
        standing: how it stands.
        p10: by lead, in the unit of the series; empty where there is no forecast. Likewise p50 and p90.
    """

    standing: SeriesStanding
    p10: list[float]
    p50: list[float]
    p90: list[float]


@dataclass(frozen=True)
class AccuracyOverview:
    """Accuracy over the scored forecasts of the model (rungs 0 to 2), as shares; None while nothing has matured.

    Attributes:
        forecasts: forecasts that are scored.
        hours: leads with a known actual, over all of them.
        wape: of the model.
        wape_where_naive: of the model, on the leads for which the seasonal naive had a value.
        wape_naive: of the better of the two seasonal naives on those leads.
        coverage: share of actuals within p10 to p90.
    """

    forecasts: int
    hours: int
    wape: float | None
    wape_where_naive: float | None
    wape_naive: float | None
    coverage: float | None


@dataclass(frozen=True)
class Overview:
    """Every series, and the accuracy over all."""

    series: list[SeriesOverview]
    accuracy: AccuracyOverview
    champion: str | None

    @property
    def fresh(self) -> int:
        """Series whose newest forecast comes from the model in force, and that keep up with their source."""
        return sum(1 for one in self.series if one.standing.state is State.FRESH)

    @property
    def stale(self) -> int:
        """Series that lag behind their source."""
        return sum(1 for one in self.series if one.standing.state is State.STALE)

    @property
    def by_rung(self) -> Mapping[int | None, int]:
        """Series by the rung of their newest forecast; None for those without one."""
        rungs = [one.standing.rung for one in self.series]
        return {rung: rungs.count(rung) for rung in sorted(set(rungs), key=lambda rung: 9 if rung is None else rung)}


def read_overview(database_url: str, now: datetime) -> Overview:
    """Read everything in one transaction.

    Args:
        database_url: postgresql:// URL.
        now: the present moment.
    """
    with psycopg.connect(database_url, options="-c timezone=UTC", connect_timeout=5) as connection:
        series = _read_series(connection, now)
        with connection.cursor(row_factory=class_row(AccuracyOverview)) as cursor:
            accuracy = cursor.execute(ACCURACY, [int(Rung.PREVIOUS_RELEASE)]).fetchone()
        champion = _champion(connection)
    assert accuracy is not None  # an aggregate without GROUP BY has one row
    return Overview(series, accuracy, champion)


def read_champion(database_url: str) -> str | None:
    """The release in force, and nothing else; None where there is none yet.

    Args:
        database_url: postgresql:// URL.
    """
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        return _champion(connection)


def _champion(connection: psycopg.Connection) -> str | None:
    row = connection.execute("SELECT release FROM champion").fetchone()
    return None if row is None else str(row[0])


def _read_series(connection: psycopg.Connection, now: datetime) -> list[SeriesOverview]:
    standings = read_series(connection, read_sources(connection, now))
    origins = {one.series_key: to_hour(one.origin) for one in standings if one.origin is not None}
    rows = read_forecasts(connection, np.array(list(origins), np.int64), np.array(list(origins.values()), np.int64))
    row_of = {key: row for row, key in enumerate(rows.series_key.tolist())}
    return [SeriesOverview(one, *_leads(rows, row_of.get(one.series_key))) for one in standings]


def _leads(rows: ForecastRows, row: int | None) -> tuple[list[float], list[float], list[float]]:
    if row is None or rows.rung[row] == Rung.NONE:
        return [], [], []
    return rows.p10[row].tolist(), rows.p50[row].tolist(), rows.p90[row].tolist()


def read_lag(database_url: str, bootstrap: str, topic_prefix: str = "") -> dict[int, int]:
    """Messages of `observations` that the workers have not taken in yet, by partition.

    Raises:
        StackError: there is no such topic yet.
    """
    topic = topic_prefix + OBSERVATIONS.name
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        rows = connection.execute("SELECT partition, next_offset FROM worker_offset WHERE topic = %s", [topic])
        taken = cast("dict[int, int]", dict(rows.fetchall()))
    settings: dict[str, Any] = {**confluent_options(bootstrap), "group.id": "dayahead-status"}
    consumer = Consumer(settings)
    try:
        known = consumer.list_topics(topic, timeout=5).topics[topic].partitions
        if not known:
            raise StackError(f"Kafka at {bootstrap} has no topic {topic}: `dayahead migrate` creates it")
        lag = {}
        for partition in known:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=5)
            lag[partition] = high - max(taken.get(partition, 0), low)
        return lag
    finally:
        consumer.close()
