"""What every kind that reads over HTTP must do, tested through its reader and the conversion for all of them.

A new kind adds a stand-in of its publisher to `publishers/` and nothing here.
"""

import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
import structlog

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable
from dayahead.reading.http.fields import HttpFields
from dayahead.reading.http.key import variable
from dayahead.reading.source_file import source_kinds
from ingest.known import Known
from tests.dayahead.reading.kinds.conformance.loopback import CUT, RESET
from tests.dayahead.reading.kinds.conformance.room import KEY, Room, Values, clock_changes, midnight, room_of, values_of
from tests.dayahead.reading.kinds.conformance.stand_in import HOUR_MINUTES, Point, Response, StandIn

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2025, 11, 18, tzinfo=UTC)
HTML = Response("<!doctype html><title>Maintenance</title>", headers={"Content-Type": "text/html"})


def stand_ins() -> list[type[StandIn]]:
    """Every stand-in of `publishers/`."""
    here = Path(__file__).parent / "publishers"
    found = []
    for file in sorted(here.glob("*.py")):
        module = import_module(f"tests.dayahead.reading.kinds.conformance.publishers.{file.stem}")
        found += [
            one
            for one in vars(module).values()
            if isinstance(one, type) and issubclass(one, StandIn) and one.__module__ == module.__name__
            if not one.__name__.startswith("_")
        ]
    return found


ALL = stand_ins()
NOT_OVER_HTTP = {"file": "test_sources.py", "push": "test_sent_observations.py", "gridstatus": "test_gridstatus.py"}
"""Kinds that these tests cannot reach, and where their own ones are.

The requests of `gridstatus` are made by that library, to addresses that are written in it, in a process that ends with
the answer: nothing here could answer them, and no rate is kept for it. `test_gridstatus.py` tests the same behaviour
with a stand-in of the library, `test_gridstatus_call.py` what the real one does with recorded shapes.
"""
KEYED = [one for one in ALL if one.key]
for_all = pytest.mark.parametrize("room", ALL, indirect=True, ids=lambda one: one.__name__)
for_keyed = pytest.mark.parametrize("room", KEYED, indirect=True, ids=lambda one: one.__name__)


@pytest.fixture
def room(request: pytest.FixtureRequest) -> Iterator[Room]:
    with room_of(request.param()) as one:
        yield one


def test_every_kind_over_http_has_a_stand_in() -> None:
    kinds = {name for name, kind in source_kinds().items() if issubclass(kind.fields, HttpFields)}
    assert kinds
    assert kinds == {one.kind for one in ALL}
    assert set(source_kinds()) - kinds == set(NOT_OVER_HTTP)
    tests = {file.name for file in Path(__file__).parents[4].rglob("test_*.py")}
    assert set(NOT_OVER_HTTP.values()) <= tests


@for_all
def test_hours_are_read_as_published(room: Room) -> None:
    room.publish(START, 48)
    assert room.values(START) == pytest.approx(room.expected(START))
    assert room.values(START + 5 * HOUR, START + 9 * HOUR) == pytest.approx(
        room.expected(START + 5 * HOUR, START + 9 * HOUR)
    )


@for_all
@pytest.mark.parametrize("which", [0, 1], ids=["first change", "second change"])
def test_no_hour_is_lost_or_doubled_when_clocks_change(room: Room, which: int) -> None:
    zone = room.publisher.zone
    change = clock_changes(zone)[which]
    start, end = midnight(change, zone, -1), midnight(change, zone, 2)
    hours = round((end - start) / HOUR)
    assert hours in (71, 72, 73)
    room.publish(start, hours)
    room.now = end + 2 * HOUR
    expected = room.expected(start)
    assert len(expected) == hours * len(room.publisher.series)
    assert room.values(start) == pytest.approx(expected)
    paged: Values = {}
    for begin in range(0, hours, 5):
        page_end = min(start + (begin + 5) * HOUR, end)
        paged |= room.values(start + begin * HOUR, page_end)
    assert paged == pytest.approx(expected)


