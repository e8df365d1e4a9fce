"""`/v1/weather`: the temperature that a series follows, and the run of the weather model that it is from."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

import numpy as np
import psycopg
from fastapi import Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.route import resource
from api.parameters import AsOf, Moment, SeriesIds, Utc, series_key_of
from api.problems import NOT_FOUND, bad_parameter, no_weather, weather_not_polled
from api.tables import MOMENT, NUMBER, TABLES, TEXT, ChosenFormat, Columns, table_response
from dayahead.hours import Hour, format_utc, from_hour, from_microseconds, to_hour
from dayahead.source import Source
from dayahead.storage.place_weather import place_of, read_temperatures
from dayahead.storage.tables.observation import read_newest_hour
from dayahead.storage.tables.series import source_keys_by_key
from dayahead.storage.tables.source import load_sources
from dayahead.storage.tables.weather_poll import WeatherPoll, read_weather_poll
from dayahead.storage.tables.weather_run import WeatherRun, newest_runs
from dayahead.storage.tables.weather_source import is_known, load_weather_sources
from dayahead.weather.archived import STALE_AFTER_H
from dayahead.weather.source import WeatherSource

router = resource("/v1/weather", "weather")

WEEK_H = 168
MAX_HOURS = 24 * 366

TABLE: Columns = {"series_id": TEXT, "valid_time": MOMENT, "temperature_c": NUMBER}
"""Columns as a table: one row per hour with a temperature."""


class WeatherLocation(BaseModel):
    """A location that a series follows."""

    name: str = Field(description="Name of the location in the weather source")
    weight: float = Field(description="Share of it in the temperature; all shares together are 1")
    latitude: float | None = Field(description="Degrees north of the equator; null where its source names none")
    longitude: float | None = Field(description="Degrees east of Greenwich; null where its source names none")


class NewestRun(BaseModel):
    """The newest run of the weather model; of several locations that of the one whose newest run is the oldest."""

    start: Utc = Field(description="Hour that it was started from, UTC")
    available_at: Utc = Field(description="When its publisher had it ready, UTC")
    ends_at: Utc = Field(description="End of its last hour, UTC")
    age_h: float = Field(description="Hours since its start, by the clock of the source of the series")


class WeatherSourceItem(BaseModel):
    """The source of the weather, and how its polls fare."""

    name: str = Field(description="Name of the weather source")
    title: str = Field(description="Publisher and model")
    attribution: str = Field(description="Credit that the licence asks for")
    newest_time: Utc | None = Field(
        description="Start of the newest run that was published to the workers, or the newest observed hour, UTC"
    )
    missed_runs: int = Field(description="Runs that are due by its schedule and were not published")
    polled_at: Utc | None = Field(description="When a poll last succeeded, UTC; null before the first")
    failing_since: Utc | None = Field(description="When its polls began to fail, UTC; null while they succeed")
    failing_reason: str = Field(description="Why the newest poll failed; empty while polls succeed")


class SeriesWeather(BaseModel):
    """The temperature of the place of a series; `valid_time` and `temperature_c` have the same length."""

    series_id: str
    start: Utc = Field(description="First requested hour, UTC")
    end: Utc = Field(description="Hour after the last requested one, UTC")
    as_of: Utc | None = Field(description="The values are as published by this moment; null for now")
    valid_time: list[Utc] = Field(description="Start of each hour of the range, UTC")
    temperature_c: list[float | None] = Field(
        description="Mean temperature of each hour, degrees Celsius: observed, else of the newest run that covers it; "
        "null where nothing is known"
    )
    covered_until: Utc | None = Field(description="End of the last hour with a temperature, UTC; null without any")
    run: NewestRun | None = Field(description="The newest run; null where none has been published")
    stale: bool = Field(
        description=f"Whether the newest run started more than {STALE_AFTER_H} hours before the newest hour of the "
        "series: forecasts do not use it then"
    )
    stale_reason: str = Field(description="Why it is stale; empty while it is not")
    locations: list[WeatherLocation] = Field(description="What the temperature is a weighted mean of")
    source: WeatherSourceItem | None = Field(description="Null where no weather source of that name is registered")


@router.get(
    "/{series_id:path}",
    summary="Temperature of one series",
    response_model=SeriesWeather,
    responses=NOT_FOUND | TABLES,
)
def get_weather(
    use: Use,
    series_ids: SeriesIds,
    form: ChosenFormat,
    start: Annotated[
        Moment | None, Query(description="First hour, UTC; without it, a week before the newest observed hour")
    ] = None,
    end: Annotated[
        Moment | None, Query(description="Hour after the last, UTC; without it, the end of the forecast horizon")
    ] = None,
    as_of: AsOf = None,
) -> SeriesWeather | Response:
    """The temperature that a series follows, its newest run and how old it is, and how its source fares.

    404 `no-weather` for a series whose source names no weather, or weather that was never polled. As a table, one row
    per hour that is known.
    """
    with use.database.connection() as connection:
        key, series_id, _ = series_key_of(connection, series_ids)
        source = _source_of(connection, key)
        place = place_of(source, series_id)
        if place is None:
            raise no_weather(series_id, source.name)
        if not is_known(connection, place[0]):
            raise weather_not_polled(series_id, place[0])
        newest = read_newest_hour(connection, key)
        now = as_of or source.now(use.now(), newest)
        last_seen = to_hour(newest or now)
        first, last = _range(source, last_seen, start, end)
        temperature = read_temperatures(connection, [place], first, last, available_by=as_of)[place]
        runs = newest_runs(connection, place[0], [name for name, _ in place[1]], available_by=as_of)
        registered = load_weather_sources(connection).get(place[0])
        poll = read_weather_poll(connection, place[0])
    known = np.isfinite(temperature)
    if form != "json":
        rows = [
            [series_id, from_hour(first + hour), float(temperature[hour])] for hour in np.flatnonzero(known).tolist()
        ]
        return table_response(TABLE, rows, form)
    run = _oldest(runs, now)
    reason = _stale_reason(run, last_seen)
    weather_source = registered.source if registered else None
    return SeriesWeather(
        series_id=series_id,
        start=from_hour(first),
        end=from_hour(last),
        as_of=as_of,
        valid_time=[from_hour(hour) for hour in range(first, last)],
        temperature_c=[
            round(value, 2) if seen else None for value, seen in zip(temperature.tolist(), known, strict=True)
        ],
        covered_until=from_hour(first + int(np.flatnonzero(known)[-1]) + 1) if known.any() else None,
        run=run,
        stale=bool(reason),
        stale_reason=reason,
        locations=[_location(weather_source, name, weight) for name, weight in place[1]],
        source=weather_source and _source_item(weather_source, poll),
    )


def _source_of(connection: psycopg.Connection, series_key: int) -> Source:
    source_key = source_keys_by_key(connection, [series_key])[series_key]
    return next(one.source for one in load_sources(connection).values() if one.source_key == source_key)


def _range(source: Source, newest: Hour, start: datetime | None, end: datetime | None) -> tuple[Hour, Hour]:
    """First hour and the hour after the last.

    Raises:
        Problem: the range is longer than one answer holds, or ends before it starts.
    """
    last = to_hour(end - timedelta(microseconds=1)) + 1 if end else newest + source.leads + 1
    first = to_hour(start) if start else min(newest, last) - WEEK_H
    if not 0 <= last - first <= MAX_HOURS:
        raise bad_parameter(
            "start",
            format_utc(from_hour(first)),
            f"it must be up to {MAX_HOURS} hours before end, {format_utc(from_hour(last))}, and not after it",
        )
    return first, last


def _oldest(runs: Sequence[WeatherRun], now: datetime) -> NewestRun | None:
    """Of the newest runs of the locations the oldest: it decides whether the weather is stale."""
    if not runs:
        return None
    one = min((run.values for run in runs), key=lambda values: values.start)
    return NewestRun(
        start=from_hour(one.start),
        available_at=from_microseconds(one.available_us),
        ends_at=from_hour(one.end),
        age_h=round((now - from_hour(one.start)) / timedelta(hours=1), 2),
    )


def _stale_reason(run: NewestRun | None, newest: Hour) -> str:
    if run is None or newest - to_hour(run.start) <= STALE_AFTER_H:
        return ""
    hours = newest - to_hour(run.start)
    return (
        f"the newest run started at {format_utc(run.start)}, {hours} h before the newest hour of the series; "
        f"a forecast uses runs of up to {STALE_AFTER_H} h"
    )


def _location(source: WeatherSource | None, name: str, weight: float) -> WeatherLocation:
    known = source.locations.get(name) if source else None
    return WeatherLocation(
        name=name,
        weight=weight,
        latitude=known.latitude if known else None,
        longitude=known.longitude if known else None,
    )


def _source_item(source: WeatherSource, poll: WeatherPoll) -> WeatherSourceItem:
    return WeatherSourceItem(
        name=source.name,
        title=source.title,
        attribution=source.attribution,
        newest_time=None if poll.newest is None else from_hour(poll.newest),
        missed_runs=poll.missed_runs,
        polled_at=poll.polled_at,
        failing_since=poll.failing_since,
        failing_reason=poll.error or "",
    )
