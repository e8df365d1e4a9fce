from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import orjson
import pytest

from dayahead.errors import SourceRefused, SourceUnavailable
from dayahead.hours import to_hour
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.http.reply import Reply
from dayahead.reading.kinds.smard import (
    SmardFields,
    SmardReader,
    file_starts,
    files_of_hours,
    values_of_file,
    without_unpublished,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 30, 10, 20, tzinfo=UTC)  # a Monday, the day after summer time has begun
QUARTER = timedelta(minutes=15)


def moment_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def week_of(moment: datetime) -> datetime:
    """Monday 00:00 in Berlin: where a file of SMARD starts."""
    local = moment.astimezone(BERLIN)
    monday = local.date() - timedelta(days=local.weekday())
    return datetime(monday.year, monday.month, monday.day, tzinfo=BERLIN)


class SmardSite:
    """Files as SMARD publishes them: one a week, null from `published` on, and 404 for what does not exist."""

    def __init__(self, published: datetime = NOW, since: datetime = NOW - timedelta(days=35)) -> None:
        self.published, self.since = published, since
        self.holes: set[datetime] = set()
        self.values: dict[datetime, float] = {}
        self.requested: list[str] = []

    def value(self, moment: datetime) -> float | None:
        if moment in self.holes or moment + QUARTER > self.published:
            return None
        return self.values.get(moment, 10_000.0 + moment.hour * 100 + moment.minute)

    def weeks(self) -> list[datetime]:
        starts = [week_of(self.since)]
        while starts[-1] < week_of(self.published):
            starts.append(week_of(starts[-1] + timedelta(days=7, hours=12)))
        return starts

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.requested.append(path)
        weeks = {moment_ms(start): start for start in self.weeks()}
        if path == "/app/chart_data/410/DE/index_quarterhour.json":
            return httpx.Response(200, json={"timestamps": list(weeks)})
        prefix, suffix = "/app/chart_data/410/DE/410_DE_quarterhour_", ".json"
        if path.startswith(prefix) and (first := path[len(prefix) : -len(suffix)]).isdigit() and int(first) in weeks:
            return httpx.Response(200, json=self.file(weeks[int(first)]))
        return httpx.Response(404, html="<html><head><title>404 Not Found</title></head></html>")

    def file(self, start: datetime) -> dict[str, Any]:
        end = week_of(start + timedelta(days=7, hours=12)).astimezone(UTC)
        moment, series = start.astimezone(UTC), []
        while moment < end:
            series.append([moment_ms(moment), self.value(moment)])
            moment += QUARTER
        return {"meta_data": {"version": 1, "created": moment_ms(self.published)}, "series": series}


def reader_of(answer: Any, **changes: Any) -> SmardReader:
    fields = SmardFields.model_validate(
        {"url": "http://smard.test/app", "smard_filter": 410, "regions": ["DE"], **changes}
    )
    client = httpx.Client(base_url="http://smard.test/app", transport=httpx.MockTransport(answer))
    return SmardReader(fields, Fetcher(client, what="series 410", clock=lambda: NOW, pause=lambda _: False))


def reply(body: object) -> Reply:
    return Reply("series 410 at http://smard.test", "http://smard.test", 200, {}, orjson.dumps(body))


