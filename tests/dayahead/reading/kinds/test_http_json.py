"""What a source file of an API may say, and answers that do not fit it; the rest is in `conformance/`."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable
from dayahead.hours import to_hour
from dayahead.reading.reader import Answer, Reader
from dayahead.reading.source_file import kind_of, source_of
from dayahead.reading.source_kind import Surroundings
from tests.dayahead.reading.kinds.conformance.loopback import Loopback, serving
from tests.dayahead.reading.kinds.conformance.stand_in import Request, Response
from tests.ingest.building import ManualTime

NOW = datetime(2025, 11, 20, 12, 30, tzinfo=UTC)
START = to_hour(datetime(2025, 11, 20, tzinfo=UTC))
BOUNDS = {"from": "{start}", "to": "{end}"}


def fields(**changes: Any) -> dict[str, Any]:
    return {
        "name": "api",
        "kind": "http-json",
        "title": "An API",
        "url": "http://source.test/load",
        "time_column": "time",
        "key_columns": ["region"],
        "value_column": "value",
        "unit": "kWh",
        **changes,
    }


@contextmanager
def reading(answer: Callable[[Request], object], **changes: Any) -> Iterator[tuple[Reader, Loopback]]:
    """A reader of a server that answers JSON."""

    def respond(request: Request) -> Response:
        given = answer(request)
        return given if isinstance(given, Response) else Response(json.dumps(given))

    time = ManualTime()
    with serving(respond) as (address, server), ExitStack() as resources:
        source = source_of(fields(**{"url": f"{address}/load", **changes}))
        surroundings = Surroundings(clock=lambda: NOW, pause=time.pause, resources=resources)
        yield kind_of(source).reader(source, surroundings), server


def records(count: int, first: int = 0) -> list[dict[str, object]]:
    return [
        {"time": f"2025-11-20T{hour:02d}:00Z", "region": "n", "value": hour} for hour in range(first, first + count)
    ]


def read(reader: Reader) -> Answer:
    return reader.read(START, None)


def test_without_bounds_the_whole_answer_is_read_each_time() -> None:
    with reading(lambda _: records(5)) as (reader, server):
        assert read(reader).records == records(5)
        assert read(reader).cut_at is None
    assert [dict(request.query) for request in server.requests] == [{}, {}]


def test_a_poll_asks_for_the_present_hour_and_a_forecast_for_the_days_after() -> None:
    asked = []
    for forecast in ({}, {"forecast_of": "load"}):
        with reading(lambda _: [], params=BOUNDS, **forecast) as (reader, server):
            read(reader)
            asked.append((server.requests[0].parameter("from"), server.requests[0].parameter("to")))
    assert asked == [
        ("2025-11-19T21:00:00Z", "2025-11-20T13:00:00Z"),
        ("2025-11-19T21:00:00Z", "2025-11-28T13:00:00Z"),
    ]


def test_placeholders_in_the_url_are_encoded_and_its_own_parameters_stay() -> None:
    form = {"bound_format": "%d/%m/%Y %H:%M%z", "params": {"to": "{end}"}}
    with serving(lambda _: Response("[]")) as (address, server), ExitStack() as resources:
        source = source_of(fields(url=address + "/load/{start}?a=1&b=x+y", **form))
        surroundings = Surroundings(clock=lambda: NOW, pause=lambda _: False, resources=resources)
        read(kind_of(source).reader(source, surroundings))
    (request,) = server.requests
    assert request.path == "/load/19%2F11%2F2025%2021%3A00%2B0000"
    assert dict(request.query) == {"a": ["1"], "b": ["x y"], "to": ["20/11/2025 13:00+0000"]}


def test_a_long_time_is_read_in_windows_one_a_read() -> None:
    with reading(lambda _: [], params=BOUNDS, window_days=2) as (reader, server):
        start, cuts = START - 24 * 5, []
        while (answer := reader.read(start, START)).cut_at is not None:
            start = answer.cut_at
            cuts.append(start - START)
    assert cuts == [-78, -36]
    spans = [(one.parameter("from"), one.parameter("to")) for one in server.requests]
    assert spans == [
        ("2025-11-14T21:00:00Z", "2025-11-16T21:00:00Z"),
        ("2025-11-16T15:00:00Z", "2025-11-18T15:00:00Z"),
        ("2025-11-18T09:00:00Z", "2025-11-20T03:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("paging", "answer", "message"),
    [
        ({"by": "offset", "parameter": "skip", "limit": 3}, lambda _: records(3), "the same page again"),
        ({"by": "page", "parameter": "page", "limit": 3}, lambda _: records(3), "the same page again"),
        ({"by": "link", "next": "next"}, lambda r: {"data": records(len(r.query)), "next": "?p=1"}, "p=1' twice"),
        (
            {"by": "cursor", "parameter": "c", "next": "next"},
            lambda r: {"data": records(1, len(r.parameter("c"))), "next": "abc"},
            "'abc' twice",
        ),
    ],
)
def test_pages_that_do_not_end_are_refused(
    paging: dict[str, Any], answer: Callable[[Request], object], message: str
) -> None:
    path = "data" if "next" in paging else ""
    with reading(answer, paging=paging, records=path) as (reader, server):
        with pytest.raises(SourceRefused, match=f"{message}.*check `paging`"):
            read(reader)
        assert len(server.requests) <= 3


def test_fewer_records_than_the_total_are_a_bad_answer() -> None:
    def answer(request: Request) -> object:
        return {"items": records(2) if request.parameter("skip") == "0" else [], "total": 5}

    paging = {"by": "offset", "parameter": "skip", "limit": 2, "total": "total"}
    with (
        reading(answer, paging=paging, records="items") as (reader, _),
        pytest.raises(SourceUnavailable, match="2 of 5 records and then an empty page"),
    ):
        read(reader)


def test_a_link_to_another_host_is_refused() -> None:
    paging = {"by": "link", "next": "next"}
    with (
        reading(lambda _: {"data": records(1), "next": "http://127.0.0.2:1/x"}, paging=paging, records="data") as (
            reader,
            _,
        ),
        pytest.raises(SourceRefused, match="another host"),
    ):
        read(reader)


@pytest.mark.parametrize(
    ("changes", "message"), [({}, r"put \{start\} and \{end\}"), ({"params": BOUNDS}, "raise `limit`")]
)
def test_an_answer_that_stays_truncated_is_refused_with_what_to_change(changes: dict[str, Any], message: str) -> None:
    with (
        reading(lambda _: records(5), paging={"by": "cap", "limit": 5}, **changes) as (reader, _),
        pytest.raises(SourceRefused, match=f"gave 5 records.*{message}"),
    ):
        read(reader)


def test_a_truncated_answer_is_read_in_shorter_windows_from_then_on() -> None:
    def answer(request: Request) -> object:
        first, last = (datetime.fromisoformat(request.parameter(name)) for name in ("from", "to"))
        return records(20)[: round((last - first).total_seconds() / 3600)]

    with reading(answer, params=BOUNDS, paging={"by": "cap", "limit": 16}) as (reader, server):
        assert reader.read(START, START + 12).cut_at == START + 6
        assert reader.read(START + 6, START + 12).cut_at is None
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"url": "no url"}, "url"),
        ({"rate": "often"}, "400/minute"),
        ({"key": "north"}, "key_header or key_parameter"),
        ({"key_header": "X-Key"}, "one only with a key"),
        ({"key": "north", "key_header": "A", "key_parameter": "b"}, "key_header or key_parameter"),
        ({"key": "No-Name", "key_header": "A"}, "key"),
        ({"bound_format": "iso"}, "bound_format 'iso' must be"),
        ({"bound_zone": "Europe/Nowhere"}, "no time zone"),
        ({"window_days": 3}, r"window_days needs \{start\} and \{end\}"),
        ({"paging": {"by": "offset"}}, "by: offset needs parameter and limit"),
        ({"paging": {"by": "cursor", "parameter": "c"}}, "by: cursor needs next"),
        ({"paging": {"by": "cap"}}, "by: cap needs limit"),
        ({"paging": {"by": "link", "page": 1}}, "paging.page"),
        ({"paging": {"by": "link", "limit_parameter": "n"}}, "limit_parameter needs limit"),
        ({"kind": "http-csv", "paging": {"by": "link", "next": "a"}}, "paths in JSON"),
    ],
)
def test_a_source_file_that_cannot_be_right_is_refused_with_the_field(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        source_of(fields(**changes))
