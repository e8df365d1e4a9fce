from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from dayahead.contracts import ForecastMessage, Reason, Rung
from dayahead.storage.forecasts import StoredForecast, forecast_bytes, forecast_key


def stored(values: np.ndarray, rung: Rung = Rung.FULL, reasons: int = 0) -> StoredForecast:
    origin = datetime(2023, 1, 24, 22, tzinfo=UTC)
    issued_at = datetime(2023, 1, 25, 1, 2, 3, 456, tzinfo=UTC)
    return StoredForecast(
        "DK1/111",
        origin,
        issued_at,
        "r-0123456789ab",
        rung,
        reasons,
        values,
        values * np.float32(0.9),
        values * np.float32(1.1),
        "kWh",
    )


def test_the_bytes_of_a_forecast_are_a_message_of_the_contract():
    message = ForecastMessage.model_validate_json(
        forecast_bytes(stored(np.full(24, 12.3, np.float32), Rung.DEGRADED_INPUT, Reason.GAP | Reason.OUTLIER))
    )
    assert message.reasons == ["gap", "outlier"]
    assert message.leads == 24
    assert message.issued_at.microsecond == 456


def test_a_row_read_back_as_doubles_gives_the_same_bytes():
    values = np.random.default_rng(7).lognormal(8, 3, 24).astype(np.float32)
    row = stored(values)
    read_back = replace(row, **{name: np.array(getattr(row, name).tolist()) for name in ("p50", "p10", "p90")})
    assert forecast_bytes(read_back) == forecast_bytes(row)


def test_a_value_is_written_as_the_shortest_text_that_names_it():
    assert b"[12.3,12.3," in forecast_bytes(stored(np.full(24, 12.3, np.float32)))


def test_no_forecast_yet_is_a_message_without_values():
    nothing = stored(np.zeros(0, np.float32), Rung.NONE, Reason.SHORT_HISTORY)
    message = ForecastMessage.model_validate_json(forecast_bytes(nothing))
    assert (message.leads, message.p50) == (0, [])


def test_the_key_in_redis_carries_the_version_of_its_form():
    assert forecast_key("DK1/111") == "dayahead:v1:forecast:DK1/111"
