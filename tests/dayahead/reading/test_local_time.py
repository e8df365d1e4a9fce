from collections import Counter
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.errors import DeadLetterCode
from dayahead.hours import to_hour
from dayahead.reading.converter import convert
from dayahead.source import Source
from tests.ingest.building import make_source

ZONE = ZoneInfo("Europe/Copenhagen")
NOW = datetime(2024, 1, 1, tzinfo=UTC)
AUTUMN, SPRING, PLAIN = datetime(2023, 10, 29), datetime(2023, 3, 26), datetime(2023, 6, 1)  # noqa: DTZ001


def local_source() -> Source:
    return make_source(time_column="HourDK", time_zone=ZONE.key, key_columns=["Area"], filters={})


def local_hours(day: datetime) -> list[datetime]:
    """The hours of a local day, in UTC."""
    start = day.replace(tzinfo=ZONE).astimezone(UTC)
    end = (day + timedelta(days=1)).replace(tzinfo=ZONE).astimezone(UTC)
    return [start + timedelta(hours=hour) for hour in range(int((end - start) / timedelta(hours=1)))]


def record(moment: datetime, area: str, value: float = 1.0) -> dict[str, object]:
    return {"HourDK": moment.astimezone(ZONE).replace(tzinfo=None).isoformat(), "Area": area, "kWh": value}


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (PLAIN, 24), (AUTUMN, 25)])
@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("by_series", [False, True])
def test_a_local_day_has_23_24_or_25_hours_in_utc(
    day: datetime, hours: int, newest_first: bool, by_series: bool
) -> None:
    moments = local_hours(day)[:: -1 if newest_first else 1]
    if by_series:
        records = [record(moment, area, moment.hour) for area in ("DK1", "DK2") for moment in moments]
    else:
        records = [record(moment, area, moment.hour) for moment in moments for area in ("DK1", "DK2")]
    conversion = convert(records, local_source(), NOW)
    assert conversion.rejections == []
    assert Counter(row.series_id for row in conversion.rows) == {"DK1": hours, "DK2": hours}
    # The value is the UTC hour of the day: each must have found its own hour again.
    assert all(row.hour % 24 == row.value for row in conversion.rows)


def test_an_hour_that_the_clock_skips_is_rejected() -> None:
    records = [{"HourDK": "2023-03-26T02:00:00", "Area": "DK1", "kWh": 1}]
    (rejection,) = convert(records, local_source(), NOW).rejections
    assert rejection.code is DeadLetterCode.BAD_TIME
    assert "does not exist in Europe/Copenhagen" in rejection.reason


def test_an_ambiguous_hour_that_occurs_once_counts_as_the_first() -> None:
    records = [record(local_hours(AUTUMN)[0], "DK1"), {"HourDK": "2023-10-29T02:00:00", "Area": "DK1", "kWh": 1}]
    rows = convert(records, local_source(), NOW).rows
    assert rows[1].hour == to_hour(datetime(2023, 10, 29, 0, tzinfo=UTC))


@pytest.mark.parametrize("text", ["2023-10-29T02:00:00+02:00", "2023-10-29T00:00:00Z", "2023-10-29 00:00+00:00"])
def test_an_offset_in_the_data_wins_over_the_zone_of_the_source(text: str) -> None:
    rows = convert([{"HourDK": text, "Area": "DK1", "kWh": 1}], local_source(), NOW).rows
    assert rows[0].hour == to_hour(datetime(2023, 10, 29, 0, tzinfo=UTC))


def test_datetimes_of_a_parquet_file_are_read_as_their_text_would_be() -> None:
    naive = datetime(2023, 6, 1, 2)  # noqa: DTZ001 - as the file has it
    rows = convert([{"HourDK": naive, "Area": "DK1", "kWh": 1}], local_source(), NOW).rows
    assert rows[0].hour == to_hour(datetime(2023, 6, 1, 0, tzinfo=UTC))


@pytest.mark.parametrize("day", [SPRING, PLAIN, AUTUMN])
def test_half_hours_of_a_local_day_make_its_hours(day: datetime) -> None:
    source = make_source(time_column="HourDK", time_zone=ZONE.key, key_columns=["Area"], period_minutes=30)
    halves = [record(moment + timedelta(minutes=m), "DK1", 2.0) for moment in local_hours(day) for m in (0, 30)]
    conversion = convert(halves, source, NOW)
    assert [row.hour for row in conversion.rows] == [to_hour(moment) for moment in local_hours(day)]
    assert {row.value for row in conversion.rows} == {4.0}


@given(st.datetimes(datetime(2000, 1, 1), datetime(2023, 12, 1)), st.booleans())  # noqa: DTZ001
def test_any_run_of_local_hours_is_found_again_in_utc(start: datetime, newest_first: bool) -> None:
    first = start.replace(minute=0, second=0, microsecond=0, tzinfo=UTC)
    moments = [first + timedelta(hours=hour) for hour in range(72)]
    rows = convert([record(m, "DK1") for m in moments[:: -1 if newest_first else 1]], local_source(), NOW).rows
    found = sorted(row.hour for row in rows)
    expected = [to_hour(moment) for moment in moments]
    # A run that begins or ends between the two hours of one name cannot know which of them it holds.
    assert found[2:-2] == expected[2:-2] or len(set(found)) < len(expected)
