"""What a source is: one YAML file a dataset, the only place that knows its columns, zone, unit and habits.

The definition is also kept in TimescaleDB (table `source`), so that every service reads the same one. How its records
are fetched is the business of its kind (`dayahead/reading/source_kind.py`), whose own fields are kept as they are.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from holidays import list_supported_countries
from pydantic import Field, field_validator, model_validator

from dayahead.features.calendar import Calendar
from dayahead.horizon import LEAST_LEADS, MAX_LEADS, default_horizon_h
from dayahead.local_day import hours_of_day, local_date, moment_on
from dayahead.record_format import ALL_COLUMNS, RecordFormat, known_zone
from dayahead.weather.places import WeatherPlaces

Hours = Annotated[float, Field(gt=0, le=24 * 366 * 2)]

OLDEST = date(1990, 1, 1)
"""Hourly series go back no further; clocks that lost their time say 1970 or 1980."""

TOTALS_SUFFIX = "-totals"
MAX_SUMMED_NAME = 60 - len(TOTALS_SUFFIX)
"""Longest name of a source with totals, in characters."""

GATE = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
"""A time of day as `gates` has it."""


@dataclass(frozen=True)
class Gate:
    """A moment at which the forecast of the next day of the calendar is kept as it stands.

    Attributes:
        name: local time of day, HH:MM.
        moment: when it is, UTC.
        day: the day of the calendar that is forecast.
        time_zone: of the day.
        hours: of the day: 23, 24 or 25.
    """

    name: str
    moment: datetime
    day: date
    time_zone: str
    hours: range


class Source(RecordFormat):
    """One dataset: where its hours come from and what they mean."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", description="Name of the source inside Dayahead")
    kind: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]*$",
        description="How the source is read: file, http-json, the kind of a publisher, or push (its rows are sent)",
    )
    title: str = Field(min_length=1, description="What a person reads: dataset and publisher")
    attribution: str = Field(default="", description="Credit that the licence asks for; shown on the page")

    key_columns: list[str] = Field(
        min_length=1, description="Columns whose values make a series, in the order of the series_id"
    )
    value_column: str | None = Field(
        default=None, description="Column with the value; leave it out where value_columns is given"
    )
    value_columns: dict[str, str] | Literal["all"] = Field(
        default_factory=dict,
        description="For a record with several series side by side: column -> last label of the series_id; all: every "
        "column without another use, labelled by its name",
    )
    value_label: str | None = Field(
        default=None, description="Label name that value_columns adds to the key columns, e.g. ConsumerType"
    )
    constant_labels: dict[str, str] = Field(
        default_factory=dict, description="Label values to put where the data have no such column"
    )
    filters: dict[str, list[str]] = Field(
        default_factory=dict, description="Keep only records whose column has one of these values"
    )
    label_values: dict[str, list[str]] = Field(
        default_factory=dict, description="Label -> values that it may have; a series with another one is refused"
    )
    label_patterns: dict[str, str] = Field(
        default_factory=dict, description="Label -> regular expression that the whole value must match"
    )
    unit: str = Field(min_length=1, description="Unit of the value of one hour, e.g. kWh")
    minimum: float | None = Field(default=None, description="Least plausible value of an hour, in unit")
    maximum: float | None = Field(default=None, description="Greatest plausible value of an hour, in unit")
    oldest: date = Field(default=OLDEST, description="First day that values are accepted for (UTC)")

    local_time_zone: str = Field(
        default="UTC", description="Time zone that people live by there: hours of the day and holidays follow it"
    )
    country: str | None = Field(default=None, description="Country of the holiday calendar, ISO 3166 (DK)")
    subdivision: str | None = Field(default=None, description="Subdivision of the holiday calendar, if it matters")

    horizon_h: int | None = Field(
        default=None,
        ge=LEAST_LEADS,
        le=MAX_LEADS,
        description="Hours after the newest observed one that a forecast holds, 24 to 408; left out: 49 and the lag "
        "and interval of publication, to reach the end of tomorrow at every hour of the day",
    )
    clock: str = Field(
        default="wall",
        pattern="^(wall|replay)$",
        description="What `now` is: the clock on the wall, or in a replay of past hours the moment at which the newest "
        "observed hour was due to be published",
    )
    gates: list[str] = Field(
        default_factory=list,
        description="Times of day (local_time_zone, HH:MM) at which the forecast of the next day of the calendar is "
        "kept as it stands, published to topic day-ahead, and later scored by itself",
    )
    predecessor: dict[str, Any] | None = Field(
        default=None,
        description="Fields in which an earlier dataset of the same series differs from this one, and until: the first "
        "hour (UTC) that counts from this one",
    )
    publication_lag_h: float = Field(
        default=1, ge=0, description="Hours from the start of an hour to its publication, as the publisher states it"
    )
    publication_interval_h: Hours = Field(
        default=1, description="Hours between publications: 1 for hourly, 24 where a day comes at once"
    )
    totals: bool = Field(
        default=False,
        description="Whether its series are summed to totals by area and of the whole source, as series of their own",
    )
    weather: WeatherPlaces | None = Field(
        default=None,
        description="Weather that its series follow: the weather source, and the location of each area or series, or "
        "weights of several locations; left out, forecasts are made from load alone",
    )
    totals_of: str | None = Field(
        default=None, description="Name of the source whose values it sums; set by Dayahead, not in a file"
    )
    forecast_of: str | None = Field(
        default=None,
        description="For a forecast that another makes, such as the grid operator: name of the source of the observed "
        "values. It is stored and scored in comparison with Dayahead's, never forecast from; its labels make the same "
        "series_id as those of that source, its unit is the same",
    )
    published_column: str | None = Field(
        default=None,
        description="With forecast_of: column with the time at which the forecast was published, ISO 8601; left out, a "
        "value counts from the moment it was received",
    )
    poll_interval_s: float = Field(default=300, gt=0, description="Seconds between two requests; jitter is added")
    revision_window_h: float = Field(
        default=48, ge=0, description="Hours before the newest that are read again, since the publisher revises them"
    )
    page_h: Hours = Field(default=24 * 31, description="Hours that one request of a backfill spans")
    history_h: Hours = Field(default=24 * 42, description="Hours before now that the first poll fetches")
    stale_after_h: Hours = Field(
        default=6, description="A series this many hours behind the newest hour of its source is stale"
    )
    stale_after_intervals: float = Field(
        default=2,
        ge=1,
        description="Publication intervals without a new hour, and two polls, after which the source itself is stale",
    )

    @field_validator("local_time_zone")
    @classmethod
    def _known_local_zone(cls, name: str) -> str:
        return known_zone(name)

    @field_validator("gates", mode="before")
    @classmethod
    def _times_of_day(cls, gates: object) -> object:
        if not isinstance(gates, list):
            raise ValueError(f'{gates!r} is no list of times of day: write it like ["11:00"]')  # noqa: TRY004 - pydantic's
        for gate in gates:  # YAML reads 11:00 without quotes as the number 660
            if not isinstance(gate, str) or not GATE.fullmatch(gate):
                raise ValueError(f'{gate!r} is no time of day: write HH:MM in quotes, like "11:00"')
        if len(set(gates)) < len(gates):
            raise ValueError(f"gates {', '.join(gates)}: name each once")
        return gates

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.value_column) == bool(self.value_columns):
            raise ValueError("give either value_column or value_columns")
        if bool(self.value_columns) != bool(self.value_label):
            raise ValueError("value_columns needs value_label, the name of the label that it adds, and only then")
        names = self.label_names
        if not all(names) or len(set(names)) < len(names):
            raise ValueError(f"labels {names} (key_columns, value_label) must have names that differ")
        if stray := self.constant_labels.keys() - set(self.key_columns):
            raise ValueError(f"constant_labels {', '.join(sorted(stray))} must be among key_columns")
        if not all(label.strip() for label in [*self.constant_labels.values(), *self.named_values.values()]):
            raise ValueError("constant_labels and value_columns must not give an empty or blank label")
        if len(set(self.named_values.values())) < len(self.named_values):
            raise ValueError(f"value_columns {self.value_columns} gives two columns the same label")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValueError(f"minimum {self.minimum:g} is above maximum {self.maximum:g}")
        if self.totals and len(self.name) > MAX_SUMMED_NAME:
            raise ValueError(
                f"name {self.name!r} has {len(self.name)} characters: with totals it may have {MAX_SUMMED_NAME}, "
                f"since that of the totals is {self.name}{TOTALS_SUFFIX}"
            )
        return self

    @model_validator(mode="after")
    def _comparable(self) -> Self:
        if self.forecast_of is None:
            if self.published_column is not None:
                raise ValueError("published_column needs forecast_of: other values count from their receipt")
            return self
        if self.forecast_of == self.name:
            raise ValueError(f"forecast_of {self.name!r} is the source itself: name the one with the observed values")
        for setting, given in (("totals", self.totals), ("gates", self.gates), ("horizon_h", self.horizon_h)):
            if given:
                raise ValueError(f"{setting} is for observed values: put it into source {self.forecast_of}")
        if self.kind == "push":
            raise ValueError("forecast_of needs a source that is polled, and kind push is not")
        return self

    @model_validator(mode="after")
    def _known_labels(self) -> Self:
        for setting, labels in (("label_values", self.label_values), ("label_patterns", self.label_patterns)):
            if stray := labels.keys() - set(self.label_names):
                raise ValueError(f"{setting} {', '.join(sorted(stray))} must be among the labels {self.label_names}")
        for label, pattern in self.label_patterns.items():
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"label_patterns {label}: {pattern!r} is no regular expression: {error}") from error
        return self

    @model_validator(mode="after")
    def _known_holidays(self) -> Self:
        if self.country is None and self.subdivision is not None:
            raise ValueError("subdivision needs country")
        if self.country is not None:
            known = list_supported_countries()
            if self.country not in known:
                raise ValueError(f"country {self.country!r} has no holiday calendar: give an ISO 3166 code like DK")
            if self.subdivision is not None and self.subdivision not in known[self.country]:
                there = ", ".join(known[self.country]) or "none"
                raise ValueError(f"country {self.country} has no subdivision {self.subdivision!r}; there are: {there}")
        return self

    @property
    def leads(self) -> int:
        """Hours after its newest hour that a series is forecast."""
        return self.horizon_h or default_horizon_h(self.publication_lag_h, self.publication_interval_h)

    @cached_property
    def calendar(self) -> Calendar:
        """Time zone and holidays that its consumers live by."""
        return Calendar(self.local_time_zone, self.country, self.subdivision)

    @property
    def label_names(self) -> list[str]:
        """Names of the labels of a series_id, in its order."""
        return [*self.key_columns, self.value_label] if self.value_label else list(self.key_columns)

    @property
    def allowed_labels(self) -> dict[str, set[str]]:
        """Label -> the values that a series may have, for the labels of which that is known."""
        known = [
            self.label_values,
            {label: [value] for label, value in self.constant_labels.items()},
            {label: values for label, values in self.filters.items() if label in self.label_names},
            {self.value_label: list(self.named_values.values())} if self.value_label and self.named_values else {},
        ]
        allowed: dict[str, set[str]] = {}
        for labels in known:
            for label, values in labels.items():
                allowed[label] = allowed[label] & set(values) if label in allowed else set(values)
        return allowed

    @property
    def label_columns(self) -> list[str]:
        """The columns that labels are read from."""
        return [name for name in self.key_columns if name not in self.constant_labels]

    @property
    def named_values(self) -> Mapping[str, str]:
        """The value columns that the source names, with their labels; empty for one column, or all of them."""
        return {} if self.value_columns == ALL_COLUMNS else self.value_columns  # type: ignore[return-value]

    @property
    def data_columns(self) -> list[str]:
        """Every column that the source names."""
        values = [self.value_column] if self.value_column else list(self.named_values)
        others = [column for column in (self.mark_column, self.published_column) if column]
        return list(dict.fromkeys([*self.times, *self.label_columns, *values, *self.filters, *others]))

    def values_in(self, columns: Iterable[str]) -> dict[str, str | None]:
        """The value columns of a table, each with the label that it adds to the series; None: it adds none.

        Args:
            columns: of the table. Only `value_columns: all` depends on them.
        """
        if self.value_column:
            return {self.value_column: None}
        if self.value_columns != ALL_COLUMNS:
            return dict(self.named_values)
        own = set(self.data_columns)
        return {name: name for name in columns if name not in own}

    @property
    def area_label(self) -> str:
        """The label that accuracy and metrics are grouped by: the first one."""
        return self.label_names[0]

    @property
    def publication_lag(self) -> timedelta:
        """From the start of an hour to its publication."""
        return timedelta(hours=self.publication_lag_h)

    def now(self, wall: datetime, newest_hour: datetime | None) -> datetime:
        """The present moment of the source: today, tomorrow, gates and expiry are counted from it.

        Args:
            wall: the clock on the wall, UTC.
            newest_hour: start of the newest hour of any of its series; None before the first.
        """
        return wall if self.clock == "wall" or newest_hour is None else newest_hour + self.publication_lag

    def passed_gates(self, now: datetime, since: timedelta) -> list["Gate"]:
        """List the gates that have passed within a while, oldest first.

        A gate of a day without hours (a zone may skip one) does not count.

        Args:
            now: the present moment of the source.
            since: how long ago a gate may have been.
        """
        zone = self.local_time_zone
        found = []
        day = local_date(now - since, zone)
        while day <= local_date(now, zone):
            tomorrow = day + timedelta(days=1)
            for gate in self.gates:
                moment = moment_on(day, time.fromisoformat(gate), zone)
                hours = hours_of_day(tomorrow, zone)
                if now - since <= moment < now and hours:
                    found.append(Gate(gate, moment, tomorrow, zone, hours))
            day = tomorrow
        return sorted(found, key=lambda one: one.moment)

    @property
    def silence_allowed(self) -> timedelta:
        """How long no new hour may come before the source is stale: for the API, the page and the alert alike."""
        publications = timedelta(hours=self.stale_after_intervals * self.publication_interval_h)
        return publications + 2 * timedelta(seconds=self.poll_interval_s)
