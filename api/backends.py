"""The servers that a request may use; one set an app, replaced by fakes in tests."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Protocol

import httpx
import psycopg
import structlog
from confluent_kafka import Producer
from fastapi import Depends, Request

from api.explaining import Explainer
from api.feed import ForecastFeed
from api.letters import Letters
from api.outlook import ReleaseShapes
from api.problems import server_away
from api.sending import RowSender
from api.settings import ApiSettings
from api.staleness import StalenessJudge
from dayahead.contracts import Message, message_bytes
from dayahead.errors import BrokerUnavailable
from dayahead.hours import Clock
from dayahead.kafka_clients import Unsent, open_producer, send_all
from dayahead.topics import TopicSpec

log = structlog.get_logger()

CLIENT = "dayahead-api"
SEND_TIMEOUT_S = 5.0
WATCHER_TIMEOUT_S = 3.0


class Database(Protocol):
    """TimescaleDB, as psycopg_pool.ConnectionPool offers it."""

    def connection(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """Get a connection whose transaction is committed at the end, or rolled back on an error."""


class ForecastCache(Protocol):
    """The newest forecasts as bytes."""

    def get(self, series_ids: list[str]) -> list[bytes | None] | None:
        """Get the forecast of each series, None where it is missing or stale; None for all while the cache is away."""

    async def get_in_loop(self, series_ids: list[str]) -> list[bytes | None] | None:
        """Do the same in the event loop without blocking it."""

    async def leave_loop(self) -> None:
        """Close the connections that belong to the event loop."""

    def trouble(self) -> str | None:
        """The problem with it as a sentence; None where it has all forecasts."""


class Announcer(Protocol):
    """Sends messages to Kafka."""

    def send(self, topic: TopicSpec, key: bytes | None, message: Message) -> bool:
        """Send, and wait for the acknowledgement of the brokers; False without one."""


class KafkaAnnouncer:
    """Sends the few messages of the API; the first one connects. For all threads."""

    def __init__(self, bootstrap: str, topic_prefix: str) -> None:
        self._bootstrap, self._prefix = bootstrap, topic_prefix
        self._lock = threading.Lock()
        self._producer: Producer | None = None

    def close(self) -> None:
        """Drop the producer with its threads; every message is already acknowledged, or its sender knows."""
        self._producer = None

    def send(self, topic: TopicSpec, key: bytes | None, message: Message) -> bool:
        """Send, and wait for the acknowledgement of the brokers; False without one in a few seconds."""
        with self._lock:
            producer = self._producer = self._producer or open_producer(self._bootstrap, CLIENT, SEND_TIMEOUT_S)
        try:
            send_all(producer, self._prefix + topic.name, [Unsent(message_bytes(message), key)], 2 * SEND_TIMEOUT_S)
        except BrokerUnavailable as error:
            log.warning("kafka_unavailable", topic=topic.name, error=str(error))
            return False
        return True


@dataclass(frozen=True)
class Watcher:
    """A server that monitors the service (Prometheus, Alertmanager), queried over HTTP.

    Attributes:
        name: for messages.
        url: base URL.
        setting: the environment variable that holds the URL.
        client: the HTTP client.
    """

    name: str
    url: str
    setting: str
    client: httpx.Client

    def get(self, path: str, parameters: dict[str, str]) -> Any:
        """Get the JSON answer of the server.

        Raises:
            Problem: it is away, refuses, or answers something that is not JSON.
        """
        remedy = f"Check that it runs at {self.url} ({self.setting})."
        try:
            answer = self.client.get(self.url.rstrip("/") + path, params=parameters)
            answer.raise_for_status()
            return answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            log.warning("watcher_unavailable", server=self.name, url=self.url, error=str(error))
            raise server_away(self.name, remedy) from error


@dataclass(frozen=True)
class Backends:
    """The servers that a request may use."""

    settings: ApiSettings
    clock: Clock
    database: Database
    forecasts: ForecastCache
    announcer: Announcer
    feed: ForecastFeed
    prometheus: Watcher
    alertmanager: Watcher
    rows: RowSender
    staleness: StalenessJudge
    letters: Letters
    shapes: ReleaseShapes = field(default_factory=ReleaseShapes)
    explainer: Explainer = field(default_factory=Explainer)

    def now(self) -> datetime:
        """The present moment, UTC."""
        return self.clock()


BackendsFactory = Callable[[ApiSettings, Clock], AbstractContextManager[Backends]]


def _of_request(request: Request) -> Backends:
    backends: Backends = request.app.state.backends
    return backends


Use = Annotated[Backends, Depends(_of_request)]
"""Parameter of a route that gets the app's servers."""
