import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable
from dayahead.hours import to_hour
from dayahead.reading.kinds.eia import EiaFields
from dayahead.reading.source_file import load_source, source_of
from tests.dayahead.reading.kinds.conformance.publishers.eia import EiaDemand, EiaForecast
from tests.dayahead.reading.kinds.conformance.room import Room, room_of
from tests.dayahead.reading.kinds.conformance.stand_in import Response

START = datetime(2025, 11, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)
SOURCES = Path(__file__).parents[4] / "ingest" / "sources"
PAYLOAD = Path(__file__).parent / "payloads" / "eia_region_data.json"


@pytest.fixture
def room() -> Iterator[Room]:
    with room_of(EiaDemand()) as one:
        yield one


def answering(room: Room, response: Any) -> None:
    room.server.answer = lambda _: Response(json.dumps({"response": response}))


def row(period: str, value: str | None = "1", respondent: str = "CISO") -> dict[str, str | None]:
    return {"period": period, "respondent": respondent, "type": "D", "value": value}


def test_an_hour_is_asked_for_and_named_by_its_end(room: Room) -> None:
    room.publish(START, 5)
    assert room.values(START + HOUR, START + 3 * HOUR) == room.expected(START + HOUR, START + 3 * HOUR)
    request = room.server.requests[0]
    assert (request.parameter("start"), request.parameter("end")) == ("2025-11-18T02", "2025-11-18T03")


def test_the_order_is_always_asked_for(room: Room) -> None:
    room.read(START)
    asked = room.server.requests[0].query
    assert [asked[f"sort[{place}][column]"] for place in (0, 1)] == [["period"], ["respondent"]]
    assert asked["facets[respondent][]"] == ["CISO", "PJM", "US48"]
    assert "end" not in asked


def test_a_written_answer_becomes_hours(room: Room) -> None:
    room.server.answer = lambda _: Response(PAYLOAD.read_bytes())
    start = datetime(2024, 3, 10, 6, tzinfo=UTC)
    assert room.values(start) == {
        ("CISO", to_hour(start)): 21987.0,
        ("CISO", to_hour(start) + 1): 21340.0,
        ("PJM", to_hour(start)): 78312.0,
    }


def test_an_hour_that_is_not_reported_is_neither_a_value_nor_an_error(room: Room) -> None:
    answering(room, {"total": "2", "data": [row("2025-11-18T01", None), row("2025-11-18T02")]})
    rows, rejections = room.read(START)
    assert ([one.hour for one in rows], rejections) == ([to_hour(START) + 1], [])


def test_a_value_that_is_no_number_is_rejected_with_its_record(room: Room) -> None:
    answering(room, {"total": "1", "data": [row("2025-11-18T01", "n/a")]})
    rows, (rejection,) = room.read(START)
    assert (rows, rejection.record["value"]) == ([], "n/a")


def test_a_full_answer_of_unknown_length_is_continued(room: Room) -> None:
    data = [row(f"2025-11-18T{hour:02d}", respondent=code) for hour in (1, 2) for code in "AB"]
    answering(room, {"data": data})
    reader = room.reader()
    reader._rows = 4  # type: ignore[attr-defined]  # 5,000 rows would hide what is tested
    answer = reader.read(to_hour(START), None)
    assert (len(answer.records), answer.cut_at) == (2, to_hour(START) + 1)


@pytest.mark.parametrize("total", [3, "3"])
def test_more_rows_of_one_hour_than_an_answer_holds_are_refused(room: Room, total: object) -> None:
    answering(room, {"total": total, "data": [row("2025-11-18T01"), row("2025-11-18T01", respondent="PJM")]})
    with pytest.raises(SourceRefused, match="2 rows of one hour, and has more"):
        room.read(START)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"response": {"total": "9", "data": [row("today"), row("2025-11-18T01")]}}, "period that is no hour"),
        ({"response": {"data": [1]}}, "no `response.data` of objects"),
        ({"response": {"data": {}}}, "no `response.data` of objects"),
        ({"response": []}, "no `response`"),
        ({"error": "not valid", "code": 400}, "no `response`"),
        ([], "no `response`"),
    ],
)
def test_an_answer_of_another_form_is_retried_later(room: Room, body: object, reason: str) -> None:
    room.server.answer = lambda _: Response(json.dumps(body))
    with pytest.raises(SourceUnavailable, match=reason) as caught:
        room.read(START)
    assert caught.value.cause == "bad_answer"


def test_a_rejected_request_names_what_to_check(room: Room) -> None:
    room.server.faults.append(Response('{"error": "Invalid facet", "code": 400}', 400))
    with pytest.raises(SourceRefused, match=r"400: .*Invalid facet.*Check respondents of source"):
        room.read(START)


def test_the_forecast_is_another_type_of_the_same_route() -> None:
    with room_of(EiaForecast()) as room:
        room.read(START)
        assert room.server.requests[0].query["facets[type][]"] == ["DF"]


def test_a_forecast_has_the_hours_that_lie_ahead() -> None:
    with room_of(EiaForecast()) as room:
        room.now = START + timedelta(hours=12, minutes=30)
        room.publish(START, 48)
        assert room.values(START) == room.expected(START)


def test_a_malformed_code_of_a_respondent_is_named() -> None:
    with pytest.raises(SettingsError, match=r"respondents\.0"):
        source_of({"name": "x", "kind": "eia", "title": "X", "respondents": ["ciso"]})


@pytest.mark.parametrize("name", ["eia-demand", "eia-demand-forecast"])
def test_the_shipped_source_files_are_valid(name: str) -> None:
    source = load_source(SOURCES / f"{name}.yaml")
    assert "US48" in EiaFields.of(source).respondents
    assert (source.time_label, source.unit, source.quantity) == ("end", "MWh", "energy")


def test_the_shipped_forecast_has_the_respondents_of_what_it_is_compared_with() -> None:
    demand, forecast = (
        yaml.safe_load((SOURCES / f"eia-demand{suffix}.yaml").read_text()) for suffix in ("", "-forecast")
    )
    assert forecast["forecast_of"] == demand["name"]
    for name in ("respondents", "key_columns", "constant_labels", "unit"):
        assert forecast[name] == demand[name]
