"""Builds the pollers of weather sources from settings."""

from collections.abc import Sequence
from contextlib import ExitStack

import structlog

from dayahead.errors import SettingsError, SourceError, SourceUnavailable
from dayahead.hours import wall_clock
from dayahead.publisher import Publisher, kafka_producer
from dayahead.reading.http.budget import Budgets
from dayahead.retry import Backoff, Pause, retry
from dayahead.source import Source
from dayahead.storage.database import connect
from dayahead.weather.source import WeatherSource
from dayahead.weather.source_file import weather_kind_of
from dayahead.weather.weather_kind import WeatherReader
from ingest import metrics
from ingest.condition import Condition
from ingest.settings import IngestSettings
from ingest.surroundings import make_surroundings
from ingest.weather_poller import WeatherPoller, WeatherPollResult

log = structlog.get_logger()


def make_weather_reader(
    source: WeatherSource, settings: IngestSettings, pause: Pause, resources: ExitStack, budgets: Budgets
) -> WeatherReader:
    """Make the reader of a weather source of any kind.

    Args:
        source: what is read.
        settings: of the process.
        pause: waits; returns True when the process is stopping.
        resources: closes what the reader opens.
        budgets: of the process.

    Raises:
        SettingsError: the source cannot be read, e.g. since its key is not set.
    """
    return weather_kind_of(source).reader(source, make_surroundings(settings, pause, resources, budgets))


def make_weather_poller(
    source: WeatherSource,
    settings: IngestSettings,
    pause: Pause,
    resources: ExitStack,
    budgets: Budgets,
    condition: Condition,
) -> WeatherPoller:
    """Make the poller of a weather source; nothing is connected yet.

    Args:
        source: what is polled.
        settings: of the process.
        pause: waits; returns True when the process is stopping.
        resources: closes what the reader opens.
        budgets: of the process.
        condition: records the outcome of each poll.

    Raises:
        SettingsError: the source cannot be read.
    """
    return WeatherPoller(
        source=source,
        reader=make_weather_reader(source, settings, pause, resources, budgets),
        publisher=Publisher(lambda: kafka_producer(settings.kafka_bootstrap), settings.topic_prefix),
        connect=lambda: connect(settings.database_url, wait_s=0, autocommit=True),
        clock=wall_clock,
        pause=pause,
        condition=condition,
    )


def check_places(sources: Sequence[Source], weather: Sequence[WeatherSource]) -> None:
    """Check that the locations that sources of load name exist, where their weather source is polled too.

    Raises:
        SettingsError: a weather source that is given does not have a location.
    """
    known = {one.name: one for one in weather}
    for source in sources:
        if source.weather is None or (one := known.get(source.weather.source)) is None:
            continue
        if missing := sorted(source.weather.locations - one.locations.keys()):
            raise SettingsError(
                f"source {source.name}: weather source {one.name} has no location {', '.join(missing)}; there are: "
                f"{', '.join(one.locations)}"
            )


def poll_patiently(poller: WeatherPoller, pause: Pause, attempts: int | None) -> WeatherPollResult | SourceError:
    """Poll once, and again while the source is unavailable; returns the error of a source that fails.

    Args:
        poller: of the source.
        pause: waits between attempts.
        attempts: failures after which to give up; None: never.

    Raises:
        DayaheadError: a server is unavailable.
    """

    def on_failure(error: SourceUnavailable, pause_s: float) -> None:
        metrics.RETRIES.labels(poller.name, error.cause).inc()
        log.warning("source_retry", source=poller.name, error=str(error), pause_s=round(pause_s, 2))

    try:
        return retry(
            poller.poll_once,
            (SourceUnavailable,),
            backoff=Backoff(),
            pause=pause,
            on_failure=on_failure,
            attempts=attempts,
        )
    except SourceError as error:
        return error
