"""Encodes forecasts, in one place, so that Kafka, Redis and the API send the same bytes."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np
import orjson
from numpy.typing import NDArray

from dayahead.contracts import LEADS, Reason, Rung
from dayahead.hours import format_utc, from_hour, from_microseconds
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
        forecast.origin,
        forecast.issued_at,
        forecast.release,
        int(forecast.rung),
        int(forecast.reasons),
        len(forecast.p50),
    )
    p50, p10, p90 = (
        _json(np.ascontiguousarray(part, np.float32)) for part in (forecast.p50, forecast.p10, forecast.p90)
    )
    return _message(_json(forecast.series_id), facts, p50, p10, p90, _json(forecast.unit))


def forecasts_bytes(series_ids: Sequence[str], units: Sequence[str], rows: ForecastRows) -> list[bytes]:
    """Encode many rows at once, each as `forecast_bytes` does.

    Args:
        series_ids: of the n rows.
        units: of the n rows.
        rows: the n forecasts.
    """
    without = (rows.rung == Rung.NONE).tolist()
    facts = [
        _facts(from_hour(origin), from_microseconds(issued), release, rung, reasons, 0 if empty else LEADS)
        for origin, issued, release, rung, reasons, empty in zip(
            rows.origin.tolist(),
            rows.issued_us.tolist(),
            rows.release.tolist(),
            rows.rung.tolist(),
            rows.reasons.tolist(),
            without,
            strict=True,
        )
    ]
    quantiles = [_vectors(part) for part in (rows.p50, rows.p10, rows.p90)]
    for place in [place for place, empty in enumerate(without) if empty]:
        for part in quantiles:
            part[place] = b"[]"
    unit_texts = {unit: _json(unit) for unit in set(units)}
    return [
        _message(_json(series_id), fact, p50, p10, p90, unit_texts[unit])
        for series_id, fact, p50, p10, p90, unit in zip(series_ids, facts, *quantiles, units, strict=True)
    ]


def bytes_before_ends_at(message: bytes) -> bytes:
    """Encode the forecast as versions before 0.2 sent it, which topic `forecasts` may still hold."""
    return re.sub(rb',"ends_at":(?:"[^"]*"|null)', b"", message, count=1)


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _vectors(matrix: NDArray[np.float32]) -> list[bytes]:
    """Encode each row of a matrix as JSON: one call and a split, since a call for each row takes ten times as long."""
    if not len(matrix):
        return []
    text = _json(np.ascontiguousarray(matrix, np.float32))
    return [b"[" + row + b"]" for row in text[2:-2].split(b"],[")]


@lru_cache(maxsize=10_000)
def _facts(origin: datetime, issued_at: datetime, release: str | None, rung: int, reasons: int, leads: int) -> bytes:
    """Encode the fields that the forecasts of a batch share, without the braces."""
    return _json(
        {
            "origin": format_utc(origin),
            "issued_at": format_utc(issued_at),
            "release": release,
            "rung": rung,
            "reasons": Reason.codes(reasons),
            "leads": leads,
            "ends_at": None if (end := forecast_end(origin, leads)) is None else format_utc(end),
        }
    )[1:-1]


def _message(series_id: bytes, facts: bytes, p50: bytes, p10: bytes, p90: bytes, unit: bytes) -> bytes:
    return b'{"series_id":%b,%b,"p50":%b,"p10":%b,"p90":%b,"unit":%b}' % (series_id, facts, p50, p10, p90, unit)


def message_values(series: Mapping[int, RegisteredSeries], rows: ForecastRows) -> list[bytes]:
    """Encode each forecast from its row only, so that the bytes can be rebuilt from the tables.

    Args:
        series: by series_key.
        rows: the forecasts.
    """
    of_rows = [series[key] for key in rows.series_key.tolist()]
    return forecasts_bytes([one.series_id for one in of_rows], [one.unit for one in of_rows], rows)
