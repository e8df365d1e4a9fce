"""State of the whole service in a few numbers, from TimescaleDB and Kafka, for `dayahead up` and `status`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
from confluent_kafka import TopicPartition

from dayahead.contracts import Rung
from dayahead.errors import StackError
from dayahead.hours import to_hour
from dayahead.kafka_clients import open_consumer
from dayahead.storage.status import SeriesStatus, State, read_series, read_sources
from dayahead.storage.tables.accuracy_day import read_group_sums
from dayahead.storage.tables.forecast import ForecastRows, read_forecasts
from dayahead.storage.tables.promotion import champion
from dayahead.storage.tables.score import ACCURACY_DAYS, newest_windows
from dayahead.storage.tables.worker_offset import next_offsets
from dayahead.topics import OBSERVATIONS


@dataclass(frozen=True)
class SeriesOverview:
    """A series and its newest forecast.

    Attributes:
        status: of the series.
        p10: by lead, in the unit of the series; empty without a forecast. p50 and p90 likewise.
    """

    status: SeriesStatus
    p10: list[float]
    p50: list[float]
    p90: list[float]

    def place_of(self, hours: int) -> int | None:
        """Place of an hour in the forecast, so many hours after the one that it is now; None where it has none."""
        if self.status.origin is None:
            return None
        place = to_hour(self.status.source_now) + hours - to_hour(self.status.origin) - 1
        return place if 0 <= place < len(self.p50) else None


@dataclass(frozen=True)
class AccuracyOverview:
    """Accuracy over the newest days of each source, as the page shows it; shares, None while nothing has matured.

    Where series have several units, it is that of the unit with most hours.

    Attributes:
        days: UTC days of origins.
        forecasts: forecasts that are scored.
        hours: leads with a known actual, over all of them.
        wape: of the forecasts.
        naive_wape: of the better of the two seasonal naives, on the leads for which they had a value.
        skill: how much smaller the error of the forecasts is on those leads; below 0 it is larger.
        coverage: share of actuals within p10 to p90.
    """

    days: int = ACCURACY_DAYS
    forecasts: int = 0
    hours: int = 0
    wape: float | None = None
    naive_wape: float | None = None
    skill: float | None = None
    coverage: float | None = None


@dataclass(frozen=True)
class Overview:
    """Every series, and the overall accuracy."""

    series: list[SeriesOverview]
    accuracy: AccuracyOverview
    champion: str | None

    @property
    def fresh(self) -> int:
        """Number of series whose newest forecast is from the champion and that are not stale."""
        return sum(1 for one in self.series if one.status.state is State.FRESH)

    @property
    def stale(self) -> int:
        """Number of stale series."""
        return sum(1 for one in self.series if one.status.state is State.STALE)

    @property
    def expired(self) -> int:
        """Series of whose newest forecast more is over than lies ahead."""
        return sum(1 for one in self.series if one.status.expired)

    @property
    def by_rung(self) -> Mapping[int | None, int]:
        """Number of series by the rung of their newest forecast; None for those without one."""
        rungs = [one.status.rung for one in self.series]
        return {rung: rungs.count(rung) for rung in sorted(set(rungs), key=lambda rung: 9 if rung is None else rung)}


def read_overview(database_url: str, now: datetime) -> Overview:
    """Read the overview in one transaction.

    Args:
        database_url: postgresql:// URL.
        now: the present moment.
    """
    with psycopg.connect(database_url, options="-c timezone=UTC", connect_timeout=5) as connection:
        series = _read_series(connection, now)
        accuracy = _read_accuracy(connection)
        serving = champion(connection)
    return Overview(series, accuracy, serving.release if serving else None)


def read_champion(database_url: str) -> str | None:
    """The champion; None if there is none yet.

    Args:
        database_url: postgresql:// URL.
    """
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        serving = champion(connection)
    return serving.release if serving else None


def _read_accuracy(connection: psycopg.Connection) -> AccuracyOverview:
    units = [one for one in read_group_sums(connection, newest_windows(connection), None) if one.area is None]
    if not units:
        return AccuracyOverview()
    most = max(units, key=lambda one: one.sums["hours"] or 0)
    figures = most.figures()
    return AccuracyOverview(
        forecasts=most.forecasts,
        hours=int(most.sums["hours"] or 0),
        wape=figures["wape"],
        naive_wape=figures["naive_wape"],
        skill=figures["skill"],
        coverage=figures["coverage"],
    )


def _read_series(connection: psycopg.Connection, now: datetime) -> list[SeriesOverview]:
    """Read every series but totals, whose parts are counted."""
    sources = [one for one in read_sources(connection, now) if one.source.totals_of is None]
    found = read_series(connection, sources)
    origins = {one.series_key: to_hour(one.origin) for one in found if one.origin is not None}
    rows = read_forecasts(connection, np.array(list(origins), np.int64), np.array(list(origins.values()), np.int64))
    row_of = {key: row for row, key in enumerate(rows.series_key.tolist())}
    return [SeriesOverview(one, *_leads(rows, row_of.get(one.series_key))) for one in found]


def _leads(rows: ForecastRows, row: int | None) -> tuple[list[float], list[float], list[float]]:
    if row is None or rows.rung[row] == Rung.NONE:
        return [], [], []
    leads = slice(int(rows.leads[row]))
    return rows.p10[row, leads].tolist(), rows.p50[row, leads].tolist(), rows.p90[row, leads].tolist()


def read_lag(database_url: str, bootstrap: str, topic_prefix: str = "") -> dict[int, int]:
    """Lag of `observations` in messages, by partition.

    Raises:
        StackError: the topic does not exist yet.
    """
    topic = topic_prefix + OBSERVATIONS.name
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        taken = next_offsets(connection, topic)
    # the raised error is enough; librdkafka would log each attempt
    consumer = open_consumer(bootstrap, "dayahead-status", "dayahead-status", {"log_level": 0})
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
