"""Metrics of the worker. No label by series: there may be a hundred thousand of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter, Gauge, Histogram

from dayahead.contracts import Rung
from dayahead.expiry import is_expired
from dayahead.grouping import numbered
from dayahead.horizon import DAY_LEADS
from dayahead.hours import HOUR_S, from_hour
from dayahead.storage.tables.score import ScoreRows
from dayahead.storage.tables.source import RegisteredSource
from dayahead.tracing import spans
from stream.partition.held import HeldPartition
from stream.partition.rows import Outcome, Unforecast

ROWS = Counter("dayahead_rows_total", "Rows of observations, by what became of them", ["outcome"])
NEW_SERIES = Counter("dayahead_new_series_total", "Series that this worker met for the first time", ["source"])
BATCHES = Counter("dayahead_batches_total", "Micro-batches that were committed")
STAGE_SECONDS = Histogram(
    "dayahead_stage_seconds",
    "Seconds that a micro-batch spent in a stage",
    ["stage"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
FORECASTING_SECONDS = Histogram(
    "dayahead_forecasting_seconds",
    "Seconds within stage compute: windows out of the state, and forecasts from them",
    ["part"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
)
LAG = Gauge("dayahead_lag_messages", "Messages of observations that are not in the tables yet", ["partition"])
NEXT_OFFSET = Gauge(
    "dayahead_next_offset", "Offset of the first message of observations that is not in the tables yet", ["partition"]
)
PARTITIONS = Gauge("dayahead_partitions_assigned", "Partitions of observations that this worker has taken over")
FORECASTS = Counter("dayahead_forecasts_total", "Forecasts that were committed, by rung", ["rung"])
UNFORECAST = Counter(
    "dayahead_origins_without_forecast_total", "New hours that no forecast starts from, by why", ["reason"]
)
SERIES = Gauge("dayahead_series", "Series of this worker: stale ones lag behind their source", ["state"])
FORECAST_SERIES = Gauge("dayahead_forecast_series", "Series of this worker that have a forecast", ["source"])
FORECASTS_EXPIRED = Gauge(
    "dayahead_forecasts_expired",
    "Those of them whose newest forecast is expired: more of it is over than lies ahead",
    ["source"],
)
SERIES_RUNG = Gauge("dayahead_series_rung", "Series of this worker by the rung of their newest forecast", ["rung"])
NEWEST_HOUR = Gauge(
    "dayahead_newest_hour_timestamp_seconds", "Start of the newest hour that this worker has of a source", ["source"]
)
RELEASE = Gauge("dayahead_release_info", "1 for the release that serves", ["release"])
RELEASE_REFUSED = Gauge("dayahead_release_refused", "1 for a champion that this worker could not load", ["release"])
RESTORED = Counter(
    "dayahead_partitions_restored_total",
    "Partitions whose windows were rebuilt: `redis` from their copy, `timescaledb` without any, `refused` with one "
    "that could not be used",
    ["source"],
)
WINDOW_COPIES = Counter("dayahead_window_copies_total", "Copies of windows in Redis, by outcome", ["outcome"])
REDIS_AWAY = Gauge("dayahead_redis_away", "1 while Redis does not answer this worker, or refuses its writes")
REDIS_BEHIND = Gauge(
    "dayahead_redis_behind_partitions",
    "Partitions of this worker whose forecasts Redis does not have in full; the API reads them from TimescaleDB",
)
REDIS_LOST = Counter(
    "dayahead_redis_lost_total",
    "Times that Redis had less of a partition than was written: it was emptied, restored from a snapshot, or away",
)
REDIS_FILLED = Counter(
    "dayahead_redis_filled_total", "Times that all newest forecasts of a partition were written to Redis"
)
DAY_AHEAD = Counter(
    "dayahead_day_ahead_total",
    "Forecasts of the next day of the calendar that were kept at a gate, by whether they reach its end",
    ["source", "reach"],
)
LOST_MESSAGES = Counter("dayahead_lost_messages_total", "Messages that the log no longer held when they were wanted")

ABSOLUTE_ERROR = Counter(
    "dayahead_forecast_absolute_error_total",
    "Sum of |forecast - actual| of matured forecasts, in the unit of the series",
    ["area", "lead_bucket", "release"],
)
ABSOLUTE_ACTUAL = Counter(
    "dayahead_forecast_absolute_actual_total",
    "Sum of |actual| of matured forecasts, in the unit of the series",
    ["area", "lead_bucket", "release"],
)
PERCENTAGE_ERROR = Counter(
    "dayahead_forecast_absolute_percentage_error_total",
    "Sum of |forecast - actual| / |actual| of matured forecasts (1 is 100 %); an actual counts as at least a quarter "
    "of the usual level of its series",
    ["area", "release"],
)
PERCENTAGE_HOURS = Counter(
    "dayahead_forecast_percentage_hours_total", "Hours behind the percentage errors", ["area", "release"]
)
NAIVE_ERROR = Counter(
    "dayahead_naive_absolute_error_total",
    "Sum of |seasonal naive - actual| where it is known: the same hour of the week before, or of the day before",
    ["area", "naive"],
)
NAIVE_ACTUAL = Counter("dayahead_naive_absolute_actual_total", "Sum of |actual| over the same hours", ["area"])
SCORED = Counter("dayahead_scored_forecasts_total", "Forecasts that have matured", ["area", "release"])

DAY_ERROR = Counter(
    "dayahead_horizon_day_absolute_error_total",
    "Sum of |forecast - actual| over a day of the horizon that has matured, in the unit of the series",
    ["area", "horizon_day"],
)
DAY_ACTUAL = Counter(
    "dayahead_horizon_day_absolute_actual_total",
    "Sum of |actual| over the same hours",
    ["area", "horizon_day"],
)
DAY_PERCENTAGE_ERROR = Counter(
    "dayahead_horizon_day_absolute_percentage_error_total",
    "Sum of |forecast - actual| / |actual| over a day of the horizon that has matured (1 is 100 %); an actual counts "
    "as at least a quarter of the usual level of its series",
    ["area", "horizon_day"],
)
DAY_PERCENTAGE_HOURS = Counter(
    "dayahead_horizon_day_percentage_hours_total", "Hours behind the percentage errors", ["area", "horizon_day"]
)
DAY_NAIVE_ERROR = Counter(
    "dayahead_horizon_day_naive_absolute_error_total",
    "Sum of |seasonal naive - actual| where it is known: the newest same hour of the week, or of the day, that was "
    "known at the origin",
    ["area", "horizon_day", "naive"],
)
DAY_NAIVE_ACTUAL = Counter(
    "dayahead_horizon_day_naive_absolute_actual_total",
    "Sum of |actual| over the hours of the naive",
    ["area", "horizon_day"],
)

NO_RELEASE = "none"
LEAD_BUCKETS = {"1-6": slice(0, 6), "7-12": slice(6, 12), "13-24": slice(12, DAY_LEADS)}

for _outcome in Outcome:
    ROWS.labels(_outcome.value)
for _reason in Unforecast:
    UNFORECAST.labels(_reason.value)
for _rung in Rung:
    FORECASTS.labels(str(_rung.value))


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure the duration of a stage of a micro-batch, as a span too where the batch is one."""
    with STAGE_SECONDS.labels(name).time(), spans.part(name):
        yield


