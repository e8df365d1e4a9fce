"""Reads Open-Meteo: runs of many weather models for any place.

Its APIs differ in what they say about a run (https://open-meteo.com/en/docs, and the server's source, which is open):

- Forecast: the newest run, joined to those before it; `static/meta.json` of the model says which run that is.
- Single Runs: one run, by its start.
- Previous Runs: for each hour the value that was forecast a number of whole days before it.
- Historical Forecast: the first hours of each run, joined.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import numpy as np

from dayahead.errors import SourceUnavailable
from dayahead.hours import Hour, from_hour, to_hour, to_microseconds
from dayahead.reading.http.key import key_of
from dayahead.reading.source_kind import Surroundings
from dayahead.weather.open_meteo_answer import NAMES, Hourly
from dayahead.weather.open_meteo_api import NO_RUN, OpenMeteoApi, OpenMeteoFields
from dayahead.weather.publication import Variables, publications_of
from dayahead.weather.source import WeatherSource
from dayahead.weather.values import Variable, WeatherKind, WeatherValues
from dayahead.weather.weather_kind import WeatherSourceKind, fields_in

SETTLE = timedelta(minutes=10)
"""The servers of the publisher do not all have a run at once: it is read this long after it is said to be there."""

DAY_H = 24
MOST_BACK_DAYS = 7
"""Days before an hour of which Previous Runs has forecasts."""


class OpenMeteoKind(WeatherSourceKind):
    """The public service, with a key or without, or a server of your own."""

    name = "open-meteo"
    fields = OpenMeteoFields
    needs_coordinates = True

    def reader(self, source: WeatherSource, surroundings: Surroundings) -> "OpenMeteo":
        """See `WeatherSourceKind.reader`."""
        fields = fields_in(self, source.model_extra or {})
        assert isinstance(fields, OpenMeteoFields)
        key = None
        if fields.key is not None:
            key = key_of(source.name, fields.key, surroundings.keys, "query", "apikey")
        return OpenMeteo(source, fields, OpenMeteoApi(source, fields, surroundings, key))


class OpenMeteo:
    """The runs of one model at the locations of one source.

    Attributes:
        chunk_h: hours of starts that one call of `archive` should span.
    """

    def __init__(self, source: WeatherSource, fields: OpenMeteoFields, api: OpenMeteoApi) -> None:
        """Store the arguments; no request is sent yet.

        Args:
            source: kind open-meteo.
            fields: its fields.
            api: sends its requests.
        """
        self._source, self._fields, self._api = source, fields, api
        self._names = [NAMES[one] for one in source.variables]
        self.chunk_h = DAY_H if fields.archive == "single-runs" else 14 * DAY_H

    def news(self, newest: Hour | None, now: datetime) -> Sequence[Variables]:
        """See `WeatherReader.news`: the newest run; and before it, where runs were missed, their first hours."""
        schedule = self._source.schedule
        due = schedule.newest_due(now)
        if newest is not None and newest >= due:
            return []
        model = self._fields.metadata
        found = self._newest_of_forecast(model, newest, now) if model else self._newest_single(newest, due, now)
        if found is None:
            return []
        start, values = found
        self._check_whole(values)
        oldest = to_hour(now) - self._source.history_h
        passed = schedule.starts(oldest if newest is None else max(oldest, newest + 1), start)
        return publications_of([*self._joined(passed, start, now), *values])

    def archive(self, first: Hour, end: Hour) -> Sequence[Variables]:
        """See `WeatherReader.archive`."""
        starts = self._source.schedule.starts(first, end)
        if self._fields.archive == "historical-forecast":
            return publications_of(self._days(first, end))
        if not starts:
            return []
        if self._fields.archive == "previous-runs":
            return publications_of(self._of_previous_days(starts))
        runs = [self._single(start, self._source.schedule.due_at(start)) or [] for start in starts]
        return publications_of([one for run in runs for one in run])

    def _check_whole(self, values: Sequence[WeatherValues]) -> None:
        """Check that a run has its first variable for each location: it may be there in part.

        Raises:
            SourceUnavailable: it does not.
        """
        first = self._source.variables[0]
        there = {one.location for one in values if one.variable is first}
        if missing := [name for name in self._source.locations if name not in there]:
            raise SourceUnavailable(
                f"weather source {self._source.name}: the run has no {first} for {', '.join(missing)}; if that stays, "
                "check model and locations",
                cause="bad_answer",
            )

    def _newest_of_forecast(
        self, model: str, newest: Hour | None, now: datetime
    ) -> tuple[Hour, list[WeatherValues]] | None:
        """The run that the Forecast API starts with; None if that was published, or is not on all servers yet."""
        start, there = self._api.metadata(model)
        if (newest is not None and start <= newest) or now < there + SETTLE:
            return None
        return start, self._forecast(
            start, start + self._source.horizon_h, lambda hourly: self._run(hourly, start, now)
        )

    def _newest_single(self, newest: Hour | None, due: Hour, now: datetime) -> tuple[Hour, list[WeatherValues]] | None:
        """The newest run of the last day that Single Runs has; None if that was published."""
        oldest = due - DAY_H if newest is None else max(newest + 1, due - DAY_H)
        for start in reversed(self._source.schedule.starts(oldest, due + 1)):
            if (values := self._single(start, now)) is not None:
                return start, values
        return None

    def _single(self, start: Hour, available_at: datetime) -> list[WeatherValues] | None:
        hours = self._source.horizon_h
        parameters = {"run": _text(start), "forecast_hours": str(hours + 1)}
        try:
            return [
                one
                for hourly in self._api.hourly("single-runs", self._names, start, parameters, hours / DAY_H)
                for one in self._run(hourly, start, available_at)
            ]
        except SourceUnavailable as error:
            if error.cause == NO_RUN:
                return None
            raise

    def _joined(self, starts: Sequence[Hour], end: Hour, now: datetime) -> list[WeatherValues]:
        """The first hours of some runs, each up to the next start, as the Forecast API joins them."""
        if not starts:
            return []

        def pieces(hourly: Hourly) -> list[WeatherValues]:
            return [
                one
                for start, until in zip(starts, [*starts[1:], end], strict=True)
                for one in self._run(hourly, start, now, until)
            ]

        return self._forecast(starts[0], end, pieces)

    def _forecast(self, first: Hour, end: Hour, read: Callable[[Hourly], list[WeatherValues]]) -> list[WeatherValues]:
        # an hour needs the instant at its end too
        parameters = {"start_hour": _text(first), "end_hour": _text(end)}
        answers = self._api.hourly("", self._names, first, parameters, (end - first) / DAY_H)
        return [one for hourly in answers for one in read(hourly)]

    def _run(
        self, hourly: Hourly, start: Hour, available_at: datetime, until: Hour | None = None
    ) -> list[WeatherValues]:
        """The variables of one location from the start of a run on.

        Args:
            hourly: what was answered.
            start: of the run.
            available_at: when it could be had.
            until: the hour after the last; None: the horizon.
        """
        until = start + self._source.horizon_h if until is None else until
        return [
            self._values(hourly, one, NAMES[one], WeatherKind.RUN, start, until, available_at)
            for one in self._source.variables
            if hourly.has(NAMES[one], start, until)
        ]

    def _of_previous_days(self, starts: Sequence[Hour]) -> list[WeatherValues]:
        """What was known at each start: of the first day the forecast of the day before, and so on.

        A value of an hour that was forecast a day before that hour was known at any start within the day before it.
        """
        horizon = min(self._source.horizon_h, MOST_BACK_DAYS * DAY_H)
        days = range(-(-horizon // DAY_H))
        names = {(one, day): f"{NAMES[one]}_previous_day{day + 1}" for one in self._source.variables for day in days}
        first, end = starts[0], starts[-1] + horizon
        parameters = {"start_hour": _text(first), "end_hour": _text(end)}
        found = []
        for hourly in self._api.hourly("previous-runs", list(names.values()), first, parameters, (end - first) / DAY_H):
            for start in starts:
                for one in self._source.variables:
                    parts = [
                        hourly.means(names[one, day], start + day * DAY_H, start + min((day + 1) * DAY_H, horizon))
                        for day in days
                    ]
                    values = np.concatenate(parts)
                    if np.isfinite(values).any():
                        due_us = to_microseconds(self._source.schedule.due_at(start))
                        found.append(WeatherValues(hourly.location, one, WeatherKind.RUN, start, due_us, start, values))
        return found

    def _days(self, first: Hour, end: Hour) -> list[WeatherValues]:
        """The hours of each day as Historical Forecast has them, available after the day."""
        parameters = {"start_hour": _text(first), "end_hour": _text(end)}
        found = []
        for hourly in self._api.hourly("historical-forecast", self._names, first, parameters, (end - first) / DAY_H):
            for day in range(first, end, DAY_H):
                until = min(day + DAY_H, end)
                available_at = from_hour(until) + self._source.schedule.delay
                found += [
                    self._values(hourly, one, NAMES[one], WeatherKind.OBSERVED, day, until, available_at)
                    for one in self._source.variables
                    if hourly.has(NAMES[one], day, until)
                ]
        return found

    @staticmethod
    def _values(
        hourly: Hourly, one: Variable, name: str, kind: WeatherKind, first: Hour, until: Hour, available_at: datetime
    ) -> WeatherValues:
        values = hourly.means(name, first, until)
        known = np.flatnonzero(np.isfinite(values))
        values = values[: known[-1] + 1]  # beyond the horizon of the model there are nulls
        return WeatherValues(hourly.location, one, kind, first, to_microseconds(available_at), first, values)


def _text(hour: Hour) -> str:
    return f"{from_hour(hour):%Y-%m-%dT%H:%M}"
