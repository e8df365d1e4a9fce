"""Servers of the API that live in memory."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
from fastapi.testclient import TestClient
from psycopg_pool import PoolTimeout

from api.app import create_app
from api.backends import Backends, Watcher
from api.feed import ForecastFeed
from api.letters import Letter, NewestLetters
from api.settings import ApiSettings
from api.staleness import UNREAD, UNREAD_EXPIRY, StalenessJudge
from dayahead.contracts import Message
from dayahead.hours import Clock
from dayahead.publisher import Publication
from dayahead.topics import TopicSpec

NOW = datetime(2023, 1, 25, 12, tzinfo=UTC)
TOKEN = "a-long-random-text"

UNEXPIRED = UNREAD_EXPIRY.reason.encode()
UNJUDGED = UNREAD.reason.encode()


def unjudged(body: bytes) -> bytes:
    """What the API answers with a forecast of Redis while TimescaleDB is away."""
    stale = b'"stale":null,"stale_reason":"' + UNJUDGED + b'"'
    return body[:-1] + b"," + stale + b',"expired":null,"expired_reason":"' + UNEXPIRED + b'"}'


Answer = Callable[[httpx.Request], httpx.Response]


class AwayDatabase:
    """An unreachable TimescaleDB."""

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[Any]]:
        raise PoolTimeout("couldn't get a connection after 2.00 sec")
        yield


@dataclass
class HeldForecasts:
    """A Redis that holds what it is given; `away` makes it answer nothing."""

    bodies: dict[str, bytes] = field(default_factory=dict)
    away: bool = False

    def get(self, series_ids: list[str]) -> list[bytes | None] | None:
        return None if self.away else [self.bodies.get(series_id) for series_id in series_ids]

    async def get_in_loop(self, series_ids: list[str]) -> list[bytes | None] | None:
        return self.get(series_ids)

    async def leave_loop(self) -> None:
        pass

    def trouble(self) -> str | None:
        return "Redis is away: forecasts come from TimescaleDB" if self.away else None


@dataclass
class HeardAnnouncer:
    """A Kafka that remembers what it was sent; `away` makes it refuse."""

    sent: list[tuple[str, bytes | None, Message]] = field(default_factory=list)
    away: bool = False

    def send(self, topic: TopicSpec, key: bytes | None, message: Message) -> bool:
        if not self.away:
            self.sent.append((topic.name, key, message))
        return not self.away


@dataclass
class HeardRows:
    """A Kafka that remembers the rows that it was sent; `away` makes it refuse."""

    sent: list[tuple[Publication, str, bool]] = field(default_factory=list)
    away: bool = False

    def send(self, publication: Publication, source: str, refresh: bool) -> bool:
        if not self.away:
            self.sent.append((publication, source, refresh))
        return not self.away


@dataclass
class HeldLetters:
    """Dead letters in memory, newest first."""

    letters: list[Letter] = field(default_factory=list)
    topic: str = "observations.dead-letter"

    def newest(self) -> list[Letter]:
        return self.letters

    def whole(self, offset: int) -> dict[str, Any]:
        return next(one.fields for one in self.letters if one.offset == offset)


def refuse_all(request: httpx.Request) -> httpx.Response:
    """An unreachable Alertmanager or Prometheus."""
    raise httpx.ConnectError("Connection refused", request=request)


@dataclass
class FakeServers:
    """All servers of an app."""

    database: Any = field(default_factory=AwayDatabase)
    forecasts: HeldForecasts = field(default_factory=HeldForecasts)
    announcer: HeardAnnouncer = field(default_factory=HeardAnnouncer)
    rows: HeardRows = field(default_factory=HeardRows)
    watcher: Answer = refuse_all
    token: str = TOKEN

    @contextmanager
    def client(self, now: datetime = NOW) -> Iterator[TestClient]:
        """The app on these servers, called in this process."""
        settings = ApiSettings(_env_file=None, api_token=self.token)

        @contextmanager
        def opened(settings: ApiSettings, clock: Clock) -> Iterator[Backends]:
            with httpx.Client(transport=httpx.MockTransport(self.watcher)) as client:
                yield Backends(
                    settings=settings,
                    clock=clock,
                    database=self.database,
                    forecasts=self.forecasts,
                    announcer=self.announcer,
                    feed=ForecastFeed("127.0.0.1:1", "", 1000),
                    prometheus=Watcher("Prometheus", settings.prometheus_url, "DAYAHEAD_PROMETHEUS_URL", client),
                    alertmanager=Watcher(
                        "Alertmanager", settings.alertmanager_url, "DAYAHEAD_ALERTMANAGER_URL", client
                    ),
                    rows=self.rows,
                    staleness=StalenessJudge(self.database, clock),
                    letters=NewestLetters("127.0.0.1:1", ""),
                )

        with TestClient(create_app(settings, lambda: now, opened), raise_server_exceptions=False) as client:
            yield client
