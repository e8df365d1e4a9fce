"""The client for programs without an event loop."""

import time
from collections.abc import Callable, Generator, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import httpx
import pyarrow as pa
from httpx_sse import connect_sse
from pydantic import BaseModel, SecretStr

from dayahead.client.errors import ClientError
from dayahead.client.events import PATH, SILENCE_S, Event, Position, asked, ended, stream_query
from dayahead.client.frames import pandas_of, polars_of
from dayahead.client.kept_list import E, KeptList, P
from dayahead.client.query import Query
from dayahead.client.sending import (
    ARROW,
    JSON,
    Attempts,
    Sending,
    address_of,
    check,
    next_page,
    next_table,
    read_table,
    unreachable,
)

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

A = TypeVar("A", bound=BaseModel)


class Client:
    """Asks the API, one request at a time; one client may be used by several threads."""

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        timeout_s: float = 30.0,
        attempts: int = 5,
        longest_wait_s: float = 60.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            base_url: of the API, such as http://localhost:8000.
            token: `DAYAHEAD_API_TOKEN` of the server, for changes.
            timeout_s: for each part of a request.
            attempts: failures of one request after which its error is raised.
            longest_wait_s: a `Retry-After` up to this is waited for.
            transport: of httpx, for proxies or tests.
            sleep: waits between attempts.

        Raises:
            ValueError: `base_url` is no http:// or https:// URL.
        """
        self._sending = Sending(SecretStr(token) if token else None, timeout_s, attempts, longest_wait_s)
        self._sleep = sleep
        self._http = httpx.Client(
            base_url=address_of(base_url), headers=self._sending.headers, timeout=timeout_s, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, query: Query[A]) -> A:
        """Ask, and return the answer.

        Raises:
            ClientError: of the class that says why; what may succeed later was retried.
        """
        return query.read(self._answer(query, JSON))

    def pages(self, query: Query[A]) -> Iterator[A]:
        """Ask for all pages of a query of many series, one after the other.

        Raises:
            ClientError: as of `get`.
        """
        following: Query[A] | None = query
        while following is not None:
            answer = self.get(following)
            yield answer
            following = next_page(following, answer)

    def renew(self, kept: KeptList[P, E]) -> list[E]:
        """Bring a kept list up to date: only what has changed since the last time is sent.

        Returns:
            All entries, the same list while nothing has changed.

        Raises:
            ClientError: as of `get`; the list is then as it was.
        """
        answered: list[P] = []
        while (query := kept.next_query(answered)) is not None:
            answered.append(self.get(query))
        kept.take(answered)
        return kept.entries

    def arrow(self, query: Query[A]) -> pa.Table:
        """Ask for all pages as one table, a row an hour; docs/api.md has the columns.

        Raises:
            ClientError: as of `get`; 406 where the API has no table of it.
        """
        tables = []
        following: Query[A] | None = query
        while following is not None:
            response = self._answer(following, ARROW)
            tables.append(read_table(response))
            following = next_table(following, response)
        return pa.concat_tables(tables)

    def pandas(self, query: Query[A]) -> "pd.DataFrame":
        """Ask for all pages as a pandas data frame.

        Raises:
            ClientError: as of `arrow`.
            SettingsError: pandas is not installed.
        """
        return pandas_of(self.arrow(query))

    def polars(self, query: Query[A]) -> "pl.DataFrame":
        """Ask for all pages as a polars data frame.

        Raises:
            ClientError: as of `arrow`.
            SettingsError: polars is not installed.
        """
        return polars_of(self.arrow(query))

    def stream(self, *series_ids: str, area: str | None = None) -> Generator[Event, None, None]:
        """Give forecasts as they are made, for ever; connects again where the connection ends, without a gap.

        Args:
            series_ids: only these; none for all.
            area: only series of this area.

        Raises:
            ClientError: the stream was refused, or could not be connected `attempts` times in a row.
        """
        position, attempts = Position(), Attempts(self._sending, is_repeatable=True)
        while True:
            try:
                for event in self._events(position, stream_query(area, series_ids)):
                    attempts.reset()
                    yield event
            except httpx.TransportError as error:
                self._wait_or_raise(attempts, unreachable(error, asked(self._http.base_url)))
            except ClientError as error:
                self._wait_or_raise(attempts, error)
            else:
                self._wait_or_raise(attempts, ended())

    def _events(self, position: Position, parameters: httpx.QueryParams) -> Iterator[Event]:
        """Give the events of one connection."""
        timeout = httpx.Timeout(self._sending.timeout_s, read=SILENCE_S)
        with connect_sse(
            self._http, "GET", PATH, params=parameters, headers=position.headers, timeout=timeout
        ) as source:
            if not source.response.is_success:
                source.response.read()
                check(source.response)
            for sent in source.iter_sse():
                event = position.take(sent)
                if event is not None:
                    yield event

    def _answer(self, query: Query[A], accept: str) -> httpx.Response:
        attempts = Attempts(self._sending, is_repeatable=query.is_repeatable)
        while True:
            request = self._sending.request(self._http, query, accept)
            try:
                response = self._http.send(request)
                check(response)
            except httpx.TransportError as error:
                self._wait_or_raise(attempts, unreachable(error, f"{request.method} {request.url}"))
            except ClientError as error:
                self._wait_or_raise(attempts, error)
            else:
                return response

    def _wait_or_raise(self, attempts: Attempts, error: ClientError) -> None:
        pause_s = attempts.pause_s(error)
        if pause_s is None:
            raise error
        self._sleep(pause_s)
