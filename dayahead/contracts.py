"""What travels between the services: one pydantic model a message, generated into JSON Schemas and AsyncAPI.

Every moment is UTC. `valid_time` is the start of the hour that a value is for, `available_at` when its source
published it, `origin` the last observed hour that a forecast uses, `lead` the hours after the origin (from 1 on).
"""

from datetime import date
from enum import IntEnum, IntFlag, StrEnum
from functools import cache
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from dayahead.horizon import MAX_LEADS
from dayahead.hours import format_utc

MAX_ROWS_PER_MESSAGE = 500
"""Rows that one message of `observations` may hold."""

MAX_MESSAGE_BYTES = 1024 * 1024
"""Bytes that one message of `observations` may have: several times what 500 rows need."""

ABSURD_MAGNITUDE = 1e15
"""No hour of any series is beyond this in its unit: more is a broken meter or a wrong column."""

UtcTime = Annotated[
    AwareDatetime,
    PlainSerializer(format_utc, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Rung(IntEnum):
    """How far a forecast is degraded; 0 is the full model."""

    FULL = 0
    DEGRADED_INPUT = 1
    PREVIOUS_RELEASE = 2
    PROFILE = 3
    LAST_VALUE = 4
    NONE = 5

    @property
    def meaning(self) -> str:
        """The words that people read."""
        return _RUNG_MEANINGS[self]


_RUNG_MEANINGS = {
    Rung.FULL: "full model",
    Rung.DEGRADED_INPUT: "full model on degraded input",
    Rung.PREVIOUS_RELEASE: "previous release of the model",
    Rung.PROFILE: "weekly or daily profile",
    Rung.LAST_VALUE: "last value",
    Rung.NONE: "no forecast yet: less than 24 hours of history",
}


class Reason(IntFlag):
    """Why a forecast is not on rung 0; the lower-case names are the reason codes of the API."""

    GAP = 1
    STUCK_METER = 2
    OUTLIER = 4
    NO_CALENDAR = 8
    SHORT_HISTORY = 16
    NO_RELEASE = 32
    MODEL_FAILED = 64
    OUTPUT_REJECTED = 128
    NO_WEATHER = 256
    WEATHER_STALE = 512

    @classmethod
    def codes(cls, flags: int) -> list[str]:
        """The reason codes in a set of flags, in a fixed order."""
        return list(_codes_of(flags))

    @classmethod
    def meaning(cls, code: str) -> str:
        """The words that people read for a reason code."""
        return _REASON_MEANINGS[cls[code.upper()]]


@cache  # there are few combinations, and every forecast that is sent asks
def _codes_of(flags: int) -> tuple[str, ...]:
    return tuple(reason.name.lower() for reason in Reason if flags & reason and reason.name)


_REASON_MEANINGS = {
    Reason.GAP: "hours are missing in the last week",
    Reason.STUCK_METER: "the same value for hours in the last week: a stuck meter?",
    Reason.OUTLIER: "a value was set aside as implausible",
    Reason.NO_CALENDAR: "no holiday calendar for this source",
    Reason.SHORT_HISTORY: "less history than the model wants",
    Reason.NO_RELEASE: "no model release has been promoted yet",
    Reason.MODEL_FAILED: "the model could not be computed",
    Reason.OUTPUT_REJECTED: "the model's output failed its checks",
    Reason.NO_WEATHER: "the weather does not cover every hour: hours without it are forecast from load alone",
    Reason.WEATHER_STALE: "the newest run of the weather is too old to be used: forecast from load alone",
}


class Message(BaseModel):
    """A message: unknown fields are refused, so that a misspelt one is seen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ObservationBatch(Message):
    """Rows of `observations`: measured values of one source, all of the partition that the message is sent to."""

    source: str = Field(min_length=1, description="Name of the source that published the values")
    available_at: UtcTime = Field(
        description="When the source published the values, UTC; at most 10 minutes after the message arrives"
    )
    refresh: bool = Field(
        default=True,
        description="Whether the touched series are recomputed; backfill sends false",
    )
    rows: list[tuple[str, UtcTime, float]] = Field(
        min_length=1,
        max_length=MAX_ROWS_PER_MESSAGE,
        description="[series_id, valid_time (start of the hour, UTC), value (in the unit of the source)]",
    )


class ForecastMessage(Message):
    """One forecast: message of `forecasts`, value in Redis and body of the API, byte for byte the same."""

    series_id: str = Field(description="The series: label values joined by /")
    origin: UtcTime = Field(description="Start of the last observed hour that the forecast uses, UTC")
    issued_at: UtcTime = Field(description="When the forecast was computed, UTC")
    release: str | None = Field(description="Model release that made it; null where no model did (rungs 3 to 5)")
    rung: Rung = Field(description="0 full model … 5 no forecast yet; of the first 24 leads")
    reasons: list[str] = Field(description="Reason codes for a rung above 0")
    leads: int = Field(
        ge=0, le=MAX_LEADS, description="Hours ahead: as many as the source asks for, 24 or more; 0 on rung 5"
    )
    ends_at: UtcTime | None = Field(
        default=None,
        description="End of the last hour that is forecast, UTC: from then on none of it lies ahead. Null on rung 5; "
        "messages of versions before 0.2 lack it",
    )
    day_rungs: list[Rung] | None = Field(
        default=None,
        description="Rung of each day of the horizon (24 leads, the last may be shorter): the first is `rung`, a later "
        "day is on rung 3 where the naive forecasts it better than the model; messages of versions before 0.3 lack it",
    )
    p50: list[float] = Field(description="Median by lead; the first is for origin + 1 h; in `unit`")
    p10: list[float] = Field(description="10 % quantile by lead, in `unit`")
    p90: list[float] = Field(description="90 % quantile by lead, in `unit`")
    unit: str = Field(description="Unit of the values, per hour")


class DayAheadMessage(Message):
    """The forecast of a day of the calendar as it stood at a gate: message of `day-ahead` and body of the API."""

    series_id: str = Field(description="The series: label values joined by /")
    day: date = Field(description="The day of the calendar that is forecast, in `time_zone`")
    gate: str = Field(description="Local time of day of the gate on the day before, HH:MM, from the source file")
    gate_at: UtcTime = Field(description="When the gate was, UTC: the forecast is the newest one issued by then")
    time_zone: str = Field(description="IANA name of the time zone of the day")
    starts_at: UtcTime = Field(description="Start of the first hour of the day, UTC")
    hours: int = Field(ge=23, le=25, description="Hours of the day: 23 or 25 where the clock is changed")
    complete: bool = Field(
        description="Whether the forecast reaches all hours of the day; if not, its last are missing"
    )
    origin: UtcTime = Field(description="Start of the last observed hour that the forecast uses, UTC")
    issued_at: UtcTime = Field(description="When the forecast was computed, UTC")
    release: str | None = Field(description="Model release that made it; null where no model did (rungs 3 and 4)")
    rung: Rung = Field(description="0 full model … 4 last value; the worst of the hours")
    reasons: list[str] = Field(description="Reason codes of the forecast for a rung above 0")
    p50: list[float] = Field(description="Median by hour, the first is that of `starts_at`; in `unit`")
    p10: list[float] = Field(description="10 % quantile by hour, in `unit`")
    p90: list[float] = Field(description="90 % quantile by hour, in `unit`")
    unit: str = Field(description="Unit of the values, per hour")


class DriftKind(StrEnum):
    """What drifted: the inputs (data) or the errors (concept)."""

    DATA = "data"
    CONCEPT = "concept"


class DriftEvent(Message):
    """A series whose inputs or errors changed their distribution."""

    series_id: str = Field(description="The series")
    kind: DriftKind = Field(description="`data`: the inputs changed; `concept`: the errors did")
    valid_time: UtcTime = Field(description="Start of the hour at which the detector fired, UTC")
    detector: str = Field(
        description="The detector that fired, and its input; with the ending :weather-adjusted the effect of the "
        "temperature was taken off"
    )
    statistic: float = Field(description="The detector's estimate after the change, in units of the series' scale")


class RetuneRequest(Message):
    """A wish for a new model: by an alert, by a person, by drift."""

    requested_at: UtcTime = Field(description="When it was asked, UTC")
    requested_by: str = Field(description="Who asks: an alert's name, `api`, `schedule`")
    reason: str = Field(description="Why, in a sentence")


class ReleaseAnnouncement(Message):
    """A release became the champion; compacted by key `champion`."""

    release: str = Field(description="Content-addressed id of the release")
    previous: str | None = Field(description="The champion before, to roll back to")
    promoted_at: UtcTime = Field(description="When, UTC")
    promoted_by: str = Field(description="Who: `trainer`, a person, `rollback`")
    reason: str = Field(description="Why, in a sentence")


class UndeliveredWebhook(Message):
    """A webhook that was given up: what its receiver did not get."""

    receiver: str = Field(description="Name of the receiver")
    webhook_id: str | None = Field(description="Its header webhook-id; null where the message was none of ours")
    given_up_at: UtcTime = Field(description="When, UTC")
    reason: str = Field(description="Why the last attempt failed, in a sentence")
    topic: str = Field(description="Topic that the event was read from")
    partition: int = Field(ge=0, description="Partition of `topic`")
    offset: int = Field(ge=0, description="Offset in `partition`")
    body: str = Field(description="The body that was posted: JSON with type, timestamp and data")


def message_bytes(message: Message) -> bytes:
    """The bytes of a message as they are sent: compact JSON."""
    return message.model_dump_json().encode()
