"""Encodes forecasts, in one place, so that Kafka, Redis and the API send the same bytes."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
import orjson
from numpy.typing import NDArray

from dayahead.contracts import Reason, Rung
from dayahead.grouping import groups
from dayahead.horizon import days_of
from dayahead.hours import Hour, format_utc, from_hour, from_microseconds, to_hour, to_microseconds
from dayahead.storage.tables.forecast import ForecastRows, StoredForecast
from dayahead.storage.tables.series import RegisteredSeries


def forecast_end(origin: datetime, leads: int) -> datetime | None:
    """Return the end of the last hour of a forecast; None where it has no hour.

    Args:
        origin: start of the last observed hour.
        leads: hours of the forecast.
    """
    return origin + timedelta(hours=leads + 1) if leads else None


def forecast_bytes(forecast: StoredForecast) -> bytes:
    """Encode a `ForecastMessage`: a function of the row only, so a second writer gets the same bytes.

    Values are float32, as TimescaleDB keeps them, in the shortest text that names them (12.3, not 12.300000190734863).
    """
    facts = _facts(
        to_hour(forecast.origin),
        to_microseconds(forecast.issued_at),
        forecast.release,
        int(forecast.rung),
        int(forecast.reasons),
        int(forecast.floor_days),
        len(forecast.p50),
    )
    p50, p10, p90 = (
        _json(np.ascontiguousarray(part, np.float32))[1:-1] for part in (forecast.p50, forecast.p10, forecast.p90)
    )
    return _message(_json(forecast.series_id), facts, p50, p10, p90, _end(forecast.unit))


def forecasts_bytes(series_ids: Sequence[str], units: Sequence[str], rows: ForecastRows) -> list[bytes]:
    """Encode many rows at once, each as `forecast_bytes` does.

    Args:
        series_ids: of the n rows.
        units: of the n rows.
        rows: the n forecasts.
    """
    if not len(rows):
        return []
    facts = [
        _facts(*one)
        for one in zip(
            rows.origin.tolist(),
            rows.issued_us.tolist(),
            rows.release.tolist(),
            rows.rung.tolist(),
            rows.reasons.tolist(),
            rows.floor_days.tolist(),
            rows.leads.tolist(),
            strict=True,
        )
    ]
    quantiles = [_vectors(part, rows.leads) for part in (rows.p50, rows.p10, rows.p90)]
    ends = {unit: _end(unit) for unit in set(units)}
    return [
        _message(series_id, fact, p50, p10, p90, ends[unit])
        for series_id, fact, p50, p10, p90, unit in zip(_texts(series_ids), facts, *quantiles, units, strict=True)
    ]


def earlier_bytes(message: bytes) -> tuple[bytes, ...]:
    """Encode the forecast as earlier versions sent it, which topic `forecasts` may still hold: 0.2 and before that."""
    of_0_2 = re.sub(rb',"day_rungs":\[[0-9,]*\]', b"", message, count=1)
    return of_0_2, re.sub(rb',"ends_at":(?:"[^"]*"|null)', b"", of_0_2, count=1)


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _texts(values: Sequence[str]) -> list[bytes]:
    """Encode texts as JSON, in one call and a split: a quote within a text is escaped, so none is next to a comma."""
    return [b'"%b"' % text for text in _json(values)[2:-2].split(b'","')]


def _vectors(matrix: NDArray[np.float32], leads: NDArray[np.int16]) -> list[bytes]:
    """Encode each row of a matrix up to its leads as JSON, without the brackets.

    One call and a split for all rows of as many leads: a call for each row takes ten times as long.
    """
    texts: list[bytes] = [b""] * len(matrix)
    for count, rows in groups(leads.astype(np.int64)):
        if count:
            text = _json(np.ascontiguousarray(matrix[rows, :count], np.float32))
            of_count = text[2:-2].split(b"],[")
            if len(rows) == len(matrix):
                return of_count
            for row, values in zip(rows.tolist(), of_count, strict=True):
                texts[row] = values
    return texts


@lru_cache(maxsize=10_000)
def _facts(
    origin: Hour, issued_us: int, release: str | None, rung: int, reasons: int, floor_days: int, leads: int
) -> bytes:
    """Encode the fields that the forecasts of a batch share, without the braces."""
    start = from_hour(origin)
    return _json(
        {
            "origin": format_utc(start),
            "issued_at": format_utc(from_microseconds(issued_us)),
            "release": release,
            "rung": rung,
            "reasons": Reason.codes(reasons),
            "leads": leads,
            "ends_at": None if (end := forecast_end(start, leads)) is None else format_utc(end),
            "day_rungs": day_rungs(rung, floor_days, leads),
        }
    )[1:-1]


def day_rungs(rung: int, floor_days: int, leads: int) -> list[int]:
    """Rung of each day of the horizon: that of day 1, or 3 where the profile forecast a later day."""
    return [int(Rung.PROFILE) if floor_days >> day & 1 else rung for day in range(days_of(leads))]


def _message(series_id: bytes, facts: bytes, p50: bytes, p10: bytes, p90: bytes, end: bytes) -> bytes:
    return b"".join(
        (b'{"series_id":', series_id, b",", facts, b',"p50":[', p50, b'],"p10":[', p10, b'],"p90":[', p90, end)
    )


def _end(unit: str) -> bytes:
    return b'],"unit":%b}' % _json(unit)


def message_values(series: Mapping[int, RegisteredSeries], rows: ForecastRows) -> list[bytes]:
    """Encode each forecast from its row only, so that the bytes can be rebuilt from the tables.

    Args:
        series: by series_key.
        rows: the forecasts.
    """
    of_rows = [series[key] for key in rows.series_key.tolist()]
    return forecasts_bytes([one.series_id for one in of_rows], [one.unit for one in of_rows], rows)
