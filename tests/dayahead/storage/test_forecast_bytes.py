from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dayahead.contracts import ForecastMessage, Reason, Rung
from dayahead.hours import from_hour, from_microseconds
from dayahead.storage.forecast_cache import forecast_key
from dayahead.storage.forecasts import earlier_bytes, forecast_bytes, forecasts_bytes
from dayahead.storage.tables.forecast import ForecastRows, StoredForecast


def stored(values: np.ndarray, rung: Rung = Rung.FULL, reasons: int = 0, floor_days: int = 0) -> StoredForecast:
    origin = datetime(2023, 1, 24, 22, tzinfo=UTC)
    issued_at = datetime(2023, 1, 25, 1, 2, 3, 456, tzinfo=UTC)
    return StoredForecast(
        "DK1/111",
        origin,
        issued_at,
        "r-0123456789ab",
        rung,
        reasons,
        floor_days,
        values,
        values * np.float32(0.9),
        values * np.float32(1.1),
        "kWh",
    )


def test_the_bytes_of_a_forecast_are_a_message_of_the_contract() -> None:
    message = ForecastMessage.model_validate_json(
        forecast_bytes(stored(np.full(24, 12.3, np.float32), Rung.DEGRADED_INPUT, Reason.GAP | Reason.OUTLIER))
    )
    assert message.reasons == ["gap", "outlier"]
    assert message.leads == 24
    assert message.ends_at == message.origin + timedelta(hours=25)
    assert message.issued_at.microsecond == 456


def test_a_row_read_back_as_doubles_gives_the_same_bytes() -> None:
    values = np.random.default_rng(7).lognormal(8, 3, 24).astype(np.float32)
    row = stored(values)
    read_back = replace(
        row, p50=np.array(row.p50.tolist()), p10=np.array(row.p10.tolist()), p90=np.array(row.p90.tolist())
    )
    assert forecast_bytes(read_back) == forecast_bytes(row)


def test_a_value_is_written_as_the_shortest_text_that_names_it() -> None:
    assert b"[12.3,12.3," in forecast_bytes(stored(np.full(24, 12.3, np.float32)))


def test_no_forecast_yet_is_a_message_without_values() -> None:
    nothing = stored(np.zeros(0, np.float32), Rung.NONE, Reason.SHORT_HISTORY)
    message = ForecastMessage.model_validate_json(forecast_bytes(nothing))
    assert (message.leads, message.p50, message.ends_at) == (0, [], None)


@pytest.mark.parametrize("leads", [24, 50, 72, 408])
def test_a_message_holds_as_many_leads_and_days_as_its_row(leads: int) -> None:
    row = stored(np.arange(leads, dtype=np.float32), floor_days=0b10)
    message = ForecastMessage.model_validate_json(forecast_bytes(row))
    assert (message.leads, message.ends_at) == (leads, row.origin + timedelta(hours=leads + 1))
    assert [len(message.p10), len(message.p50), len(message.p90)] == [leads] * 3
    days = -(-leads // 24)
    assert message.day_rungs == [Rung.FULL, Rung.PROFILE, *[Rung.FULL] * days][:days]


def test_messages_of_earlier_versions_are_read_and_recognised() -> None:
    for row in (stored(np.full(24, 12.3, np.float32)), stored(np.zeros(0, np.float32), Rung.NONE)):
        of_0_2, older = earlier_bytes(forecast_bytes(row))
        assert b"ends_at" in of_0_2
        for old in (of_0_2, older):
            assert b"day_rungs" not in old
            message = ForecastMessage.model_validate_json(old)
            assert (message.origin, message.day_rungs) == (row.origin, None)
        assert b"ends_at" not in older
        assert ForecastMessage.model_validate_json(older).ends_at is None


def test_the_key_in_redis_carries_the_version_of_its_form() -> None:
    assert forecast_key("DK1/111") == "dayahead:v3:forecast:DK1/111"


def test_many_forecasts_at_once_have_the_bytes_of_each_by_itself() -> None:
    rng = np.random.default_rng(3)
    values = (rng.normal(size=(4, 50)) * 10.0 ** rng.integers(-12, 12, (4, 50))).astype(np.float32)
    leads = np.array([50, 24, 50, 0], np.int16)
    values[np.arange(50) >= leads[:, None]] = np.nan
    rows = ForecastRows(
        series_key=np.arange(4),
        origin=np.array([465_000, 465_001, 465_001, 465_002]),
        issued_us=np.array([1_700_000_000_000_000, 1_700_000_000_123_456, 0, 1]),
        release=np.array(["r-0123456789ab", None, None, None], object),
        rung=np.array([Rung.FULL, Rung.PROFILE, Rung.LAST_VALUE, Rung.NONE], np.int8),
        reasons=np.array([0, int(Reason.GAP | Reason.OUTLIER), 1, 1], np.int32),
        floor_days=np.array([0b100, 0, 0, 0], np.int32),
        message_offset=np.arange(4),
        leads=leads,
        p50=values,
        p10=values - 1,
        p90=values + 1,
    )
    ids, units = ['DK1/"1"', "DK1/\u00e5", "A/b], [c", "x"], ["kWh", "MWh", "kWh", "kWh"]
    one_by_one = [
        forecast_bytes(
            StoredForecast(
                ids[row],
                from_hour(int(rows.origin[row])),
                from_microseconds(int(rows.issued_us[row])),
                rows.release[row],
                int(rows.rung[row]),
                int(rows.reasons[row]),
                int(rows.floor_days[row]),
                rows.p50[row][: leads[row]],
                rows.p10[row][: leads[row]],
                rows.p90[row][: leads[row]],
                units[row],
            )
        )
        for row in range(4)
    ]
    assert forecasts_bytes(ids, units, rows) == one_by_one
    assert forecasts_bytes([], [], rows.take(np.empty(0, np.int64))) == []
