from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable
from dayahead.hours import to_hour
from dayahead.reading.kinds.entsoe import EntsoeFields
from dayahead.reading.source_file import load_source, source_of
from tests.dayahead.reading.kinds.conformance.publishers.entsoe import (
    AREAS,
    EntsoeForecast,
    EntsoeWithChangesOnly,
    EntsoeWithEveryPoint,
    acknowledged,
    too_many_requests,
)
from tests.dayahead.reading.kinds.conformance.room import Room, room_of
from tests.dayahead.reading.kinds.conformance.stand_in import Response

START = datetime(2025, 11, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
PAYLOAD = Path(__file__).parent / "payloads" / "entsoe_actual_load.xml"
SOURCES = Path(__file__).parents[4] / "ingest" / "sources"


@pytest.fixture
def room() -> Iterator[Room]:
    with room_of(EntsoeWithChangesOnly()) as one:
        yield one


def codes(room: Room) -> list[str]:
    """The areas that were asked for, in order."""
    return [request.parameter("outBiddingZone_Domain") for request in room.server.requests]


def test_a_request_asks_for_one_area_and_whole_hours_in_utc(room: Room) -> None:
    room.publish(START, 5)
    room.read(START, START + 5 * HOUR)
    first = room.server.requests[0]
    assert {name: values[0] for name, values in first.query.items() if name != "securityToken"} == {
        "documentType": "A65",
        "processType": "A16",
        "outBiddingZone_Domain": AREAS["DK1"],
        "periodStart": "202511180000",
        "periodEnd": "202511180500",
    }
    assert codes(room) == list(AREAS.values())


def test_a_record_has_what_a_person_needs_to_find_the_value(room: Room) -> None:
    room.publish(START, 1, 15)
    record = room.reader().read(to_hour(START), to_hour(START) + 1).records[0]
    assert record == {
        "area": "DK1",
        "code": AREAS["DK1"],
        "time": "2025-11-18T00:00Z",
        "resolution": "PT15M",
        "curve": "A03",
        "value": f"{room.points[0].value:g}",
    }


def test_a_written_document_becomes_hours(room: Room) -> None:
    body = PAYLOAD.read_bytes()
    room.server.answer = lambda request: (
        Response(body)
        if request.parameter("outBiddingZone_Domain") == AREAS["DK1"]
        else acknowledged("No matching data found")
    )
    start = datetime(2025, 10, 25, 22, tzinfo=UTC)
    assert list(room.values(start, start + 4 * HOUR).values()) == pytest.approx(
        [2101, 2101, (2090.5 + 2084 + 2084 + 2080) / 4, (2080 + 2080 + 2071 + 2071) / 4]
    )


def test_an_area_without_data_does_not_stop_the_others(room: Room) -> None:
    room.publish(START, 3)
    room.points = [point for point in room.points if point.series == "DE-LU"]
    assert room.values(START) == room.expected(START)


def test_requests_stay_so_short_that_an_answer_that_ends_after_1000_points_is_whole() -> None:
    publisher = EntsoeWithEveryPoint()
    publisher.points_of_an_answer = 1000
    with room_of(publisher) as room:
        start = START - timedelta(days=25)
        room.publish(start, 25 * 24, 15)
        assert room.values(start) == pytest.approx(room.expected(start))


def test_a_429_without_a_retry_after_stops_all_requests_for_the_ten_minutes_of_the_ban(room: Room) -> None:
    room.publish(START, 3)
    room.server.faults.append(too_many_requests())
    for _ in range(2):
        with pytest.raises(SourceUnavailable) as caught:
            room.read(START)
        assert (caught.value.retry_after_s, caught.value.cause) == (600, "rate_limited")
    assert len(room.server.requests) == 1
    room.time.seconds += 600
    assert room.values(START) == room.expected(START)


def test_a_retry_asks_only_for_the_areas_that_are_missing(room: Room) -> None:
    room.publish(START, 3)
    reader = room.reader()
    answer = room.server.answer
    room.server.answer = lambda request: (
        Response("busy", 503) if request.parameter("outBiddingZone_Domain") == AREAS["DE-LU"] else answer(request)
    )
    with pytest.raises(SourceUnavailable, match="503"):
        room.read(START, reader=reader)
    room.server.answer = answer
    rows, _ = room.read(START, reader=reader)
    assert {(row.series_id, row.hour): row.value for row in rows} == room.expected(START)
    assert codes(room) == [AREAS["DK1"], AREAS["DE-LU"], AREAS["DE-LU"]]
    room.read(START, reader=reader)
    assert codes(room)[3:] == list(AREAS.values())


def test_404_is_an_outage_since_the_platform_answered_so_for_days_while_it_moved(room: Room) -> None:
    room.server.faults.append(Response("404 page not found", 404))
    with pytest.raises(SourceUnavailable, match="404 page not found") as caught:
        room.read(START)
    assert caught.value.cause == "server_error"


def test_a_refused_request_says_why_and_names_the_area(room: Room) -> None:
    room.server.faults.append(acknowledged("Please check you request against dependency tables", 400))
    with pytest.raises(SourceRefused, match=r"for DK1 \(10YDK-1--------W\): 999 Please check .* source file"):
        room.read(START)


def test_an_answer_for_another_area_is_not_stored_under_the_wrong_name(room: Room) -> None:
    room.publish(START, 3)
    answer = room.server.answer

    def mixed_up(request: object) -> Response:
        body = str(answer(room.server.requests[-1]).body)
        return Response(body.replace(AREAS["DK1"], AREAS["DE-LU"]))

    room.server.answer = mixed_up
    with pytest.raises(SourceUnavailable, match=r"for DK1 .* the load of 10Y1001A1001A82H"):
        room.read(START)


def test_a_poll_asks_for_the_hour_that_has_begun_and_one_of_forecasts_for_the_end_of_tomorrow(room: Room) -> None:
    room.now = START + timedelta(hours=12, minutes=30)
    room.read(START)
    assert room.server.requests[0].parameter("periodEnd") == "202511181300"
    with room_of(EntsoeForecast()) as forecasts:
        forecasts.now = room.now
        forecasts.read(START)
        assert forecasts.server.requests[0].parameter("periodEnd") == "202511211200"


def test_a_forecast_has_the_hours_of_tomorrow() -> None:
    with room_of(EntsoeForecast()) as room:
        room.now = START + timedelta(hours=12, minutes=30)
        room.publish(START, 48, 15)
        values = room.values(START)
        assert values == pytest.approx(room.expected(START))
        assert max(hour for _, hour in values) == to_hour(START) + 47


def test_a_malformed_code_of_an_area_is_named() -> None:
    fields = {"name": "x", "kind": "entsoe", "title": "X", "areas": {"DK1": "DK1"}}
    with pytest.raises(SettingsError, match=r"areas\.DK1"):
        source_of(fields)


@pytest.mark.parametrize("name", ["entsoe-load", "entsoe-load-forecast"])
def test_the_shipped_source_files_are_valid(name: str) -> None:
    source = load_source(SOURCES / f"{name}.yaml")
    fields = EntsoeFields.of(source)
    assert len(set(fields.areas.values())) == len(fields.areas) > 40
    assert (source.unit, source.quantity) == ("MW", "power")


def test_the_shipped_forecast_has_the_areas_of_what_it_is_compared_with() -> None:
    load, forecast = (
        yaml.safe_load((SOURCES / f"entsoe-load{suffix}.yaml").read_text()) for suffix in ("", "-forecast")
    )
    assert forecast["forecast_of"] == load["name"]
    for name in ("areas", "key_columns", "constant_labels", "unit"):
        assert forecast[name] == load[name]