def count_scores(scores: ScoreRows, actual: NDArray[np.float64], areas: NDArray[np.object_]) -> None:
    """Add matured forecasts, each once, to the counters of accuracy.

    Args:
        scores: n scores.
        actual: float64 [n, 24], what was observed, by lead; NaN where it is not known.
        areas: object [n], the area of each series.
    """
    pairs = zip(areas.tolist(), [release or NO_RELEASE for release in scores.release.tolist()], strict=True)
    groups, group = numbered(pairs)

    def added_up(values: NDArray[Any]) -> list[float]:
        """Sum [n] values by group, in one pass."""
        return list(np.bincount(group, values, len(groups)).tolist())

    sums = scores.sums
    magnitude = np.where(np.isfinite(sums.lead_error), np.abs(actual), 0.0)
    error = np.nan_to_num(sums.lead_error.astype(np.float64))
    for bucket, leads in LEAD_BUCKETS.items():
        by_error, by_actual = added_up(error[:, leads].sum(axis=1)), added_up(magnitude[:, leads].sum(axis=1))
        for (area, release), of_error, of_actual in zip(groups, by_error, by_actual, strict=True):
            ABSOLUTE_ERROR.labels(area, bucket, release).inc(of_error)
            ABSOLUTE_ACTUAL.labels(area, bucket, release).inc(of_actual)
    for (area, release), percentage, hours, count in zip(
        groups,
        added_up(sums.percentage_error),
        added_up(sums.percentage_hours),
        np.bincount(group).tolist(),
        strict=True,
    ):
        PERCENTAGE_ERROR.labels(area, release).inc(percentage)
        PERCENTAGE_HOURS.labels(area, release).inc(hours)
        SCORED.labels(area, release).inc(count)
    for (area, _), weekly, daily, naive_actual in zip(
        groups,
        added_up(sums.naive_error),
        added_up(sums.daily_naive_error),
        added_up(sums.naive_actual),
        strict=True,
    ):
        NAIVE_ERROR.labels(area, "weekly").inc(weekly)
        NAIVE_ERROR.labels(area, "daily").inc(daily)
        NAIVE_ACTUAL.labels(area).inc(naive_actual)