@for_all
@pytest.mark.parametrize("which", [0, 1], ids=["first change", "second change"])
def test_each_hour_around_a_clock_change_is_right_when_it_is_the_newest(room: Room, which: int) -> None:
    change = clock_changes(room.publisher.zone)[which]
    start = midnight(change, room.publisher.zone)
    hours = round((change + 3 * HOUR - start) / HOUR)
    for published in range(1, hours + 1):
        room.points = []
        room.publish(start, published)
        room.now = start + published * HOUR + timedelta(minutes=5)
        assert room.values(start) == pytest.approx(room.expected(start)), f"{published} hours published"


@for_all
def test_what_no_single_response_holds_is_read_to_its_end(room: Room) -> None:
    if room.publisher.cap_h is None:
        pytest.skip("the publisher has no limit")
    hours = 2 * room.publisher.cap_h + 3
    start = START - hours * HOUR
    room.publish(start, hours)
    assert room.values(start) == pytest.approx(room.expected(start))
    assert len(room.server.requests) > 2
    assert room.values(start, START) == pytest.approx(room.expected(start))


@for_all
def test_a_429_says_when_to_come_back_and_no_reader_of_the_process_asks_before(room: Room) -> None:
    room.publish(START, 3)
    room.server.faults.append(Response("slow down", 429, {"Retry-After": "3000"}))
    with pytest.raises(SourceUnavailable, match="429") as caught:
        room.read(START)
    assert (caught.value.retry_after_s, caught.value.cause) == (3000, "rate_limited")
    with pytest.raises(SourceUnavailable) as caught:
        room.read(START, reader=room.reader())
    assert caught.value.retry_after_s == pytest.approx(3000)
    assert len(room.server.requests) == 1
    room.time.seconds += 3000
    assert room.values(START) == pytest.approx(room.expected(START))


@for_all
def test_yesterdays_body_all_day_is_no_news_and_the_source_goes_stale(room: Room) -> None:
    room.publish(START, 24)
    room.now = START + 24 * HOUR + timedelta(minutes=5)
    known = Known()
    first, _ = room.read(START)
    assert len(known.news(first)) == len(room.expected(START))
    known.remember(first, [])
    bodies = [room.publisher.answer(request, room.points) for request in room.server.requests]
    asked = len(room.server.requests)

    def cached(request: object) -> Response:
        position = len(room.server.requests) - asked - 1
        return bodies[min(position, len(bodies) - 1)]

    room.server.answer = cached
    since = room.now
    for _ in range(3):
        room.now += 8 * HOUR
        asked = len(room.server.requests)
        rows, rejections = room.read(START)
        assert rejections == []
        assert known.news(rows) == []
    newest_h = max(row.hour for row in first)
    assert max((row.hour for row in rows), default=newest_h) == newest_h
    if room.source.publication_interval_h == 1:
        assert room.now - since > room.source.silence_allowed


@for_all
def test_an_answer_without_hours_is_no_error(room: Room) -> None:
    assert room.read(START) == ([], [])
    assert room.read(START, START + 24 * HOUR) == ([], [])
    assert room.server.requests


@for_all
def test_the_publishers_way_to_say_that_it_has_nothing_is_no_error(room: Room) -> None:
    room.server.answer = room.publisher.no_data
    assert room.read(START) == ([], [])
    assert room.server.requests


@for_all
def test_a_revised_hour_is_the_only_news_of_the_next_poll(room: Room) -> None:
    room.publish(START, 24)
    known = Known()
    first, _ = room.read(START)
    known.remember(first, [])
    series = room.publisher.series[-1]
    room.revise(START + 20 * HOUR, series, 111.0)
    second, _ = room.read(START)
    expected = room.expected(START)
    news = values_of(known.news(second))
    assert len(news) == 1
    ((place, value),) = news.items()
    assert place[0] == series
    assert value == pytest.approx(expected[place])
    assert value != pytest.approx(values_of(first)[place])


