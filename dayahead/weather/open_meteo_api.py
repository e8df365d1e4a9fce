"""Sends the requests to Open-Meteo, and reads the errors that it states.

An error is a JSON object with `error: true` and a `reason`. The free service counts calls of one address: 600 a minute,
5,000 an hour and 10,000 a day, and answers 429 with a reason that names which of them is used up; a request for several
locations counts once for each of them.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Literal

import orjson
from pydantic import Field, HttpUrl

from dayahead.errors import SourceRefused, SourceUnavailable
from dayahead.hours import HOUR_S, Hour, from_hour
from dayahead.reading.http.budget import Budget
from dayahead.reading.http.client import http_client
from dayahead.reading.http.fetcher import Fetcher
from dayahead.reading.http.fields import KeyedHttpFields
from dayahead.reading.http.key import Key, variable
from dayahead.reading.http.rate import Rate
from dayahead.reading.http.reply import Reply
from dayahead.reading.source_kind import Surroundings
from dayahead.weather.open_meteo_answer import Hourly, hourly_of
from dayahead.weather.source import WeatherSource

HOST = "open-meteo.com"
FREE_RATES = (Rate(600, 60), Rate(5_000, 3_600), Rate(10_000, 86_400))
"""Calls that the free service allows to one address."""

MOST_LOCATIONS = 100
"""Locations of one request, so that its URL stays short."""

VARIABLES_OF_A_CALL, DAYS_OF_A_CALL = 10, 14
"""What one location may ask for as one call; more counts in proportion."""

NO_RUN = "no_run"
"""Cause of the error of a run that is not there."""

Archive = Literal["single-runs", "previous-runs", "historical-forecast"]


class OpenMeteoFields(KeyedHttpFields):
    """Fields of the file for this kind."""

    url: HttpUrl = Field(
        default=HttpUrl(f"https://api.{HOST}"),
        description="Base URL of the Forecast API; the other APIs follow from it. Of a server of your own: all of them",
    )
    model: str = Field(
        min_length=1,
        pattern=r"^[a-z0-9_]+$",
        description="Weather model, as parameter `models` of the API names it: icon_eu, ecmwf_ifs025, gfs_global",
    )
    metadata: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9_]+$",
        description="Name of the model in the metadata of the API (dwd_icon_eu), which say which run is the newest; "
        "left out, new runs are read from Single Runs, which has them later",
    )
    archive: Archive = Field(
        default="single-runs",
        description="What a backfill reads: single-runs; previous-runs, whose forecasts are about a day older; "
        "historical-forecast, which knows what came and counts as observed",
    )


class OpenMeteoApi:
    """Sends the requests of one source; all its APIs share one budget, in all processes."""

    def __init__(
        self, source: WeatherSource, fields: OpenMeteoFields, surroundings: Surroundings, key: Key | None
    ) -> None:
        """Store the arguments; no request is sent yet.

        Args:
            source: that is read.
            fields: its fields.
            surroundings: of the process.
            key: of a paying customer.
        """
        self._source, self._fields, self._surroundings, self._key = source, fields, surroundings, key
        is_public = _is_public(fields.url.host)
        scope = HOST if is_public else f"{fields.url.host}:{fields.url.port}"
        self._budget: Budget = surroundings.budgets.of(scope, "", key.fingerprint if key else "")
        self._rates: Sequence[Rate] = fields.rates(FREE_RATES if is_public and key is None else ())
        self._fetchers: dict[str, Fetcher] = {}

    def metadata(self, model: str) -> tuple[Hour, datetime]:
        """The start of the newest run of a model, and when it was there."""
        reply = self._fetcher("").get(f"data/{model}/static/meta.json")
        document = reply.json()
        start, there = (
            document.get(name) if isinstance(document, dict) else None
            for name in ("last_run_initialisation_time", "last_run_availability_time")
        )
        if not isinstance(start, int) or not isinstance(there, int) or start % HOUR_S:
            raise reply.bad_answer("metadata without the times of the newest run")
        return start // HOUR_S, from_hour(0) + timedelta(seconds=there)

    def hourly(
        self, api: str, names: Sequence[str], first: Hour, parameters: Mapping[str, str], days: float
    ) -> Iterator[Hourly]:
        """Read the hours of all locations.

        Args:
            api: prefix of the host: empty for Forecast, `single-runs`, `previous-runs`, `historical-forecast`.
            names: of the variables, as the API has them.
            first: the first hour that is asked for.
            parameters: which hours are asked for.
            days: that they span, for the budget.

        Raises:
            SourceUnavailable: see `Fetcher.get`; with cause `no_run` where the API does not have the run.
            SourceRefused: see `Fetcher.get`.
        """
        places = list(self._source.locations.items())
        for begin in range(0, len(places), MOST_LOCATIONS):
            part = places[begin : begin + MOST_LOCATIONS]
            query = {
                "latitude": ",".join(f"{place.latitude:g}" for _, place in part if place),
                "longitude": ",".join(f"{place.longitude:g}" for _, place in part if place),
                "hourly": ",".join(names),
                "models": self._fields.model,
                "timeformat": "unixtime",
                "timezone": "GMT",
                "temperature_unit": "celsius",
                "wind_speed_unit": "ms",
                **parameters,
            }
            calls = max(1.0, len(names) / VARIABLES_OF_A_CALL * max(1.0, days / DAYS_OF_A_CALL)) * len(part)
            reply = self._fetcher(api).get(
                "v1/forecast",
                query,
                accepted=(HTTPStatus.OK, HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS),
                calls=math.ceil(calls),
            )
            self._check(reply)
            yield from hourly_of(reply, [name for name, _ in part], names, first)

    def _fetcher(self, api: str) -> Fetcher:
        if api not in self._fetchers:
            client = http_client(
                base_url(str(self._fields.url), api, is_customer=self._key is not None),
                self._surroundings.request_timeout_s,
            )
            self._surroundings.resources.enter_context(client)
            self._fetchers[api] = Fetcher(
                client,
                what=f"weather source {self._source.name}",
                clock=self._surroundings.clock,
                pause=self._surroundings.pause,
                budget=self._budget,
                rates=self._rates,
                key=self._key,
                advice=f"Check model, variables and locations of weather source {self._source.name}.",
                answer_timeout_s=self._surroundings.answer_timeout_s,
            )
        return self._fetchers[api]

    def _check(self, reply: Reply) -> None:
        """Raise the error that an answer states."""
        if reply.status == HTTPStatus.OK:
            if b"modelRunUnavailable" in reply.body:  # found out while the answer was already being sent
                raise SourceUnavailable(f"{reply.name} does not have the run", cause=NO_RUN)
            return
        reason = reason_of(reply)
        if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
            wait_s = seconds_until_allowed(reason, self._surroundings.clock())
            self._budget.close(wait_s)
            raise SourceUnavailable(f"{reply.name} answered 429: {reason}", wait_s, cause="rate_limited")
        if _is_no_run(reason):
            raise SourceUnavailable(f"{reply.name} does not have the run: {reason}", cause=NO_RUN)
        if self._key is not None and "api key" in reason.lower():
            name = self._key.name
            raise SourceRefused(f"{reply.name}: {reason} The key {name!r} is refused: check {variable(name)}.")
        raise SourceRefused(
            f"{reply.name} answered {reply.status}: {reason} Check model, variables, locations and horizon_h of "
            f"weather source {self._source.name}."
        )


def base_url(url: str, api: str, *, is_customer: bool) -> str:
    """The base URL of one of the APIs.

    Args:
        url: of the Forecast API; of a server of your own, which has all of them.
        api: `single-runs`, `previous-runs`, `historical-forecast`, or empty for Forecast.
        is_customer: whether the requests carry a key.
    """
    if not _is_public(HttpUrl(url).host):
        return url
    return f"https://{'customer-' if is_customer else ''}{f'{api}-' if api else ''}api.{HOST}"


def _is_public(host: str | None) -> bool:
    return host is not None and (host == HOST or host.endswith(f".{HOST}"))


def reason_of(reply: Reply) -> str:
    """The reason in the body of an error; its start where it is none of Open-Meteo's."""
    try:
        document = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return reply.words
    reason = document.get("reason") if isinstance(document, dict) else None
    return reply.hidden(reason.strip()) if isinstance(reason, str) and reason.strip() else reply.words


def seconds_until_allowed(reason: str, now: datetime) -> float:
    """How long the free service answers no further request.

    Args:
        reason: why it answered 429; it names the limit.
        now: the present moment. Its limits start again with the minute, the hour and the day (UTC).
    """
    minute = now.replace(second=0, microsecond=0)
    for word, start, length in (
        ("daily", minute.replace(hour=0, minute=0), timedelta(days=1)),
        ("hourly", minute.replace(minute=0), timedelta(hours=1)),
        ("minutely", minute, timedelta(minutes=1)),
    ):
        if word in reason.lower():
            return (start + length - now).total_seconds() + 1
    return 1.0  # too many at once


def _is_no_run(text: str) -> bool:
    return "model run is not available" in text or "modelRunUnavailable" in text
