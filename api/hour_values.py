"""Given hours of a forecast, whatever leads they are: what people act on, from now on or on a day of the calendar."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from api.outlook import Message, Outlook, day_rungs_of, name_of
from api.parameters import Utc
from dayahead.contracts import Rung
from dayahead.horizon import DAY_LEADS
from dayahead.hours import format_utc, from_hour, parse_utc, to_hour

FACTS = ("series_id", "origin", "issued_at", "release", "reasons")
VERDICTS = ("stale", "stale_reason", "expired", "expired_reason")


class HourValues(Outlook):
    """Given hours of a forecast; the lists run side by side with `valid_time`."""

    series_id: str = Field(description="The series")
    origin: Utc = Field(description="Start of the last observed hour that the forecast uses, UTC")
    issued_at: Utc = Field(description="When the forecast was computed, UTC")
    release: str | None = Field(description="Model release that made it; null where no model did")
    rung: Rung = Field(description="The worst rung of the days of the horizon that the hours lie in")
    reasons: list[str] = Field(description="Reason codes for a rung above 0")
    complete: bool = Field(description="Whether every hour has its values")
    unit: str = Field(description="Unit of the values, per hour")
    valid_time: list[Utc] = Field(description="Start of each hour, UTC")
    lead: list[int] = Field(description="Hours from the origin to each hour; below 1 for hours up to the origin")
    p10: list[float | None] = Field(description="10 % quantile of each hour; null where the forecast does not hold it")
    p50: list[float | None] = Field(description="Median of each hour, likewise")
    p90: list[float | None] = Field(description="90 % quantile of each hour, likewise")
    stale: bool | None = Field(description="Whether the series is stale now; null where that is not known")
    stale_reason: str = Field(description="Why it is stale, or why that is not known; empty while it is not stale")
    expired: bool | None = Field(description="Whether more of the forecast is over than lies ahead; null if not known")
    expired_reason: str = Field(description="Why it is expired, or why that is not known; empty while it is not")


def hour_values(message: Message, hours: range, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `HourValues`.

    Args:
        message: the forecast, with its verdicts.
        hours: the hours that are wanted.
        asked: what was worked out on request, by lead.
    """
    first = to_hour(parse_utc(message["origin"])) + 1
    places = [place if 0 <= (place := hour - first) < message["leads"] else None for hour in hours]

    def picked(values: Sequence[float]) -> list[float | None]:
        return [None if place is None else values[place] for place in places]

    rungs = day_rungs_of(message)
    days = {place // DAY_LEADS for place in places if place is not None}
    found = {name: message[name] for name in FACTS} | {
        "rung": max((rungs[day] for day in days), default=message["rung"]),
        "complete": bool(places) and None not in places,
        "unit": message["unit"],
        "valid_time": [format_utc(from_hour(hour)) for hour in hours],
        "lead": [hour - first + 1 for hour in hours],
        "p10": picked(message["p10"]),
        "p50": picked(message["p50"]),
        "p90": picked(message["p90"]),
    }
    if "quantiles" in asked:
        found["quantiles"] = {name: picked(values) for name, values in asked["quantiles"].items()}
    if "above_limit" in asked:
        found |= {"limit": asked["limit"], "above_limit": picked(asked["above_limit"])}
    if "quantile_shape" in asked:
        found["quantile_shape"] = asked["quantile_shape"]
    return found | {name: message[name] for name in VERDICTS}


def as_text(verdict: bool | None) -> str:
    """A verdict in a table; empty where it is not known."""
    return "" if verdict is None else str(verdict).lower()


def extra_columns(levels: Sequence[float], limit: float | None = None) -> list[str]:
    """Names of the columns that a request adds to a table."""
    names = [name for name in map(name_of, levels) if name not in {"p10", "p50", "p90"}]
    return names if limit is None else [*names, "above_limit"]


def extra_cells(fields: Mapping[str, Any], names: Sequence[str], index: int) -> list[float | None]:
    """The cells of those columns in the row of an hour."""
    return [
        fields["above_limit"][index] if name == "above_limit" else fields["quantiles"][name][index] for name in names
    ]
