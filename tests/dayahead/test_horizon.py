"""The days of a horizon, and how far it must reach for the end of tomorrow to be forecast at every hour of the day."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dayahead.horizon import MAX_DAYS, MAX_LEADS, days_of, default_horizon_h, leads_before, week_lag


def test_the_last_day_of_a_horizon_may_be_shorter() -> None:
    assert [days_of(leads) for leads in (24, 25, 48, 50, 408)] == [1, 2, 2, 3, 17]


def test_the_week_lag_is_known_at_the_origin_and_is_the_same_hour_of_the_week() -> None:
    for day in range(1, MAX_DAYS + 1):
        assert 24 <= week_lag(day) <= 168
        assert (leads_before(day) + week_lag(day)) % 168 == 0


@pytest.mark.parametrize("late_h", [0, 1, 5])
@pytest.mark.parametrize("interval_h", [1, 24])
def test_the_default_horizon_reaches_the_end_of_tomorrow_at_every_hour_of_a_year(late_h: int, interval_h: int) -> None:
    zone = ZoneInfo("Europe/Copenhagen")
    leads = default_horizon_h(1 + late_h, interval_h)
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    while moment.year == 2024:
        # the newest hour was published an interval ago but for a moment, and was as late as that then
        newest = moment - timedelta(hours=1 + late_h + interval_h - 1)
        tomorrow = moment.astimezone(zone).date() + timedelta(days=2)
        end = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=zone).astimezone(UTC)
        assert newest + timedelta(hours=leads + 1) >= end, moment
        moment += timedelta(hours=1)


def test_the_default_horizon_is_49_and_the_lag_and_no_longer_than_a_forecast_may_be() -> None:
    assert default_horizon_h(1, 1) == 50
    assert default_horizon_h(336, 24) == MAX_LEADS
    assert default_horizon_h(500, 24) == MAX_LEADS
