import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from kafka import KafkaProducer

from api.app import create_app
from api.backends import Backends
from api.feed import HELD_BACK, Made, Subscription
from api.resources.forecast_stream import Wanted
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.serving import Site
from tests.conftest import TopicRoom
from tests.waiting import wait_until

DK1, DK2 = b'{"series_id":"DK1/111"}', b'{"series_id":"DK2/111"}'


@contextmanager
def following(site: Site, backends: Backends, query: str = "") -> Iterator[Iterator[str]]:
    """A client of the stream that misses nothing from now on."""
    with httpx.stream("GET", f"{site.url}/v1/forecasts/stream{query}", timeout=60) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith(":")
        wait_until(lambda: backends.feed.reading, 30, "the reader at the end of the topic")
        yield lines


@pytest.mark.servers
def test_a_forecast_reaches_who_listens_byte_for_byte_and_only_what_was_asked_for(
    sample_service: SampleService, topics: TopicRoom
):
    topics.create()
    settings = sample_service.settings(kafka_bootstrap=topics.bootstrap, topic_prefix=topics.prefix)
    app = create_app(settings, lambda: NOW)
    site = Site(lambda: app)
    site.start()
    producer = KafkaProducer(bootstrap_servers=topics.bootstrap)
    try:
        with following(site, app.state.backends, "?area=DK2") as lines:
            for key, value in ((b"DK1/111", DK1), (b"DK2/111", DK2)):
                producer.send(topics.name("forecasts"), key=key, value=value).get(timeout=20)
            event = [line for line in (next(lines) for _ in range(4)) if line]
        assert event == ["event: forecast", "id: DK2/111", f"data: {DK2.decode()}"]
        wait_until(lambda: app.state.backends.feed.clients == 0, 20, "the client that left to be forgotten")
    finally:
        producer.close()
        site.stop()


@pytest.mark.parametrize(
    ("area", "series_ids", "heard"),
    [
        (None, (), ["DK1/111", "DK1", "DK10/1", "A%2FB/1"]),
        ("DK1", (), ["DK1/111", "DK1"]),  # a series with one label is its area
        ("A%2FB", (), ["A%2FB/1"]),
        ("DK1", ("DK1", "DK10/1"), ["DK1"]),
    ],
)
def test_a_client_hears_of_its_area_and_its_series(area, series_ids, heard):
    wanted = Wanted(area, frozenset(series_ids))
    assert [one for one in ("DK1/111", "DK1", "DK10/1", "A%2FB/1") if wanted.has(one)] == heard


def test_a_client_that_reads_too_slowly_is_told_once_and_hears_no_more():
    async def overflow() -> list[Made | None]:
        subscription = Subscription(asyncio.get_running_loop())
        for _ in range(HELD_BACK + 5):
            subscription.put(Made("DK1/111", DK1))
        return [subscription.queue.get_nowait() for _ in range(subscription.queue.qsize())]

    with ThreadPoolExecutor(1) as thread:  # this one may have the event loop of a browser
        heard = thread.submit(asyncio.run, overflow()).result()
    assert len(heard) == HELD_BACK + 1
    assert heard[-1] is None
    assert None not in heard[:-1]
