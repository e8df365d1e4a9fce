"""A forecast as bytes: the one function that makes them, so that Kafka, Redis and the API say the same."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import orjson
from numpy.typing import NDArray

from dayahead.contracts import Reason
from dayahead.hours import format_utc

REDIS_PREFIX = "dayahead:v1:forecast:"


def forecast_key(series_id: str) -> str:
    """Where Redis holds the newest forecast of a series, as the bytes of `forecast_bytes`."""
    return REDIS_PREFIX + series_id


@dataclass(frozen=True)
class StoredForecast:
    """A row of table `forecast` with the text that belongs to its series.

    Attributes:
        origin: start of the last observed hour that the forecast uses.
        issued_at: when it was computed, to the microsecond.
        release: model release, None where no model made it.
        rung: 0 to 5.
        reasons: flags of `Reason`.
        p50: float32 [24] by lead, in `unit`; empty on rung 5, and so are p10 and p90.
    """

    series_id: str
    origin: datetime
    issued_at: datetime
    release: str | None
    rung: int
    reasons: int
    p50: NDArray[np.float32]
    p10: NDArray[np.float32]
    p90: NDArray[np.float32]
    unit: str


def forecast_bytes(forecast: StoredForecast) -> bytes:
    """A `ForecastMessage` as it is sent: a function of the row alone, so a second writer gets the same bytes.

    Values are float32, as TimescaleDB keeps them, in the shortest text that names them (12.3, not 12.300000190734863).
    """
    return orjson.dumps(
        {
            "series_id": forecast.series_id,
            "origin": format_utc(forecast.origin),
            "issued_at": format_utc(forecast.issued_at),
            "release": forecast.release,
            "rung": int(forecast.rung),
            "reasons": Reason.codes(forecast.reasons),
            "leads": len(forecast.p50),
            "p50": np.ascontiguousarray(forecast.p50, np.float32),
            "p10": np.ascontiguousarray(forecast.p10, np.float32),
            "p90": np.ascontiguousarray(forecast.p90, np.float32),
            "unit": forecast.unit,
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )
