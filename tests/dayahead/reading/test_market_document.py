from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.errors import MalformedAnswer
from dayahead.reading.market_document import (
    Point,
    in_finest_resolution,
    one_resolution_an_hour,
    read_document,
)
from tests.dayahead.reading.kinds.conformance.publishers.entsoe import (
    AREAS,
    EntsoeWithChangesOnly,
    EntsoeWithEveryPoint,
)
from tests.dayahead.reading.kinds.conformance.stand_in import Point as Published
from tests.dayahead.reading.kinds.conformance.stand_in import Request

PAYLOADS = Path(__file__).parent / "kinds" / "payloads"
LOAD = (PAYLOADS / "entsoe_actual_load.xml").read_bytes()
NO_DATA = (PAYLOADS / "entsoe_no_data.xml").read_bytes()


def values(body: bytes) -> list[tuple[str, int, str]]:
    return [(f"{point.start:%H:%M}", point.minutes, point.value) for point in read_document(body).points]


def point(start: str, minutes: int, value: str = "1", area: str = "A") -> Point:
    return Point(area, datetime.fromisoformat(start).replace(tzinfo=UTC), minutes, value, "A01")


def test_a_point_that_is_left_out_of_curve_a03_repeats_the_one_before_up_to_the_end_of_the_period() -> None:
    assert values(LOAD) == [
        ("22:00", 60, "2101"),
        ("23:00", 60, "2101"),
        ("00:00", 15, "2090.5"),
        ("00:15", 15, "2084"),
        ("00:30", 15, "2084"),
        ("00:45", 15, "2080"),
        ("01:00", 15, "2080"),
        ("01:15", 15, "2080"),
        ("01:30", 15, "2071"),
        ("01:45", 15, "2071"),
    ]


def test_a_point_that_is_left_out_of_curve_a01_is_missing() -> None:
    found = values(LOAD.replace(b"A03", b"A01"))
    assert [time for time, _, _ in found] == ["22:00", "00:00", "00:15", "00:45", "01:30"]


@given(numbers=st.lists(st.none() | st.integers(0, 2), min_size=1, max_size=40), minutes=st.sampled_from([15, 30, 60]))
def test_both_curves_of_the_same_values_with_any_gaps_are_read_alike(numbers: list[int | None], minutes: int) -> None:
    start = datetime(2025, 10, 1, tzinfo=UTC)
    points = [
        Published("DK1", start + number * timedelta(minutes=minutes), minutes, value)
        for number, value in enumerate(numbers)
    ]
    query = {
        "documentType": ["A65"],
        "processType": ["A16"],
        "outBiddingZone_Domain": [AREAS["DK1"]],
        "periodStart": ["202510010000"],
        "periodEnd": ["202510030000"],
    }
    expected = [(point.start, f"{point.value:g}") for point in points if point.value is not None]
    for publisher in (EntsoeWithChangesOnly(), EntsoeWithEveryPoint()):
        body = publisher.answer(Request("/api", query, {}), points).body
        found = read_document(body if isinstance(body, bytes) else body.encode()).points
        assert [(point.start, point.value) for point in found] == expected


def test_a_series_without_a_curve_type_has_every_point() -> None:
    assert len(values(LOAD.replace(b"<curveType>A03</curveType>", b""))) == 5


def test_the_first_points_of_curve_a03_repeat_nothing() -> None:
    body = LOAD.replace(b"<position>1</position><quantity>2101<", b"<position>2</position><quantity>2101<")
    assert values(body)[0] == ("23:00", 60, "2101")


def test_a_contradiction_within_a_period_keeps_both_values_so_that_it_is_seen() -> None:
    body = LOAD.replace(b"<position>2</position>", b"<position>1</position>")
    assert values(body)[2:5] == [("00:00", 15, "2084"), ("00:00", 15, "2090.5"), ("00:15", 15, "2090.5")]


def test_the_points_carry_the_code_of_their_area() -> None:
    assert {point.area for point in read_document(LOAD).points} == {"10YDK-1--------W"}


def test_times_with_an_offset_are_converted_to_utc() -> None:
    body = LOAD.replace(b"2025-10-25T22:00Z</start>", b"2025-10-26T00:00+02:00</start>")
    assert values(body) == values(LOAD)


