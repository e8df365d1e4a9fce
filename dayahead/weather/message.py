"""Weather as a message of `observations`: one publication of one location, sent to every partition of the topic.

A message with the field `weather` is one of these, all others are rows (dayahead.contracts.ObservationBatch). It is
judged by what it says and by when the broker took it, never by the clock of its reader, and accepted or rejected as a
whole: a run with a wrong unit in one hour is not to be trusted in the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from dayahead.contracts import Message, UtcTime
from dayahead.errors import ContractError, DeadLetterCode
from dayahead.hours import HOUR_US, Hour, format_utc, from_hour, from_microseconds, to_hour, to_microseconds
from dayahead.row_reading import moment_of
from dayahead.rules import check_known, check_published, shown
from dayahead.weather.timeline import AHEAD_HOURS
from dayahead.weather.values import Variable, WeatherKind, WeatherValues

MAX_HOURS = AHEAD_HOURS
"""Hours of one publication, and hours after its start that a run may reach: as many as are kept of it."""

LIMITS: Mapping[Variable, tuple[float, float]] = {
    Variable.TEMPERATURE: (-90.0, 60.0),
    Variable.RADIATION: (-20.0, 1500.0),
    Variable.WIND_SPEED: (0.0, 120.0),
    Variable.HUMIDITY: (0.0, 110.0),
}
"""Least and greatest plausible value of an hour: beyond it the unit or the column is wrong."""

Hourly = Annotated[float, Field(strict=True, allow_inf_nan=False)] | None


class WeatherBatch(Message):
    """Weather of one location in `observations`: a run of a model, or observed hours; sent to every partition."""

    weather: str = Field(
        pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", description="Name of the weather source that published the values"
    )
    available_at: UtcTime = Field(
        description="When the source published the values, UTC; at most 10 minutes after the message arrives"
    )
    location: str = Field(min_length=1, max_length=100, description="Name of the location in the weather source")
    kind: WeatherKind = Field(description="`run`: forecast by a weather model; `observed`: measured or analysed")
    start: UtcTime | None = Field(
        default=None,
        description="Hour that the run was started from, UTC, which is not when it could be had; null for observed",
    )
    first: UtcTime = Field(description="Start of the first hour, UTC; of a run not before `start`")
    values: dict[Variable, Annotated[list[Hourly], Field(min_length=1, max_length=MAX_HOURS)]] = Field(
        min_length=1,
        description="By variable, whose name has its unit: the mean of each hour from `first` on, null where it is "
        "missing. All of one length; a run ends at most 432 hours after its start, observed hours have begun by "
        "`available_at`",
    )


@dataclass(frozen=True)
class WeatherPublication:
    """A publication of a weather source.

    Attributes:
        source: name of the weather source.
        values: those of each variable, of one location.
    """

    source: str
    values: tuple[WeatherValues, ...]


def weather_bytes(source: str, values: Sequence[WeatherValues]) -> bytes:
    """The bytes of a `WeatherBatch`.

    Args:
        source: name of the weather source.
        values: of one publication of one location, each variable once.

    Raises:
        ValueError: they are no single publication, or there are none.
    """
    if not values:
        raise ValueError(f"a message of weather of {source} needs the values of a variable")
    one = values[0]
    expected = (one.location, one.kind, one.start, one.available_us, one.first, len(one.values))
    for other in values[1:]:
        found = (other.location, other.kind, other.start, other.available_us, other.first, len(other.values))
        if found != expected:
            raise ValueError(f"one message of weather of {source} holds one publication, not {expected} and {found}")
    by_variable = {other.variable.value: other.values for other in values}
    if len(by_variable) < len(values):
        raise ValueError(f"a message of weather of {source} and {one.location} has a variable twice")
    return orjson.dumps(
        {
            "weather": source,
            "available_at": format_utc(from_microseconds(one.available_us)),
            "location": one.location,
            "kind": one.kind.value,
            "start": format_utc(from_hour(one.start)) if one.kind is WeatherKind.RUN else None,
            "first": format_utc(from_hour(one.first)),
            # writes a missing hour, which is NaN, as null
            "values": {name: np.ascontiguousarray(of_variable) for name, of_variable in by_variable.items()},
        },
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def is_weather(body: object) -> bool:
    """Check whether a message of `observations`, as JSON gives it, is one of weather."""
    return isinstance(body, dict) and "weather" in body


def read_weather(body: Mapping[str, Any], received_us: int | None) -> WeatherPublication:
    """Read a message of weather.

    Args:
        body: as JSON gives it.
        received_us: when the broker took it, microseconds since 1970; None where that is not known.

    Raises:
        ContractError: it breaks the contract.
    """
    for name in ("available_at", "start", "first"):
        if body.get(name) is not None:
            moment_of(body[name], name)
    try:
        batch = WeatherBatch.model_validate(body)
    except ValidationError as error:
        raise _broken(error) from error
    if not batch.location.isprintable():
        raise _not_weather(f"location must be a name, not {shown(batch.location)}")
    if received_us is not None:
        check_published(batch.available_at, received_us)
    return WeatherPublication(batch.weather, _values(batch))


def _values(batch: WeatherBatch) -> tuple[WeatherValues, ...]:
    is_run = batch.kind is WeatherKind.RUN
    if is_run is (batch.start is None):
        raise _not_weather("a run has a start, observed weather has none (null)")
    first = _hour(batch.first, "first")
    start = first if batch.start is None else _hour(batch.start, "start")
    lengths = {len(hours) for hours in batch.values.values()}
    if len(lengths) > 1:
        raise _not_weather(f"the lists of all variables must have one length, not {sorted(lengths)}")
    end = first + lengths.pop()
    if first < start:
        raise _not_weather(f"the run starts at {format_utc(from_hour(start))} and has hours before")
    if end > start + MAX_HOURS:
        raise _not_weather(f"the run has {end - start} hours from its start on, {MAX_HOURS} are the most")
    available_us = to_microseconds(batch.available_at)
    known_from = start if is_run else end - 1
    check_known(known_from * HOUR_US, available_us, format_utc(from_hour(known_from)))
    return tuple(
        WeatherValues(
            location=batch.location,
            variable=variable,
            kind=batch.kind,
            start=start,
            available_us=available_us,
            first=first,
            values=_plausible(variable, hours),
        )
        for variable, hours in sorted(batch.values.items())
    )


def _plausible(variable: Variable, hours: Sequence[float | None]) -> NDArray[np.float32]:
    # as float64 first: a value beyond float32 must not become infinite before it is compared
    values = np.array([np.nan if value is None else value for value in hours], np.float64)
    low, high = LIMITS[variable]
    known = values[np.isfinite(values)]
    if not len(known):
        raise ContractError(DeadLetterCode.NULL_VALUE, f"{variable} has no value: leave it out")
    wrong = known[(known < low) | (known > high)]
    if len(wrong):
        raise ContractError(
            DeadLetterCode.ABSURD_VALUE,
            f"{variable} is {wrong[0]:g}, {low:g} to {high:g} is plausible: check its unit",
        )
    return values.astype(np.float32)


def _hour(moment: Any, name: str) -> Hour:
    if moment.minute or moment.second or moment.microsecond:
        raise ContractError(
            DeadLetterCode.NOT_ON_THE_HOUR, f"{name} {format_utc(moment)!r} is not the start of an hour"
        )
    return to_hour(moment)


def _broken(error: ValidationError) -> ContractError:
    """The first fault that pydantic finds, with the code that says most about it."""
    fault = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    # values, variable, number of the hour
    if fault["loc"][:1] == ("values",) and len(fault["loc"]) > 2 and isinstance(fault["loc"][2], int):
        return ContractError(DeadLetterCode.NOT_A_NUMBER, f"{shown(place)}: {fault['msg']}")
    return _not_weather(f"{shown(place)}: {fault['msg']}")


def _not_weather(reason: str) -> ContractError:
    return ContractError(DeadLetterCode.NOT_WEATHER, reason)
