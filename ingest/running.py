"""Builds pollers from settings and runs one thread each until the process is stopped."""

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from contextvars import copy_context
from pathlib import Path

import structlog

from dayahead.broker_watch import BrokerWatch
from dayahead.errors import SettingsError, SourceError, SourceUnavailable
from dayahead.hours import wall_clock
from dayahead.publisher import Publisher, kafka_producer
from dayahead.reading.http.budget import Budgets
from dayahead.reading.http.shared_budget import SharedBudget
from dayahead.reading.reader import Reader
from dayahead.reading.source_file import kind_of, load_source, predecessor_of
from dayahead.reading.succession import SuccessiveReader, until_of
from dayahead.retry import Backoff, Pause
from dayahead.source import Source
from dayahead.stopping import end_soon_without, stop_on_signals
from dayahead.storage.database import connect
from dayahead.telemetry import TelemetryServer
from dayahead.topics import OBSERVATIONS
from dayahead.weather.source import WeatherSource
from ingest import metrics
from ingest.condition import Condition, all_of
from ingest.patience import PatientReader
from ingest.poller import Poller, PollResult
from ingest.reference_poller import ReferencePoller
from ingest.reference_scoring import ReferenceScoring
from ingest.settings import IngestSettings
from ingest.surroundings import make_surroundings
from ingest.totals import Totals
from ingest.weather_poller import WeatherPoller, WeatherPollResult
from ingest.weather_running import make_weather_poller, poll_patiently

log = structlog.get_logger()

SUFFIXES = (".yaml", ".yml")


def load_sources_from(paths: Sequence[Path]) -> list[Source]:
    """Load the sources of files and folders.

    Raises:
        SettingsError: a file is invalid, a folder has no source file, or a name is used twice.
    """
    sources: list[Source] = []
    for path in paths:
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES) if path.is_dir() else [path]
        if not files:
            raise SettingsError(f"folder {path} holds no source file (*.yaml)")
        sources += [load_source(file) for file in files]
    names = [source.name for source in sources]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"source {name} is given {names.count(name)} times: give each name once")
    _check_references(sources)
    return sources


def _check_references(sources: Sequence[Source]) -> None:
    """Check references against the observed sources, where both are given.

    Raises:
        SettingsError: they cannot be compared.
    """
    by_name = {source.name: source for source in sources}
    for source in sources:
        observed = by_name.get(source.forecast_of or "")
        if observed is None:
            continue
        if observed.forecast_of is not None:
            raise SettingsError(f"source {source.name}: forecast_of {observed.name} is a reference forecast itself")
        if observed.unit != source.unit:
            raise SettingsError(
                f"source {source.name} is in {source.unit}, {observed.name} in {observed.unit}: give both the "
                "same unit; scale converts the values"
            )
        if len(observed.label_names) != len(source.label_names):
            raise SettingsError(
                f"source {source.name} has labels {'/'.join(source.label_names)}, {observed.name} has "
                f"{'/'.join(observed.label_names)}: both must make the same series_id"
            )


def make_reader(
    source: Source, settings: IngestSettings, pause: Pause, resources: ExitStack, budgets: Budgets
) -> Reader:
    """Make the reader of a source of any kind.

    Args:
        source: what is read.
        settings: of the process.
        pause: waits; returns True when the process is stopping.
        resources: closes what the reader opens.
        budgets: of the process.

    Raises:
        SettingsError: the source cannot be read, e.g. because its rows are sent to the API.
    """
    surroundings = make_surroundings(settings, pause, resources, budgets)
    later = kind_of(source).reader(source, surroundings)
    if source.predecessor is None:
        return later
    earlier = predecessor_of(source)
    return SuccessiveReader(kind_of(earlier).reader(earlier, surroundings), later, earlier, until_of(source))


def make_budgets(settings: IngestSettings) -> Budgets:
    """The requests that publishers allow, counted with other processes in Redis; nothing is connected yet."""
    return Budgets(SharedBudget(settings.redis_url))


def patient(reader: Reader, source: Source, pause: Pause, attempts: int) -> PatientReader:
    """A reader that retries, counts and logs."""

    def on_failure(error: SourceUnavailable, pause_s: float) -> None:
        metrics.RETRIES.labels(source.name, error.cause).inc()
        log.warning("source_retry", source=source.name, error=str(error), pause_s=round(pause_s, 2))

    return PatientReader(reader=reader, pause=pause, backoff=Backoff(), on_failure=on_failure, attempts=attempts)


def make_totals(settings: IngestSettings) -> Totals:
    """Make what sums the sources with totals; nothing is connected yet."""
    return Totals(
        publisher=Publisher(lambda: kafka_producer(settings.kafka_bootstrap), settings.topic_prefix),
        connect=lambda: connect(settings.database_url, wait_s=0, autocommit=True),
        clock=wall_clock,
    )


