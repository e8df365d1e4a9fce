"""Weather is polled from a server like Open-Meteo into every partition, on real Kafka and TimescaleDB."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import psycopg
import pytest

from dayahead.errors import BrokerUnavailable, SourceRefused, SourceUnavailable
from dayahead.hours import from_hour, to_hour
from dayahead.publisher import Publisher, kafka_producer
from dayahead.reading.http.budget import Budgets
from dayahead.reading.source_kind import Surroundings
from dayahead.storage.database import connect
from dayahead.storage.tables.weather_poll import WeatherPoll, read_weather_poll
from dayahead.storage.tables.weather_run import read_runs
from dayahead.storage.tables.weather_source import load_weather_sources
from dayahead.topics import OBSERVATIONS
from dayahead.weather.message import WeatherPublication, read_weather
from dayahead.weather.source import WeatherSource
from dayahead.weather.source_file import weather_kind_of, weather_source_of
from dayahead.weather.timeline import Timeline
from ingest import metrics
from ingest.condition import Condition
from ingest.weather_backfill import WeatherBackfiller
from ingest.weather_poller import WeatherPoller
from tests.conftest import TopicRoom
from tests.dayahead.reading.kinds.conformance.loopback import Loopback, serving
from tests.dayahead.reading.kinds.conformance.stand_in import Response
from tests.dayahead.weather.open_meteo_stand_in import OpenMeteoStandIn, celsius
from tests.ingest.building import ManualTime
from tests.ingest.servers import connector, make_publisher, messages

pytestmark = pytest.mark.servers

START = datetime(2026, 7, 1, 6, tzinfo=UTC)
NOW = START + timedelta(hours=4, minutes=30)
PARTITIONS = 4


@pytest.fixture
def room(topics: TopicRoom) -> TopicRoom:
    topics.create(partitions=PARTITIONS)
    return topics


@dataclass
class Desk:
    """Polls one weather source as one process after the other."""

    room: TopicRoom
    url: str
    publisher: OpenMeteoStandIn
    server: Loopback
    source: WeatherSource
    resources: ExitStack
    time: ManualTime = field(default_factory=ManualTime)

    def poller(self, publisher: Publisher | None = None, pause: Any = lambda _: False) -> WeatherPoller:
        poller = WeatherPoller(
            source=self.source,
            reader=self.reader(),
            publisher=publisher or make_publisher(self.room),
            connect=connector(self.url),
            clock=lambda: self.publisher.now,
            pause=pause,
            condition=Condition(self.source.name),
            draw=lambda: 0.0,
        )
        self.resources.callback(poller.close)
        return poller

    def reader(self) -> Any:
        surroundings = Surroundings(
            clock=lambda: self.publisher.now,
            pause=self.time.pause,
            resources=self.resources,
            request_timeout_s=20,
            answer_timeout_s=60,
            budgets=Budgets(monotonic=self.time.monotonic),
        )
        return weather_kind_of(self.source).reader(self.source, surroundings)

    def state(self) -> WeatherPoll:
        with connect(self.url) as connection:
            return read_weather_poll(connection, self.source.name)

    def by_partition(self) -> list[list[WeatherPublication]]:
        """What each partition says, read as a worker reads it."""
        found: list[list[WeatherPublication]] = [[] for _ in range(PARTITIONS)]
        for message in messages(self.room, OBSERVATIONS.name):
            found[message.partition].append(read_weather(orjson.loads(message.value), None))
        return found


@pytest.fixture
def desk(room: TopicRoom, database_url: str) -> Iterator[Desk]:
    runs = {START - timedelta(hours=6 * back): START - timedelta(hours=6 * back - 4) for back in range(40)}
    publisher = OpenMeteoStandIn(NOW, runs)
    with serving(publisher.answer) as (address, server), ExitStack() as resources:
        source = weather_source_of(
            {
                "name": "denmark",
                "kind": "open-meteo",
                "title": "ICON-EU",
                "url": address,
                "model": "icon_eu",
                "metadata": "dwd_icon_eu",
                "locations": {
                    "aarhus": {"latitude": 56.25, "longitude": 10.25},
                    "odense": {"latitude": 55.5, "longitude": 10.5},
                },
                "delay_h": 4,
                "horizon_h": 48,
                "history_h": 72,
                "poll_interval_s": 600,
            }
        )
        yield Desk(room, database_url, publisher, server, source, resources)


def test_the_first_poll_gives_every_partition_the_same_full_past_and_the_newest_run(desk: Desk) -> None:
    result = desk.poller().poll_once()
    partitions = desk.by_partition()
    assert [len(one) for one in partitions] == [result.publications] * PARTITIONS
    contents = [[(one.source, one.values[0].location, one.values[0].start) for one in each] for each in partitions]
    assert contents == [contents[0]] * PARTITIONS
    timeline = Timeline()
    for publication in partitions[2]:
        for values in publication.values:
            if values.location == "odense":
                timeline.add(values)
    known = timeline.between(to_hour(NOW) - 66, 66 + 40)
    assert np.isfinite(known).all()
    expected = (celsius(55.5, START, START) + celsius(55.5, START, START + timedelta(hours=1))) / 2
    assert known[to_hour(START) - (to_hour(NOW) - 66)] == pytest.approx(expected, rel=1e-6)


def test_a_poll_without_a_new_run_publishes_nothing_and_the_next_run_follows(desk: Desk) -> None:
    poller = desk.poller()
    poller.poll_once()
    before = len(desk.by_partition()[0])
    assert poller.poll_once().publications == 0
    desk.publisher.runs[START + timedelta(hours=6)] = START + timedelta(hours=10)
    desk.publisher.now = START + timedelta(hours=10, minutes=30)
    assert poller.poll_once().publications == 2
    found = desk.by_partition()
    assert [len(one) for one in found] == [before + 2] * PARTITIONS
    assert desk.state().newest == to_hour(START) + 6


def test_a_poller_that_starts_again_continues_after_the_newest_run(desk: Desk) -> None:
    desk.poller().poll_once()
    sent = len(desk.server.requests)
    assert desk.poller().poll_once().publications == 0
    assert len(desk.server.requests) == sent


def test_runs_that_were_missed_are_counted_and_filled_by_the_next_poll(desk: Desk) -> None:
    poller = desk.poller()
    poller.poll_once()
    desk.publisher.now = START + timedelta(hours=17)  # runs of 12 and 18 are due, and not there
    assert poller.poll_once().missed_runs == 2
    assert metrics.WEATHER_MISSED.labels("denmark")._value.get() == 2
    assert desk.state().missed_runs == 2
    for hours in (6, 12):
        desk.publisher.runs[START + timedelta(hours=hours)] = START + timedelta(hours=16)
    result = poller.poll_once()
    assert result.missed_runs == 0
    assert result.newest == to_hour(START) + 12
    starts = {one.values[0].start for one in desk.by_partition()[0]}
    assert to_hour(START) + 6 in starts


class BreakingPublisher(Publisher):
    """Acknowledges some messages, then loses Kafka once."""

    def __init__(self, room: TopicRoom, calls: int) -> None:
        super().__init__(lambda: kafka_producer(room.bootstrap), room.prefix)
        self._calls = calls

    def publish_everywhere(self, messages: Any, source: str) -> None:
        self._calls -= 1
        if self._calls == 0:
            super().publish_everywhere(messages[:1], source)
            raise BrokerUnavailable("Kafka is away")
        super().publish_everywhere(messages, source)


def test_what_kafka_did_not_acknowledge_is_published_again_as_it_was(desk: Desk) -> None:
    poller = desk.poller(BreakingPublisher(desk.room, 1))
    with pytest.raises(BrokerUnavailable):
        poller.poll_once()
    assert desk.state().newest is None
    desk.publisher.now += timedelta(minutes=3)
    poller.poll_once()
    for partition in desk.by_partition():
        first = partition[0].values[0]
        repeated = [
            one.values[0]
            for one in partition
            if (one.values[0].start, one.values[0].location) == (first.start, first.location)
        ]
        assert len(repeated) == 2
        assert repeated[0].available_us == repeated[1].available_us
        np.testing.assert_array_equal(repeated[0].values, repeated[1].values)


def test_a_failing_source_is_recorded_with_its_reason_until_it_answers(desk: Desk) -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        if len(pauses) == 1:
            assert desk.state().error is not None
            assert "503" in str(desk.state().error)
            assert desk.state().failing_since == NOW
            assert metrics.WEATHER_FAILING_SINCE.labels("denmark")._value.get() == NOW.timestamp()
            desk.publisher.now += timedelta(minutes=5)
        return len(pauses) == 2

    desk.server.faults.append(Response(b'{"error":true,"reason":"The service is overloaded"}', 503))
    desk.poller(pause=pause).run()
    state = desk.state()
    assert (state.failing_since, state.error) == (None, None)
    assert state.newest == to_hour(START)
    assert metrics.WEATHER_FAILING_SINCE.labels("denmark")._value.get() == 0
    assert pauses[1] <= 600


def test_a_poller_waits_no_longer_than_until_the_next_run_is_due(desk: Desk) -> None:
    desk.publisher.now = START + timedelta(hours=9, minutes=58)
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return True

    desk.poller(pause=pause).run()
    assert pauses == [120.0]


def test_polling_registers_the_source(desk: Desk) -> None:
    desk.poller().poll_once()
    with connect(desk.url) as connection:
        assert load_weather_sources(connection)["denmark"].source == desk.source


class Stoppable:
    """A reader that fails at a chunk."""

    def __init__(self, reader: Any, fails_at: int) -> None:
        self.chunk_h, self._reader, self._fails_at = reader.chunk_h, reader, fails_at
        self.asked: list[int] = []

    def archive(self, first: int, end: int) -> Any:
        self.asked.append(first)
        if len(self.asked) == self._fails_at:
            raise SourceRefused("down")
        return self._reader.archive(first, end)


def backfiller(desk: Desk, reader: Any, connection: psycopg.Connection) -> WeatherBackfiller:
    return WeatherBackfiller(
        source=desk.source,
        reader=reader,
        publisher=make_publisher(desk.room),
        connection=connection,
        clock=lambda: desk.publisher.now,
        pause=lambda _: False,
        attempts=1,
    )


def test_a_backfill_writes_old_runs_for_trainings_and_publishes_recent_ones(desk: Desk) -> None:
    first = to_hour(START) - 9 * 24
    with connect(desk.url, autocommit=True) as connection:
        report = backfiller(desk, desk.reader(), connection).run(first, to_hour(START) + 1)
        stored = read_runs(connection, "denmark", ["odense"], first, to_hour(START) + 48)
    starts = [one.values.start for one in stored]
    assert starts == sorted(starts)
    oldest = stored[0].values
    assert from_hour(oldest.start) == START - timedelta(days=9)
    start = from_hour(oldest.start)
    assert oldest.values[0] == pytest.approx(
        (celsius(55.5, start, start) + celsius(55.5, start, start + timedelta(hours=1))) / 2, rel=1e-6
    )
    published = [one.values[0] for one in desk.by_partition()[0]]
    assert {one.start for one in published}.isdisjoint(starts)
    assert min(one.end for one in published) > to_hour(NOW) - 72
    assert len(starts) * 2 == report.written
    assert len(published) == report.published
    assert report.written + report.published == 2 * 37


def test_an_interrupted_backfill_resumes_at_its_chunk_and_repeats_change_nothing(desk: Desk) -> None:
    first, end = to_hour(START) - 9 * 24, to_hour(START) - 6 * 24
    with connect(desk.url, autocommit=True) as connection:
        broken = Stoppable(desk.reader(), fails_at=3)
        with pytest.raises(SourceRefused):
            backfiller(desk, broken, connection).run(first, end)
        resumed = Stoppable(desk.reader(), fails_at=-1)
        report = backfiller(desk, resumed, connection).run(first, end, resume=True)
        assert (report.resumed_at, resumed.asked) == (first + 48, [first + 48])
        again = backfiller(desk, desk.reader(), connection).run(first, end)
        stored = read_runs(connection, "denmark", ["aarhus", "odense"], first, end)
    assert again.resumed_at is None
    assert len(stored) == again.written == 2 * 12


def test_a_source_that_stays_away_ends_a_backfill_with_its_reason(desk: Desk) -> None:
    desk.server.faults.append(Response(b"busy", 503))
    with connect(desk.url, autocommit=True) as connection, pytest.raises(SourceUnavailable, match="503: busy"):
        backfiller(desk, desk.reader(), connection).run(to_hour(START) - 48, to_hour(START))