def hours_read(reader: SmardReader, start: datetime, end: datetime | None = None) -> dict[int, list[object]]:
    found: dict[int, list[object]] = {}
    for record in reader.read(to_hour(start), None if end is None else to_hour(end)).records:
        moment = record["timestamp"]
        assert isinstance(moment, int)
        found.setdefault(moment // 3_600_000, []).append(record["value"])
    return found


def test_a_poll_reads_the_running_week_up_to_the_newest_published_quarter() -> None:
    site = SmardSite()
    found = hours_read(reader_of(site.answer), NOW - timedelta(hours=2))
    assert max(found) == to_hour(NOW)
    assert len(found[to_hour(NOW)]) == 1, "of the hour from 10:00 only one quarter is published at 10:20"
    assert len(found[to_hour(NOW) - 1]) == 4
    assert site.requested[1:] == [f"/app/chart_data/410/DE/410_DE_quarterhour_{moment_ms(week_of(NOW))}.json"]


def test_a_poll_that_reaches_back_reads_the_week_before_too_without_a_gap_in_the_night_of_the_clock_change() -> None:
    found = hours_read(reader_of(SmardSite().answer), NOW - timedelta(hours=48))
    assert sorted(found) == list(range(min(found), to_hour(NOW) + 1)), "the hour that is skipped in Berlin is none"
    assert all(len(quarters) == 4 for hour, quarters in found.items() if hour < to_hour(NOW))


def test_the_hour_that_comes_twice_in_autumn_has_eight_quarters_in_two_hours() -> None:
    published = datetime(2026, 10, 26, 12, tzinfo=UTC)
    twice = datetime(2026, 10, 25, 0, tzinfo=UTC)  # 02:00 summer time and, an hour later, 02:00 winter time
    site = SmardSite(published, since=published - timedelta(days=14))
    site.values[twice] = 1.0
    site.values[twice + timedelta(hours=1)] = 2.0
    found = hours_read(reader_of(site.answer), twice, twice + timedelta(hours=2))
    assert (found[to_hour(twice)][0], found[to_hour(twice) + 1][0]) == (1.0, 2.0)


def test_a_hole_in_the_past_is_read_as_no_value_and_the_newest_end_not_at_all() -> None:
    site = SmardSite()
    hole = datetime(2026, 3, 30, 3, 15, tzinfo=UTC)
    site.holes.add(hole)
    found = hours_read(reader_of(site.answer), hole)
    assert found[to_hour(hole)].count(None) == 1
    assert not any(None in quarters for hour, quarters in found.items() if hour > to_hour(hole))


def test_a_week_of_which_nothing_is_published_yet_gives_no_record() -> None:
    start = week_of(NOW)
    site = SmardSite(published=start, since=start - timedelta(days=14))
    assert hours_read(reader_of(site.answer), start) == {}


def test_a_value_that_is_corrected_is_read_again() -> None:
    site = SmardSite()
    reader, moment = reader_of(site.answer), NOW.replace(minute=0) - timedelta(hours=3)
    before = hours_read(reader, moment)[to_hour(moment)][0]
    site.values[moment] = 1.0
    assert before != 1.0
    assert hours_read(reader, moment)[to_hour(moment)][0] == 1.0


def test_each_region_is_a_column_of_its_own_requests() -> None:
    site = SmardSite()

    def answer(request: httpx.Request) -> httpx.Response:
        if "/50Hertz/" not in request.url.path:
            return site.answer(request)
        bare = str(request.url).replace("50Hertz", "DE")
        return site.answer(httpx.Request("GET", bare))

    records = reader_of(answer, regions=["DE", "50Hertz"]).read(to_hour(NOW) - 1, None).records
    assert {record["region"] for record in records} == {"DE", "50Hertz"}


def test_a_series_that_does_not_exist_is_refused_with_the_fields_to_check() -> None:
    with pytest.raises(SourceRefused, match="404"):
        reader_of(SmardSite().answer, smard_filter=999).read(0, None)


@pytest.mark.parametrize(
    "body",
    [b"<html>Wartung</html>", b'{"timestamps": [17', b"[]", b'{"timestamps": ["monday"]}'],
)
def test_an_answer_that_is_no_index_fails_the_poll(body: bytes) -> None:
    with pytest.raises(SourceUnavailable) as error:
        reader_of(lambda _: httpx.Response(200, content=body)).read(0, None)
    assert error.value.cause == "bad_answer"


@pytest.mark.parametrize("pair", [[1], [1, 2, 3], ["1", 2], {"timestamp": 1}, None, [True, 2]])
def test_a_file_with_something_else_than_pairs_fails_the_poll(pair: object) -> None:
    with pytest.raises(SourceUnavailable, match="pair of milliseconds and a value"):
        values_of_file(reply({"meta_data": {}, "series": [[1, 2.5], pair]}))


def test_an_index_in_any_order_is_sorted() -> None:
    assert list(file_starts(reply({"timestamps": [3, 1, 2]}))) == [1, 2, 3]


def test_files_are_chosen_by_the_hours_that_they_hold() -> None:
    hour = 3_600_000
    starts = [0, 168 * hour, 336 * hour]
    assert files_of_hours(starts, 0, 168) == [0]
    assert files_of_hours(starts, 167, 169) == [0, 168 * hour]
    assert files_of_hours(starts, 168, 336) == [168 * hour]
    assert files_of_hours(starts, 1000, None) == [336 * hour], "the newest file is read although it is too short"
    assert files_of_hours(starts, -24, -12) == []


def test_only_nulls_after_the_newest_value_are_dropped() -> None:
    assert without_unpublished([(1, 5.0), (2, None), (3, 0), (4, None), (5, None)]) == [(1, 5.0), (2, None), (3, 0)]
    assert without_unpublished([(1, None)]) == []


def test_a_resolution_that_smard_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="resolution"):
        SmardFields.model_validate({"url": "http://a.b", "smard_filter": 1, "regions": ["DE"], "resolution": "minute"})
