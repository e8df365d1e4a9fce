"""How the whole service stands, in a few numbers: read from TimescaleDB and Kafka, for `dayahead up` and `status`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import psycopg
from confluent_kafka import Consumer, TopicPartition
from psycopg.rows import class_row

from dayahead.contracts import Rung
from dayahead.errors import StackError
from dayahead.topics import OBSERVATIONS

FRESH_RUNGS = (Rung.FULL, Rung.DEGRADED_INPUT)

# A series is stale when it lags behind its source, so that a replay of old data is judged as fairly as live data.
SERIES = """
    SELECT series.series_id, series.unit, newest.valid_time AS newest_hour,
           latest.origin, latest.rung, latest.release, latest.p10, latest.p50, latest.p90,
           newest.valid_time IS NULL OR max(newest.valid_time) OVER (PARTITION BY series.source_key)
               - newest.valid_time > (source.definition ->> 'stale_after_h')::float8 * INTERVAL '1 hour' AS stale
    FROM series
    JOIN source USING (source_key)
    LEFT JOIN LATERAL (
        SELECT valid_time FROM observation WHERE observation.series_key = series.series_key
        ORDER BY valid_time DESC LIMIT 1
    ) AS newest ON true
    LEFT JOIN LATERAL (
        SELECT origin, rung, release, p10, p50, p90 FROM forecast WHERE forecast.series_key = series.series_key
        ORDER BY origin DESC LIMIT 1
    ) AS latest ON true
    ORDER BY series.series_id
"""

# Both are judged on the same leads: those for which the seasonal naive had a value.
ACCURACY = """
    SELECT count(*) AS forecasts, coalesce(sum(hours), 0) AS hours,
           sum(absolute_error) / nullif(sum(absolute_actual), 0) AS wape,
           sum(model_error_where_naive) / nullif(sum(naive_actual), 0) AS wape_where_naive,
           sum(naive_error) / nullif(sum(naive_actual), 0) AS wape_naive,
           sum(covered) / nullif(sum(hours), 0)::float8 AS coverage
    FROM score WHERE rung <= %s
"""


@dataclass(frozen=True)
class SeriesOverview:
    """A series, its newest hour and its newest forecast (arrays by lead, in `unit`); None where there is none yet."""

    series_id: str
    unit: str
    newest_hour: datetime | None
    origin: datetime | None
    rung: int | None
    release: str | None
    p10: list[float] | None
    p50: list[float] | None
    p90: list[float] | None
    stale: bool


@dataclass(frozen=True)
class AccuracyOverview:
    """Accuracy over the scored forecasts of the model (rungs 0 to 2), as shares; None while nothing has matured.

    Attributes:
        forecasts: forecasts that are scored.
        hours: leads with a known actual, over all of them.
        wape: of the model.
        wape_where_naive: of the model, on the leads for which the seasonal naive had a value.
        wape_naive: of the seasonal naive on those leads.
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
        return sum(1 for one in self.series if one.rung in FRESH_RUNGS and not one.stale)

    @property
    def by_rung(self) -> Mapping[int | None, int]:
        """Series by the rung of their newest forecast; None for those without one."""
        rungs = [one.rung for one in self.series]
        return {rung: rungs.count(rung) for rung in sorted(set(rungs), key=lambda rung: 9 if rung is None else rung)}


def read_overview(database_url: str) -> Overview:
    """Read everything in one transaction."""
    with psycopg.connect(database_url, options="-c timezone=UTC", connect_timeout=5) as connection:
        with connection.cursor(row_factory=class_row(SeriesOverview)) as cursor:
            series = cursor.execute(SERIES).fetchall()
        with connection.cursor(row_factory=class_row(AccuracyOverview)) as cursor:
            accuracy = cursor.execute(ACCURACY, [int(Rung.PREVIOUS_RELEASE)]).fetchone()
        champion = connection.execute("SELECT release FROM champion").fetchone()
    assert accuracy is not None  # an aggregate without GROUP BY has one row
    return Overview(series, accuracy, champion[0] if champion else None)


def read_lag(database_url: str, bootstrap: str, topic_prefix: str = "") -> dict[int, int]:
    """Messages of `observations` that the workers have not taken in yet, by partition.

    Raises:
        StackError: there is no such topic yet.
    """
    topic = topic_prefix + OBSERVATIONS.name
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        rows = connection.execute("SELECT partition, next_offset FROM worker_offset WHERE topic = %s", [topic])
        taken = cast("dict[int, int]", dict(rows.fetchall()))
    settings: dict[str, Any] = {"bootstrap.servers": bootstrap, "group.id": "dayahead-status"}
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
