"""Reads the weather of the series of a source from TimescaleDB, as a training or a backtest needs it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from dayahead.grouping import grouped
from dayahead.hours import Hour
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.source import Source
from dayahead.storage.tables.weather_run import read_runs
from dayahead.storage.tables.weather_source import load_weather_sources
from dayahead.weather.placed import PlacedWeather
from dayahead.weather.run_errors import measured_factor
from dayahead.weather.served import MARGIN_H, Publications, as_served, without_error
from dayahead.weather.simulated import ForecastErrors
from trainer.settings import WeatherSettings

DAY_H = 24


@dataclass(frozen=True)
class Span:
    """The origins whose weather is read.

    Attributes:
        first: the first one.
        end: hour after the last one.
        leads: hours after an origin.
    """

    first: Hour
    end: Hour
    leads: int


def read_weather(
    connection: psycopg.Connection,
    source: Source,
    series_ids: Sequence[str],
    span: Span,
    settings: WeatherSettings,
    as_of: datetime | None = None,
    *,
    perfect: bool = False,
) -> PlacedWeather | None:
    """Read the weather of the series of a source.

    Args:
        connection: an open connection.
        source: of load.
        series_ids: its series.
        span: origins and leads.
        settings: what is made of weather.
        as_of: only what was published by then; None for everything.
        perfect: whether the hours after an origin are as they were, not as forecast.

    Returns:
        The weather; None where the source names none, it is not to be used, or nothing of it is known.
    """
    if source.weather is None or not settings.use:
        return None
    publications = read_publications(connection, source.weather.source, sorted(source.weather.locations), span, as_of)
    if not publications:
        return None
    weights = [source.weather.weights_of(series_id) for series_id in series_ids]
    if perfect:
        return without_error(publications, weights, span.first, span.end, span.leads)
    errors = errors_of(publications, settings, _runs_of(connection, source.weather.source))
    return as_served(publications, weights, span.first, span.end, span.leads, errors, source.publication_lag_h)


def read_publications(
    connection: psycopg.Connection, source: str, locations: Sequence[str], span: Span, as_of: datetime | None = None
) -> Publications:
    """Read the temperature of locations of a weather source, over the windows and leads of some origins."""
    first, end = span.first - WINDOW_HOURS - MARGIN_H, span.end + span.leads + MARGIN_H
    runs = read_runs(connection, source, locations, first, end, available_by=as_of)
    return grouped((run.values.location, run.values) for run in runs)


def errors_of(
    publications: Publications, settings: WeatherSettings, usual: ForecastErrors | None = None
) -> ForecastErrors:
    """The errors to simulate: of the size that is set, else that the runs have, else the usual one."""
    errors = usual or ForecastErrors()
    factor = settings.error_factor
    if factor is None:
        factor = measured_factor(publications, errors)
    return replace(errors, seed=settings.error_seed, factor=errors.factor if factor is None else factor)


def _runs_of(connection: psycopg.Connection, name: str) -> ForecastErrors:
    """The schedule of the runs of a weather source."""
    registered = load_weather_sources(connection).get(name)
    if registered is None:
        return ForecastErrors()
    hours = registered.source.run_hours
    return ForecastErrors(every_h=max(DAY_H // len(hours), 1), delay_h=registered.source.delay_h)
