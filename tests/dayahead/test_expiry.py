"""A forecast is expired when more of its time is over than lies ahead."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.expiry import expired_reason, is_expired
from dayahead.horizon import MAX_LEADS
from dayahead.storage.status import SERIES

ORIGIN = datetime(2024, 3, 30, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def expired(leads: int, lag_h: float, age_h: float) -> bool:
    return is_expired(ORIGIN, leads, lag_h * HOUR, ORIGIN + age_h * HOUR)


@pytest.mark.parametrize(
    ("leads", "lag_h", "fresh_until_h"),
    [
        (24, 1, 13),  # 12 of 24 hours are over
        (50, 1, 26),
        (58, 9, 34),  # 25 of the 50 hours that lay ahead when it was due
        (24, 200, 24),  # over before it was due: as soon as nothing lies ahead
    ],
)
def test_a_forecast_is_fresh_for_half_of_the_time_that_lay_ahead(leads: int, lag_h: float, fresh_until_h: int) -> None:
    assert not expired(leads, lag_h, fresh_until_h)
    assert expired(leads, lag_h, fresh_until_h + 1)


def test_no_forecast_is_not_expired() -> None:
    assert not expired(0, 1, 1000)


@given(leads=st.integers(1, MAX_LEADS), lag_h=st.floats(0, 300), age_h=st.floats(0, 900), later_h=st.floats(0, 900))
def test_it_stays_expired_and_is_expired_at_the_latest_when_it_ends(
    leads: int, lag_h: float, age_h: float, later_h: float
) -> None:
    assert expired(leads, lag_h, leads + 1)
    assert expired(leads, lag_h, age_h) <= expired(leads, lag_h, age_h + later_h)
    if age_h < min(lag_h, leads + 1) - 1e-6:
        assert not expired(leads, lag_h, age_h)


def test_the_reason_says_what_lies_ahead() -> None:
    assert "hour 2024-03-30T22Z and its last 3 h lie ahead" in expired_reason(ORIGIN, 24, ORIGIN + 22 * HOUR)
    assert "none of its hours lies ahead" in expired_reason(ORIGIN, 24, ORIGIN + 40 * HOUR)


@pytest.mark.servers
def test_the_state_of_a_series_in_sql_is_expired_when_it_is_here(database_url: str) -> None:
    cases = [
        (leads, lag_h, age_h)
        for leads in (0, 24, 50, 272)
        for lag_h in (0, 1, 9.5, 200)
        for age_h in (0, 1, 12, 13, 13.01, 14, 24, 25, 26, 30, 40, 51, 150, 236, 237, 273, 400)
    ]
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        connection.execute("INSERT INTO source (name, definition) VALUES ('grid', '{}')")
        [key] = connection.execute(
            "INSERT INTO series (series_id, source_key, labels, area, unit, partition)"
            " SELECT 'N/1', source_key, '{}', 'N', 'kWh', 0 FROM source RETURNING series_key"
        ).fetchone() or [0]
        connection.execute(
            "INSERT INTO observation (series_key, valid_time, value, available_at) VALUES (%s, %s, 1, %s)",
            [key, ORIGIN, ORIGIN + HOUR],
        )
        for leads, lag_h, age_h in cases:
            connection.execute("DELETE FROM forecast")
            values = [1.0] * leads
            connection.execute(
                "INSERT INTO forecast (series_key, origin, issued_at, rung, reasons, p50, p10, p90, message_offset)"
                " VALUES (%s, %s, %s, %s, 0, %s::real[], %s::real[], %s::real[], 0)",
                [key, ORIGIN, ORIGIN, 0 if leads else 5, values, values, values],
            )
            connection.execute("SELECT 1")
            parameters = {
                "source_keys": connection.execute("SELECT array_agg(source_key) FROM source").fetchone()[0],
                "names": ["grid"], "stale_after_h": [6.0], "newest_hours": [ORIGIN],
                "nows": [ORIGIN + age_h * HOUR], "lags": [lag_h * HOUR],
                "area": None, "state": None, "search": None, "after": None, "series_keys": None, "limit": None,
            }  # fmt: skip
            cursor = connection.execute(SERIES, parameters)
            names = [column.name for column in cursor.description or []]
            found = dict(zip(names, cursor.fetchone() or (), strict=True))
            expected = expired(leads, lag_h, age_h)
            assert found["expired"] is expected, (leads, lag_h, age_h)
            state = "no-forecast" if not leads else "expired" if expected else "fresh"
            assert found["state"] == state, (leads, lag_h, age_h)