def make_reference_scoring(settings: IngestSettings) -> ReferenceScoring:
    """Make what scores reference forecasts; nothing is connected yet."""
    return ReferenceScoring(connect=lambda: connect(settings.database_url, wait_s=0, autocommit=True))


class Pollers:
    """The pollers of one process."""

    def __init__(
        self,
        sources: Sequence[Source],
        settings: IngestSettings,
        attempts: int | None = None,
        weather: Sequence[WeatherSource] = (),
    ) -> None:
        """Build the pollers without connecting.

        Args:
            sources: one poller each.
            settings: of the process.
            attempts: attempts of one read, for `once`; None for `run`, which retries whole polls.
            weather: weather sources, one poller each.
        """
        self._settings, self._attempts = settings, attempts
        self._stop = threading.Event()
        self._resources = ExitStack()
        self._budgets = make_budgets(settings)
        self._conditions = [Condition(source.name, answer_timeout_s=settings.answer_timeout_s) for source in sources]
        # a reference that fails holds up nothing
        self._observed = [
            condition for source, condition in zip(sources, self._conditions, strict=True) if source.forecast_of is None
        ]
        self._pollers = [
            self._poller(source, condition) for source, condition in zip(sources, self._conditions, strict=True)
        ]
        # weather that fails holds up nothing either: forecasts are made without it
        self._weather_conditions = [Condition(one.name, answer_timeout_s=settings.answer_timeout_s) for one in weather]
        self._weather_pollers = [
            make_weather_poller(one, settings, self._stop.wait, self._resources, self._budgets, condition)
            for one, condition in zip(weather, self._weather_conditions, strict=True)
        ]
        self._crashes: list[BaseException] = []

    def _poller(self, source: Source, condition: Condition) -> Poller:
        settings = self._settings
        reader = make_reader(source, settings, self._stop.wait, self._resources, self._budgets)
        if self._attempts is not None:
            reader = patient(reader, source, self._stop.wait, self._attempts)
        make = Poller if source.forecast_of is None else ReferencePoller
        return make(
            source=source,
            reader=reader,
            publisher=Publisher(lambda: kafka_producer(settings.kafka_bootstrap), settings.topic_prefix),
            connect=lambda: connect(settings.database_url, wait_s=0, autocommit=True),
            clock=wall_clock,
            pause=self._stop.wait,
            condition=condition,
        )

    def once(self) -> tuple[list[PollResult], list[WeatherPollResult | SourceError]]:
        """Poll each weather source once, then each source; weather that fails holds up no source of load.

        Returns:
            The results of the sources; and those of the weather sources, or why one failed.

        Raises:
            DayaheadError: a source or a server is unavailable or rejects a request.
        """
        pollers: list[Poller | WeatherPoller] = [*self._weather_pollers, *self._pollers]
        with self._resources:
            try:
                weather = [poll_patiently(one, self._stop.wait, self._attempts) for one in self._weather_pollers]
                return [poller.poll_once() for poller in self._pollers], weather
            finally:
                for poller in pollers:
                    poller.close()

    def run(self) -> None:
        """Poll, make totals and score references until SIGTERM or SIGINT.

        A thread that crashes ends the process: its supervisor restarts it.
        """
        stop_on_signals(self._stop, also=lambda: end_soon_without(self._settings.database_url))
        threads = [
            # each in a copy of this context, which adds the service name to every log line
            threading.Thread(target=copy_context().run, args=[self._guarded, run], name=name)
            for name, run in self._loops().items()
        ]
        kafka = BrokerWatch(
            self._settings.kafka_bootstrap, self._settings.topic_prefix + OBSERVATIONS.name, "dayahead-ingest-watch"
        )
        server = TelemetryServer(
            "ingest",
            self._settings.bind_host,
            self._settings.metrics_port,
            live=lambda: all_of([one.live() for one in (*self._conditions, *self._weather_conditions)]),
            # between two polls, hours apart for some sources, only the watch detects an unavailable Kafka
            ready=lambda: all_of([*(condition.ready() for condition in self._observed), kafka.health()]),
        )
        with self._resources, server, kafka.thread():
            log.info(
                "started", sources=len(self._pollers), weather_sources=len(self._weather_pollers), port=server.port
            )
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        log.info("stopped")
        if self._crashes:
            raise self._crashes[0]

    def _loops(self) -> dict[str, Callable[[], None]]:
        """What runs in a thread of its own, by its name."""
        totals, interval_s = make_totals(self._settings), self._settings.totals_interval_s
        references, every_s = make_reference_scoring(self._settings), self._settings.references_interval_s
        return {
            **{f"poller-{number}": poller.run for number, poller in enumerate(self._pollers)},
            **{f"weather-{number}": poller.run for number, poller in enumerate(self._weather_pollers)},
            "totals": lambda: totals.run(self._stop.wait, interval_s),
            "references": lambda: references.run(self._stop.wait, every_s),
        }

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:  # noqa: BLE001 - handed to the main thread, which raises it
            self._crashes.append(error)
            self._stop.set()