@for_all
def test_hours_are_right_across_a_change_of_resolution(room: Room) -> None:
    if len(room.publisher.resolutions) < 2:
        pytest.skip("the publisher has one resolution")
    before, after = room.publisher.resolutions[:2]
    room.publish(START, 24, before)
    room.publish(START + DAY, 12, after)
    assert room.values(START) == pytest.approx(room.expected(START))
    assert room.values(START + 20 * HOUR, START + 30 * HOUR) == pytest.approx(
        room.expected(START + 20 * HOUR, START + 30 * HOUR)
    )


@for_all
@pytest.mark.parametrize("written", ["absent", "null"])
def test_newest_hours_that_have_no_value_yet_are_left_out(room: Room, written: str) -> None:
    if written == "null" and not room.publisher.writes_nulls:
        pytest.skip("the publisher leaves them out")
    room.publish(START, 24)
    ready, last = START + 20 * HOUR, room.publisher.series[-1]
    room.points = [
        Point(one.series, one.start, one.minutes, None) if one.start >= ready and one.series == last else one
        for one in room.points
        if written == "null" or one.start < ready or one.series != last
    ]
    expected = room.expected(START)
    assert len(expected) == 24 * len(room.publisher.series) - 4
    rows, rejections = room.read(START)
    assert values_of(rows) == pytest.approx(expected)
    if written == "absent":
        assert rejections == []
    room.points = []
    room.publish(START, 24)
    assert room.values(START) == pytest.approx(room.expected(START)), "they are read when they come"


@for_all
@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Response("oops", 500), "server_error"),
        (Response("", 503), "server_error"),
        (HTML, "bad_answer"),
        (Response("", 200), "bad_answer"),
        (RESET, "unreachable"),
        (CUT, "unreachable"),
    ],
    ids=["500", "503", "HTML with 200", "empty body", "reset", "cut"],
)
def test_what_may_pass_is_unavailable_and_the_next_read_has_everything(room: Room, fault: Response, cause: str) -> None:
    room.publish(START, 24)
    room.server.faults.append(fault)
    with pytest.raises(SourceUnavailable) as caught:
        room.read(START)
    assert caught.value.cause == cause
    rows, rejections = room.read(START)
    assert values_of(rows) == pytest.approx(room.expected(START))
    assert rejections == []


@for_all
def test_a_redirect_is_not_followed(room: Room) -> None:
    room.server.faults.append(Response("", 301, {"Location": "http://127.0.0.1:1/elsewhere?token=x"}))
    with pytest.raises(SourceRefused, match=r"moved to http://127\.0\.0\.1:1/elsewhere[:)]"):
        room.read(START)
    assert len(room.server.requests) == 1


@for_keyed
def test_requests_carry_the_key_and_nothing_shows_it(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    room.publish(START, 5)
    with structlog.testing.capture_logs() as lines:
        rows, _ = room.read(START)
        room.server.faults.append(room.publisher.key_refused(KEY))
        with pytest.raises(SourceRefused) as caught:
            room.read(START)
    assert rows
    assert all(room.publisher.has_key(request, KEY) for request in room.server.requests)
    name = room.publisher.key
    assert name is not None
    assert variable(name) in str(caught.value)
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(lines)
    assert "5up3r" not in shown


@for_keyed
def test_a_key_that_is_not_set_names_its_variable(room: Room) -> None:
    with pytest.raises(SettingsError, match=variable(room.publisher.key or "")):
        room.reader(key=None)


@for_all
def test_each_value_counts_once_whatever_its_period(room: Room) -> None:
    for minutes in room.publisher.resolutions:
        room.points = []
        room.publish(START, 6, minutes)
        assert len(room.points) == 6 * HOUR_MINUTES // minutes * len(room.publisher.series)
        assert room.values(START) == pytest.approx(room.expected(START))
