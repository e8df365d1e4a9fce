from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.hours import Hour, from_hour, to_hour
from dayahead.reading.http.window import Bounds, Windows

HALF = ("Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe")
ISO = "%Y-%m-%dT%H:%M:%SZ"


def hour(day: int, of_day: int, month: int = 10) -> Hour:
    """An hour of 2025, UTC."""
    return to_hour(datetime(2025, month, day, of_day, tzinfo=UTC))


@pytest.mark.parametrize(
    ("form", "zone", "start", "end"),
    [
        (ISO, "UTC", "2025-10-25T22:00:00Z", "2025-10-26T01:00:00Z"),
        ("%Y%m%d%H%M", "UTC", "202510252200", "202510260100"),
        ("epoch_s", "Europe/Berlin", "1761429600", "1761440400"),
        ("epoch_ms", "UTC", "1761429600000", "1761440400000"),
        ("%Y-%m-%dT%H:%M%:z", "Europe/Berlin", "2025-10-26T00:00+02:00", "2025-10-26T02:00+01:00"),
        ("%Y-%m-%dT%H:%M%z", "Asia/Kolkata", "2025-10-26T03:30+0530", "2025-10-26T06:30+0530"),
    ],
)
def test_exact_bounds_are_the_hours_asked_for(form: str, zone: str, start: str, end: str) -> None:
    bounds = Bounds(form, zone)
    assert not bounds.whole_days
    assert bounds.texts(hour(25, 22), hour(26, 1)) == {"{start}": start, "{end}": end}


@pytest.mark.parametrize(
    ("form", "zone", "start", "end"),
    [
        ("%Y-%m-%d", "UTC", "2025-10-25", "2025-10-27"),
        ("%d.%m.%Y", "Europe/Berlin", "26.10.2025", "27.10.2025"),
        ("%Y-%m-%dT%H:%M", "Europe/Berlin", "2025-10-26T00:00", "2025-10-27T00:00"),
        ("%Y-%m-%d", "Australia/Lord_Howe", "2025-10-26", "2025-10-27"),
    ],
)
def test_dates_and_local_times_without_offset_are_whole_local_days(form: str, zone: str, start: str, end: str) -> None:
    bounds = Bounds(form, zone)
    assert bounds.whole_days
    assert bounds.texts(hour(25, 22), hour(26, 1)) == {"{start}": start, "{end}": end}


@given(
    st.integers(hour(1, 0, 1), hour(31, 0, 12)),
    st.integers(1, 400),
    st.sampled_from([0.5, 1, 3, 31, None]),
    st.sampled_from(["UTC", "Europe/Berlin", *HALF]),
    st.sampled_from([ISO, "%Y-%m-%d"]),
)
def test_windows_cover_all_hours_in_order_and_none_is_longer_than_allowed(
    start: Hour, hours: int, days: float | None, zone: str, form: str
) -> None:
    bounds = Bounds(form, zone)
    windows, end, position = Windows(bounds, days), start + hours, start
    while position < end:
        until = windows.end_of(position, end)
        assert position < until <= end
        if days is not None and not bounds.whole_days:
            assert until - position + 2 * windows.around_h <= days * 24
        if days is not None and bounds.whole_days:
            texts = bounds.texts(position, until)
            first, last = (datetime.strptime(text, form).replace(tzinfo=ZoneInfo(zone)) for text in texts.values())
            # an hour of UTC may lie in two local days, so that a window of one day takes a second one
            assert (last.date() - first.date()).days <= max(2 if zone in HALF else 1, int(days))
            assert first <= from_hour(position)
            assert last >= from_hour(until)
        position = until


def test_a_truncated_window_is_halved_down_to_an_hour_or_a_day() -> None:
    hours = Windows(Bounds(ISO, "UTC"), None)
    start, end, lengths = hour(1, 0), hour(1, 10), []
    while hours.shrink(start, end):
        lengths.append(hours.end_of(start, end) - start)
    assert lengths == [5, 2, 1]
    assert hours.around_h == 0
    days = Windows(Bounds("%Y-%m-%d", "Europe/Berlin"), 8)
    start, end, lengths = hour(20, 22), hour(28, 23), []
    while days.shrink(start, end):
        lengths.append(days.end_of(start, end) - start)
    assert lengths == [96, 48, 24]
