"""Observed values and forecasts of a publisher go through the real pollers to Kafka and TimescaleDB."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from dayahead.hours import from_hour
from dayahead.retry import Backoff
from dayahead.source import Source
from ingest.condition import Condition
from ingest.poller import Poller
from ingest.reference_poller import ReferencePoller
from tests.conftest import TopicRoom
from tests.dayahead.reading.kinds.conformance.publishers.eia import EiaDemand, EiaForecast
from tests.dayahead.reading.kinds.conformance.publishers.entsoe import EntsoeForecast, EntsoeWithChangesOnly
from tests.dayahead.reading.kinds.conformance.room import Room, room_of
from tests.dayahead.reading.kinds.conformance.stand_in import StandIn
from tests.ingest.servers import connector, dead_letters, make_publisher, published

pytestmark = pytest.mark.servers

START = datetime(2025, 11, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def topic(topics: TopicRoom) -> TopicRoom:
    topics.create(partitions=4)
    return topics


@contextmanager
def polled(
    kind: type[Poller], publisher: StandIn, name: str, topic: TopicRoom, url: str
) -> Iterator[tuple[Room, Poller]]:
    """A publisher and a poller of it, which has not polled yet."""
    with room_of(publisher) as room:
        source: Source = room.source.model_copy(update={"name": name, "history_h": 36, "revision_window_h": 24})
        room.source = source
        room.now = START + timedelta(hours=30, minutes=30)
        poller = kind(
            source=source,
            reader=room.reader(),
            publisher=make_publisher(topic),
            connect=connector(url),
            clock=lambda: room.now,
            pause=lambda _: False,
            condition=Condition(name),
            backoff=Backoff(first_s=0.01, longest_s=0.05),
        )
        with closing(poller):
            yield room, poller


@pytest.mark.parametrize(
    ("observed", "forecast", "names"),
    [
        (EntsoeWithChangesOnly, EntsoeForecast, ("load", "load-forecast")),
        (EiaDemand, EiaForecast, ("demand", "demand-forecast")),
    ],
)
def test_values_and_the_forecast_of_the_operator_are_reach_the_log_and_the_table_of_references(
    observed: type[StandIn],
    forecast: type[StandIn],
    names: tuple[str, str],
    topic: TopicRoom,
    database_url: str,
) -> None:
    with polled(Poller, observed(), names[0], topic, database_url) as (room, poller):
        room.publish(START, 30)
        poller.poll_once()
        first = {(series, from_hour(hour)): value for (series, hour), value in room.expected(START).items()}
        assert {row[:2]: row[2] for row in published(topic)} == pytest.approx(first)
        room.now += HOUR
        room.publish(START + 30 * HOUR, 1)
        room.revise(START + 20 * HOUR, room.publisher.series[0], 5.0)
        assert poller.poll_once().rows == len(room.publisher.series) + 1
    with polled(ReferencePoller, forecast(), names[1], topic, database_url) as (room, poller):
        room.publish(START, 48)
        poller.poll_once()
        with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
            rows = connection.execute(
                "SELECT series_id, valid_time, value FROM reference_forecast "
                "JOIN reference_series USING (reference_key) WHERE valid_time >= %s",
                [room.now],
            ).fetchall()
        ahead = room.expected(room.now)
        assert {row[:2]: row[2] for row in rows} == pytest.approx(
            {(series, from_hour(hour)): value for (series, hour), value in ahead.items()}
        )
        assert max(moment for _, moment, _ in rows) == START + 47 * HOUR
    assert dead_letters(topic) == []