def count_days(scores: ScoreRows, horizon_day: NDArray[np.int64], areas: NDArray[np.object_]) -> None:
    """Add days of the horizon that have matured, each once, to the counters by day of the horizon.

    Args:
        scores: n scores.
        horizon_day: int64 [n], the day of each.
        areas: object [n], the area of each series.
    """
    pairs = list(zip(areas.tolist(), horizon_day.tolist(), strict=True))
    groups = {pair: number for number, pair in enumerate(dict.fromkeys(pairs))}
    group = np.array([groups[pair] for pair in pairs], np.int64)
    sums = scores.sums
    added = [
        np.bincount(group, values, len(groups)).tolist()
        for values in (
            sums.absolute_error,
            sums.absolute_actual,
            sums.percentage_error,
            sums.percentage_hours,
            sums.naive_error,
            sums.daily_naive_error,
            sums.naive_actual,
        )
    ]
    for (area, day), error, actual, percentage, hours, weekly, daily, naive_actual in zip(groups, *added, strict=True):
        DAY_ERROR.labels(area, day).inc(error)
        DAY_ACTUAL.labels(area, day).inc(actual)
        DAY_PERCENTAGE_ERROR.labels(area, day).inc(percentage)
        DAY_PERCENTAGE_HOURS.labels(area, day).inc(hours)
        DAY_NAIVE_ERROR.labels(area, day, "weekly").inc(weekly)
        DAY_NAIVE_ERROR.labels(area, day, "daily").inc(daily)
        DAY_NAIVE_ACTUAL.labels(area, day).inc(naive_actual)


def show_series(
    partitions: Sequence[HeldPartition],
    newest: Mapping[int, int],
    sources: Sequence[RegisteredSource],
    now: datetime,
) -> None:
    """Set the gauges of freshness, expiry and rungs of the worker's series, but totals and those of removed sources.

    Args:
        partitions: held by the worker.
        newest: newest hour by source_key, over all of them.
        sources: the registered sources.
        now: the clock on the wall.
    """
    wanted = {
        one.source_key: one.source.stale_after_h
        for one in sources
        if one.removed_at is None and one.source.totals_of is None
    }
    for one in sources:
        if one.removed_at is not None:
            NEWEST_HOUR.remove(one.source.name)
        elif one.source_key in newest:
            NEWEST_HOUR.labels(one.source.name).set(newest[one.source_key] * HOUR_S)
    count = stale = 0
    rungs = np.zeros(len(Rung), np.int64)
    for held in partitions:
        state = held.state
        of_wanted = np.isin(state.source_keys, list(wanted))
        count += int(of_wanted.sum())
        for source_key, hour in newest.items():
            here = state.source_keys == source_key
            stale += int((state.newest[here] < hour - wanted.get(source_key, np.inf)).sum())
        rungs += np.bincount(state.rung[of_wanted & (state.rung >= 0)], minlength=len(Rung))
    SERIES.labels("fresh").set(count - stale)
    SERIES.labels("stale").set(stale)
    for rung in Rung:
        SERIES_RUNG.labels(str(rung.value)).set(int(rungs[rung]))
    for one in sources:
        if one.source_key not in wanted:
            FORECAST_SERIES.remove(one.source.name)
            FORECASTS_EXPIRED.remove(one.source.name)
        elif one.source_key in newest:
            _show_expired(partitions, one, one.source.now(now, from_hour(newest[one.source_key])))


def _show_expired(partitions: Sequence[HeldPartition], registered: RegisteredSource, now: datetime) -> None:
    """Set the gauges of expiry of a source; `now` is its present moment."""
    source = registered.source
    forecast = expired = 0
    for held in partitions:
        state = held.state
        here = (state.source_keys == registered.source_key) & (state.rung >= 0) & (state.rung < Rung.NONE)
        origins, series = np.unique(state.newest[here], return_counts=True)
        forecast += int(series.sum())
        expired += sum(
            count
            for origin, count in zip(origins.tolist(), series.tolist(), strict=True)
            if is_expired(from_hour(origin), source.leads, source.publication_lag, now)
        )
    FORECAST_SERIES.labels(source.name).set(forecast)
    FORECASTS_EXPIRED.labels(source.name).set(expired)
