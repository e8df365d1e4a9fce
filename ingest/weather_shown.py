"""Weather sources as `dayahead weather` shows them."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from dayahead.hours import format_utc, from_hour, from_microseconds
from dayahead.storage.tables.weather_poll import WeatherPoll
from dayahead.storage.tables.weather_run import StoredWeather
from dayahead.storage.tables.weather_source import RegisteredWeatherSource
from dayahead.weather.publication import Variables
from dayahead.weather.source import WeatherSource

SHOWN_HOURS = 6


def state_of(one: RegisteredWeatherSource, poll: WeatherPoll, now: datetime) -> str:
    """How a weather source fares, in a sentence."""
    if one.removed_at is not None:
        return f"removed at {format_utc(one.removed_at)}"
    if poll.newest is None:
        text = "never published a run: start `dayahead ingest --weather` with its file"
    else:
        age_h = (now - from_hour(poll.newest)) / timedelta(hours=1)
        text = f"newest run {format_utc(from_hour(poll.newest))}, {age_h:.0f} h old"
        if missed := one.source.schedule.missed(poll.newest, now):
            text += f", {missed} runs missed"
    if poll.failing_since is not None:
        text += f"; polls fail since {format_utc(poll.failing_since)}: {poll.error}"
    return text


def definition_of(source: WeatherSource) -> Iterator[str]:
    """A weather source, line by line."""
    yield f"{source.name}: {source.title} (kind {source.kind})"
    for what, text in (("attribution", source.attribution), ("licence", source.licence)):
        if text:
            yield f"{what}: {text}"
    yield f"variables: {', '.join(source.variables)}"
    runs = ", ".join(f"{hour:02d}" for hour in source.run_hours)
    yield f"runs at {runs} UTC, there {source.delay_h:g} h later, {source.horizon_h} h are read"
    for name, place in source.locations.items():
        yield f"location {name}" + (f": {place.latitude:g}, {place.longitude:g}" if place else "")


def stored_of(stored: Sequence[StoredWeather]) -> Iterator[str]:
    """What is stored of a weather source, a line for each location, variable and kind."""
    for one in stored:
        yield (
            f"stored: {one.location} {one.variable}, {one.publications:,} of kind {one.kind}, hours "
            f"{format_utc(one.first)} to {format_utc(one.end)}, newest start {format_utc(one.newest_start)}"
        )
    if not stored:
        yield "stored: nothing yet; workers store what the poller publishes"


def publications_shown(publications: Sequence[Variables]) -> Iterator[str]:
    """The newest publication of each location."""
    if not publications:
        yield "read: no run that could be had by now; compare run_hours and delay_h with the publisher's schedule"
        return
    yield f"read: {len(publications)} publications"
    newest = {one[0].location: one for one in sorted(publications, key=lambda one: one[0].start)}
    for location, publication in newest.items():
        for one in publication:
            hours = ", ".join(f"{value:.1f}" for value in one.values[:SHOWN_HOURS])
            available_at = format_utc(from_microseconds(one.available_us).replace(microsecond=0))
            start, first = format_utc(from_hour(one.start)), format_utc(from_hour(one.first))
            yield (
                f"{location} {one.variable}: {one.kind} of {start}, available {available_at}, {len(one.values)} hours "
                f"from {first}: {hours} …"
            )
