"""The Python client on a real API."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from api.app import create_app
from dayahead.client import AsyncClient, Client, errors, queries
from dayahead.client.answers import ForecastAnswer
from dayahead.client.events import Status
from dayahead.contracts import ForecastMessage, Rung, message_bytes
from stream.servers.kafka_output import KafkaOutput, Outgoing
from stream.servers.server_retry import ServerRetry
from tests.api.conftest import SampleService
from tests.api.fakes import NOW
from tests.api.serving import Site
from tests.conftest import TopicRoom
from tests.event_loop import in_own_loop

SERIES = "DK1/111"


@pytest.fixture
def asked(sample_site: Site) -> Iterator[Client]:
    with Client(sample_site.url) as client:
        yield client


@pytest.mark.servers
def test_a_forecast_is_a_model_with_moments_and_numbers(asked: Client) -> None:
    forecast = asked.get(queries.forecast(SERIES, quantiles=[0.05, 0.95]))
    assert forecast.series_id == SERIES
    assert forecast.origin.tzinfo is not None
    assert len(forecast.p50) == forecast.leads
    assert forecast.quantiles is not None
    assert list(forecast.quantiles) == ["p5", "p95"]
    same = asked.get(queries.forecast(SERIES, origin=forecast.origin))
    assert same.p50 == forecast.p50


@pytest.mark.servers
def test_hours_days_accuracy_and_observations_are_read(asked: Client) -> None:
    assert len(asked.get(queries.next_hours(SERIES, 12)).p50) == 12
    assert asked.get(queries.day("tomorrow", SERIES)).series_id == SERIES
    assert asked.get(queries.accuracy(area="DK1")).series
    start = datetime(2023, 1, 20, tzinfo=UTC)
    observed = asked.get(queries.observations(SERIES, start=start, end=start.replace(day=21)))
    assert len(observed.value) == len(observed.valid_time) == 24


@pytest.mark.servers
def test_pages_follow_each_other_to_the_last_series(asked: Client) -> None:
    query = queries.forecasts().with_parameter("limit", "5")
    ids = [one.series_id for page in asked.pages(query) for one in page.forecasts]
    everything = asked.get(queries.forecasts().with_parameter("limit", "1000"))
    assert ids == [one.series_id for one in everything.forecasts]
    assert len(ids) > 5


@pytest.mark.servers
def test_all_pages_are_one_frame(asked: Client) -> None:
    query = queries.forecasts(area="DK1").with_parameter("limit", "2")
    table = asked.arrow(query)
    polars, pandas = asked.polars(query), asked.pandas(query)
    assert table.num_rows == len(polars) == len(pandas)
    assert set(polars["series_id"].unique()) == set(pandas["series_id"].unique())
    assert polars["valid_time"].dtype.is_temporal()
    assert len(polars["series_id"].unique()) > 2


@pytest.mark.servers
@pytest.mark.parametrize("name", ["../../metrics", "DK1/./111", ".."])
def test_a_name_never_leads_to_another_resource(name: str) -> None:
    with pytest.raises(ValueError, match="steps of a path"):
        queries.forecast(name)


def test_errors_of_the_api_are_errors_of_the_client(asked: Client) -> None:
    with pytest.raises(errors.NotFound) as unknown:
        asked.get(queries.forecast("DK1/1111"))
    assert SERIES in unknown.value.close_matches
    with pytest.raises(errors.Refused) as refused:
        asked.get(queries.accuracy(days=-1))
    assert refused.value.parameters[0].parameter == "days"
    with pytest.raises(errors.NotAllowed):
        asked.get(queries.request_retune("why", "test"))


@pytest.mark.servers
def test_many_requests_are_asked_at_a_time(sample_site: Site) -> None:
    async def ask() -> list[str]:
        async with AsyncClient(sample_site.url) as client:
            found = [one.series_id async for page in client.pages(queries.forecasts()) for one in page.forecasts]
            forecasts = await asyncio.gather(*(client.get(queries.forecast(one)) for one in found[:8]))
            frame = await client.polars(queries.forecast(found[0]))
            assert len(frame) == forecasts[0].leads
            return [one.series_id for one in forecasts]

    assert len(in_own_loop(ask())) == 8


def message(series_id: str, hour: int) -> bytes:
    origin = datetime(2023, 1, 24, hour, tzinfo=UTC)
    return message_bytes(
        ForecastMessage(
            series_id=series_id,
            origin=origin,
            issued_at=origin,
            release=None,
            rung=Rung.PROFILE,
            reasons=[],
            leads=1,
            p50=[2.0],
            p10=[1.0],
            p90=[3.0],
            unit="kWh",
        )
    )


@pytest.mark.servers
def test_a_stream_goes_on_without_a_gap_after_the_api_was_restarted(
    sample_service: SampleService, topics: TopicRoom
) -> None:
    topics.create(1)
    given = sample_service.settings(kafka_bootstrap=topics.bootstrap, topic_prefix=topics.prefix)
    site = Site(lambda: create_app(given, lambda: NOW))
    site.start()
    output = KafkaOutput(topics.bootstrap, ServerRetry())

    def make(*hours: int) -> None:
        topic, key = topics.name("forecasts"), SERIES.encode()
        output.deliver([Outgoing(topic, message(SERIES, hour), key=key, partition=0) for hour in hours])

    with Client(site.url, attempts=30) as client:
        events = client.stream(area="DK1")
        first = next(event for event in events if isinstance(event, Status) and event.state == "reading")
        assert first.detail
        make(1, 2)
        forecasts = (event for event in events if isinstance(event, ForecastAnswer))
        assert [next(forecasts).origin.hour for _ in range(2)] == [1, 2]
        site.stop()
        make(3)
        site.start()
        make(4)
        assert [next(forecasts).origin.hour for _ in range(2)] == [3, 4]
        events.close()
    site.stop()


@pytest.mark.servers
def test_a_stream_of_an_unknown_series_is_refused_at_once(asked: Client) -> None:
    with pytest.raises(errors.NotFound, match="DK1/1111"):
        next(iter(asked.stream("DK1/1111")))
