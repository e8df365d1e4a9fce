"""Calls the real library; only the transport of `requests` is replaced, by files as the operators write them."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from dayahead.hours import to_hour
from dayahead.reading.converter import convert
from dayahead.reading.gridstatus_call import answer
from dayahead.reading.kinds.gridstatus import GridstatusFields
from dayahead.reading.published import by_publication
from dayahead.reading.reader import Answer
from dayahead.reading.source_file import load_source
from dayahead.source import Source

SOURCES = Path(__file__).parents[3] / "ingest" / "sources"
NOW = datetime(2026, 11, 5, tzinfo=UTC)

Reply = tuple[int, str]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], Reply]], None]:
    """Answer each request of the library."""

    def install(respond: Callable[[Any], Reply]) -> None:
        def send(_: HTTPAdapter, request: Any, **__: object) -> requests.Response:
            status, body = respond(request)
            response = requests.Response()
            response.status_code, response.url, response.request = status, request.url, request
            response.raw = io.BytesIO(body.encode())
            response.headers["Content-Type"] = "text/csv"
            response.headers["Retry-After"] = "90"
            response.headers["Last-Modified"] = "Sun, 01 Nov 2026 12:15:00 GMT"
            return response

        monkeypatch.setattr(HTTPAdapter, "send", send)

    return install


def call(start: str, end: str, iso: str = "caiso", key: str | None = None, method: str = "get_load") -> dict[str, Any]:
    return answer({"iso": iso, "method": method, "start": start, "end": end, "key": key})


def shipped(name: str) -> tuple[Source, list[dict[str, Any]]]:
    """A shipped source file, and what its operator says of 1 November 2026, in whose night clocks go back."""
    source = load_source(SOURCES / f"{name}.yaml")
    fields = GridstatusFields.of(source)
    found = call("2026-11-01T04:00:00+00:00", "2026-11-02T05:00:00+00:00", fields.iso, method=fields.method)
    return source, found["records"]


def demand_csv(missing_hour: int | None = None) -> str:
    """The file of one day of California: 24 hours on the clock, and a line of the next day."""
    lines = ["Time,Day ahead forecast,Hour ahead forecast,Current demand"]
    for minute in range(0, 24 * 60, 5):
        value = "" if minute // 60 == missing_hour else str(20_000 + minute)
        lines.append(f"{minute // 60:02d}:{minute % 60:02d},{value},{value},{value}")
    return "\n".join([*lines, "00:00,1,1,1"]) + "\n"


def test_a_day_of_california_is_read_with_its_offset(serve: Any) -> None:
    asked: list[str] = []

    def respond(request: Any) -> Reply:
        asked.append(request.url.partition("?")[0])
        return 200, demand_csv()

    serve(respond)
    found = call("2025-06-01T07:00:00+00:00", "2025-06-02T07:00:00+00:00")
    assert asked == ["https://www.caiso.com/outlook/history/20250601/demand.csv"]
    assert (found["days"], found["unsupported"], len(found["records"])) == (1, 0, 288)
    assert found["records"][1] == {
        "Time": "2025-06-01T00:05:00-07:00",
        "Interval Start": "2025-06-01T00:05:00-07:00",
        "Interval End": "2025-06-01T00:10:00-07:00",
        "Load": 20005,
    }
    assert json.loads(json.dumps(found["records"])) == found["records"]


def test_the_hour_that_a_spring_night_skips_is_not_made_up(serve: Any) -> None:
    serve(lambda _: (200, demand_csv(missing_hour=2)))
    records = call("2025-03-09T08:00:00+00:00", "2025-03-10T07:00:00+00:00")["records"]
    starts = [record["Interval Start"] for record in records]
    assert len(starts) == len(set(starts)) == 23 * 12
    assert starts[23:25] == ["2025-03-09T01:55:00-08:00", "2025-03-09T03:00:00-07:00"]


def test_each_local_day_that_a_range_touches_is_one_call(serve: Any) -> None:
    asked: list[str] = []

    def respond(request: Any) -> Reply:
        asked.append(request.url.split("/")[5])
        return 200, demand_csv()

    serve(respond)
    found = call("2025-06-01T12:00:00+00:00", "2025-06-03T07:00:00+00:00")
    assert (asked, found["days"]) == (["20250601", "20250602"], 2)


@pytest.mark.parametrize(
    ("status", "cause"), [(429, "rate_limited"), (503, "server_error"), (404, "server_error"), (403, "refused")]
)
def test_a_status_is_passed_on_with_the_wish_of_the_publisher(serve: Any, status: int, cause: str) -> None:
    serve(lambda _: (status, ""))
    found = call("2025-06-01T07:00:00+00:00", "2025-06-02T07:00:00+00:00")
    assert (found["cause"], found["retry_after"]) == (cause, "90")
    assert f"answered {status}" in found["reason"]


def test_a_page_that_has_changed_is_a_bad_answer(serve: Any) -> None:
    serve(lambda _: (200, "<!doctype html><title>Moved</title>"))
    found = call("2025-06-01T07:00:00+00:00", "2025-06-02T07:00:00+00:00")
    assert found["cause"] == "bad_answer"


def test_a_server_that_cannot_be_reached_is_unreachable(serve: Any) -> None:
    def respond(_: Any) -> Reply:
        raise requests.ConnectionError("refused")

    serve(respond)
    assert call("2025-06-01T07:00:00+00:00", "2025-06-02T07:00:00+00:00")["cause"] == "unreachable"


def test_the_key_of_an_operator_is_passed_to_the_library(serve: Any) -> None:
    seen: list[str] = []

    def respond(request: Any) -> Reply:
        seen.append(request.headers["Ocp-Apim-Subscription-Key"])
        areas = ("PJM RTO", "PJM WESTERN REGION")
        items = [
            {"area": area, "datetime_beginning_utc": f"2025-06-01T04:{minute:02d}:15", "instantaneous_load": 80_000.0}
            for minute in (0, 5)
            for area in areas
        ]
        return 200, json.dumps({"totalRows": len(items), "items": items})

    serve(respond)
    found = call("2025-06-01T04:00:00+00:00", "2025-06-02T04:00:00+00:00", "pjm", "s3cret")
    assert set(seen) == {"s3cret"}
    assert [record["Interval Start"] for record in found["records"]] == [
        "2025-06-01T00:00:00-04:00",
        "2025-06-01T00:05:00-04:00",
    ]
    assert found["records"][0]["PJM WESTERN REGION"] == 80_000.0


def test_the_hours_of_new_york_are_read_with_the_shipped_file_on_a_day_of_25_hours(serve: Any) -> None:
    clock = [(0, "EDT"), (1, "EDT"), *((hour, "EST") for hour in range(1, 24))]
    lines = ['"Time Stamp","Time Zone","Name","PTID","Integrated Load"']
    for number, (hour, zone) in enumerate(clock):
        lines += [
            f'"11/01/2026 {hour:02d}:00:00","{zone}","{name}",61757,{1000 + number}' for name in ("WEST", "N.Y.C.")
        ]
    serve(lambda _: (200, "\n".join(lines)))
    source, records = shipped("gridstatus-nyiso")
    conversion = convert(records, source, NOW)
    start = to_hour(datetime(2026, 11, 1, 4, tzinfo=UTC))
    assert conversion.rejections == []
    assert {row.series_id: 0 for row in conversion.rows} == {"NYISO/N.Y.C.": 0, "NYISO/WEST": 0}
    assert [(row.hour, row.value) for row in conversion.rows if row.series_id == "NYISO/WEST"] == [
        (start + number, 1000.0 + number) for number in range(25)
    ]


def test_a_forecast_of_new_york_counts_from_the_moment_at_which_its_file_was_written(serve: Any) -> None:
    zones = ("Capitl", "Centrl", "Dunwod", "Genese", "Hud Vl", "Longil", "Mhk Vl", "Millwd", "N.Y.C.", "North", "West")
    lines = [",".join(f'"{name}"' for name in ("Time Stamp", *zones, "NYISO"))]
    lines += [f'"11/02/2026 {hour:02d}:00",' + ",".join(["100"] * 11 + ["1100"]) for hour in range(24)]
    serve(lambda _: (200, "\n".join(lines)))
    source, records = shipped("gridstatus-nyiso-forecast")
    (published,), rejections = by_publication(Answer.of(records), source, NOW)
    conversion = convert(published.answer.records, source, NOW)
    assert (rejections, conversion.rejections) == ([], [])
    assert published.available_at == datetime(2026, 11, 1, 12, 15, tzinfo=UTC)
    assert len(conversion.rows) == 24 * len(zones)
    assert "NYISO/HUD VL" in {row.series_id for row in conversion.rows}
    assert load_source(SOURCES / f"{source.forecast_of}.yaml").label_names == source.label_names


def test_days_that_an_operator_does_not_publish_in_this_form_are_counted(serve: Any) -> None:
    serve(lambda _: (200, "{}"))
    assert call("2025-06-01T05:00:00+00:00", "2025-06-03T05:00:00+00:00", "miso") == {
        "records": [],
        "days": 2,
        "unsupported": 2,
    }