def test_no_matching_data_is_an_empty_document_and_no_refusal() -> None:
    assert read_document(NO_DATA) == read_document(NO_DATA.replace(b":7:0", b":8:1"))
    assert (list(read_document(NO_DATA).points), read_document(NO_DATA).refusal) == ([], None)


def test_another_reason_of_code_999_is_a_refusal_with_its_text() -> None:
    text = b"Provided time interval is larger than maximum allowed period 'P1M'"
    body = NO_DATA.replace(b"No matching data found", text)
    assert "999 Provided time interval is larger than maximum" in str(read_document(body).refusal)


def test_an_acknowledgement_without_a_reason_is_a_refusal() -> None:
    assert read_document(b"<Acknowledgement_MarketDocument/>").refusal == "no reason given"


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b">MAW<", b">KWH<", "in KWH, not in MAW"),
        (b">A03<", b">A05<", "curve type A05"),
        (b">PT15M<", b">P1D<", "resolution P1D"),
        (b">PT15M<", b">PT7M<", "resolution PT7M"),
        (b"<position>7<", b"<position>9<", "position 9 of a period of 8"),
        (b"<position>7<", b"<position>0<", "position 0"),
        (b"<position>7<", b"<position>x<", "position x"),
        (b"<start>2025-10-26T00:00Z<", b"<start>midnight<", "start 'midnight'"),
        (b"<resolution>PT15M</resolution>", b"", "Period without resolution"),
        (b"GL_MarketDocument", b"Publication_MarketDocument", "a Publication_MarketDocument"),
        (b"</GL_MarketDocument>", b"", "no XML"),
    ],
)
def test_what_is_not_understood_is_malformed(old: bytes, new: bytes, reason: str) -> None:
    assert old in LOAD
    with pytest.raises(MalformedAnswer, match=reason):
        read_document(LOAD.replace(old, new))


NO_ENCODING = b'<?xml version="1.0" encoding="no-such"?><GL_MarketDocument/>'


@pytest.mark.parametrize("body", [b"", b"<html><body>Unauthorized</body></html>", b"\xff\xfe", b"{}", NO_ENCODING])
def test_a_body_of_another_kind_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        read_document(body)


def test_entities_are_not_expanded() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "1"><!ENTITY b "&a;&a;">]><GL_MarketDocument>&b;</GL_MarketDocument>'
    with pytest.raises(MalformedAnswer, match="no XML"):
        read_document(bomb)


def test_of_an_hour_in_two_resolutions_the_finer_one_is_kept_where_it_is_whole() -> None:
    quarters = [point(f"2025-10-01T00:{minute:02d}", 15) for minute in (0, 15, 30, 45)]
    hours = [point("2025-10-01T00:00", 60), point("2025-10-01T01:00", 60)]
    begun = [point("2025-10-01T01:00", 15)]
    assert one_resolution_an_hour([*hours, *quarters, *begun]) == [hours[1], *quarters]


def test_the_hours_of_another_area_do_not_decide_the_resolution() -> None:
    points = [point("2025-10-01T00:00", 60, area="A"), point("2025-10-01T00:15", 15, area="B")]
    assert one_resolution_an_hour(points) == points


def test_hours_next_to_quarters_are_repeated_so_that_all_points_are_as_far_apart() -> None:
    points = [point("2025-10-01T00:00", 60, "7"), point("2025-10-01T01:00", 15, "8"), point("2025-10-01T01:15", 15)]
    found = in_finest_resolution(points)
    assert [(f"{one.start:%H:%M}", one.minutes, one.value) for one in found] == [
        ("00:00", 60, "7"),
        ("00:15", 60, "7"),
        ("00:30", 60, "7"),
        ("00:45", 60, "7"),
        ("01:00", 15, "8"),
        ("01:15", 15, "1"),
    ]


def test_points_of_one_resolution_stay_as_they_are() -> None:
    hours = [point("2025-10-01T00:00", 60), point("2025-10-01T01:00", 60)]
    assert in_finest_resolution(hours) == hours
    assert in_finest_resolution([]) == []
