"""Reads a sample of scored forecasts with what was known when they were made, for the weekly report."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from dayahead.features.snapshot import SNAPSHOT_NAMES
from dayahead.horizon import DAY_LEADS

# Each forecast has a number that looks random and stays the same: it chooses forecasts, and of each one a lead.
NUMBER = """
    hashint8extended((score.series_key::bigint << 32) + (extract(epoch FROM score.origin) / 3600)::bigint, %(seed)s)
"""

CHOSEN = f"""
    SELECT score.series_key, score.origin, score.release, {{is_current}} AS is_current, {NUMBER} AS number
    FROM score WHERE score.origin >= {{first}} AND score.origin < {{last}} ORDER BY number, series_key, origin
    LIMIT %(rows)s
"""  # noqa: S608 - the names are the code's own

SAMPLE = f"""
    WITH chosen AS MATERIALIZED (
        ({CHOSEN.format(is_current="false", first="%(reference_first)s", last="%(reference_last)s")})
        UNION ALL
        ({CHOSEN.format(is_current="true", first="%(current_first)s", last="%(current_last)s")})
    ), row AS (
        SELECT *, 1 + abs(mod(number, {DAY_LEADS}))::integer AS lead FROM chosen
    ), level AS MATERIALIZED (
        SELECT series_key, avg(abs(value)) AS level FROM observation
        WHERE valid_time >= %(reference_from)s AND valid_time < %(current_from)s
          AND series_key IN (SELECT series_key FROM chosen)
        GROUP BY series_key
    )
    SELECT series.area, row.is_current, row.release, forecast.p50[row.lead], observation.value,
           feature_snapshot.features, level.level
    FROM row
    JOIN series USING (series_key)
    JOIN level USING (series_key)
    JOIN forecast USING (series_key, origin)
    JOIN feature_snapshot USING (series_key, origin)
    JOIN observation ON observation.series_key = row.series_key
        AND observation.valid_time = row.origin + row.lead * INTERVAL '1 hour'
    WHERE cardinality(feature_snapshot.features) = {len(SNAPSHOT_NAMES)}
    ORDER BY row.is_current, row.number, row.series_key, row.origin
"""  # noqa: S608


@dataclass(frozen=True)
class SampleWindow:
    """Hours to compare.

    Attributes:
        reference_from: first hour of the reference.
        current_from: hour after its last, and first current one.
        current_until: hour after the last current one.
    """

    reference_from: datetime
    current_from: datetime
    current_until: datetime


@dataclass(frozen=True)
class ForecastSample:
    """Scored forecasts, of each one lead.

    Attributes:
        area: str [n].
        is_current: bool [n].
        release: object [n], id of the release that forecast, or None.
        forecast: float32 [n], the median in the unit of the series, NaN where there was none.
        actual: float64 [n].
        features: float32 [n, 12], in the order of SNAPSHOT_NAMES.
        level: float64 [n], mean |value| of the series in the reference.
    """

    area: NDArray[np.str_]
    is_current: NDArray[np.bool_]
    release: NDArray[np.object_]
    forecast: NDArray[np.float32]
    actual: NDArray[np.float64]
    features: NDArray[np.float32]
    level: NDArray[np.float64]


def read_sample(connection: psycopg.Connection, window: SampleWindow, rows: int, seed: int) -> ForecastSample:
    """Read a sample of the forecasts whose day has been observed.

    Args:
        connection: an open connection.
        window: hours to compare; a forecast belongs to the hours that its 24 leads lie in.
        rows: at most, of the reference and of the current hours each.
        seed: of the sample.
    """
    day, hour = timedelta(hours=DAY_LEADS), timedelta(hours=1)
    given = {
        **vars(window),
        "reference_first": window.reference_from - hour,
        "reference_last": window.current_from - day,
        "current_first": window.current_from - hour,
        "current_last": window.current_until - day,
        "rows": rows,
        "seed": seed,
    }
    found = connection.execute(SAMPLE.encode(), given).fetchall()
    area, is_current, release, forecast, actual, features, level = zip(*found, strict=True) if found else ((),) * 7
    return ForecastSample(
        area=np.array(area, np.str_),
        is_current=np.array(is_current, np.bool_),
        release=np.array(release, object),
        forecast=np.array(forecast, np.float32),  # NULL where a forecast has no lead: NaN
        actual=np.array(actual, np.float64),
        features=np.array(features, np.float32).reshape(len(found), len(SNAPSHOT_NAMES)),
        level=np.array(level, np.float64),
    )
