"""`/v1/accuracy-by-hour/{series_id}`: accuracy of one series by lead and by hour of the local day."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import psycopg
from pydantic import BaseModel, Field

from api.backends import Backends, Use
from api.edge.route import resource
from api.parameters import SeriesIds, Utc, series_key_of
from api.problems import NOT_FOUND
from api.resources.accuracy import DECIMALS, Days, End
from dayahead.evaluation.error_groups import ErrorGroups
from dayahead.horizon import DAY_LEADS
from dayahead.hours import from_hour
from dayahead.storage.status import read_sources
from dayahead.storage.tables.observation import read_observations
from dayahead.storage.tables.score import ACCURACY_DAYS, SourceWindow, newest_windows, read_lead_errors
from dayahead.storage.tables.series import source_keys_by_key

router = resource("/v1/accuracy-by-hour", "accuracy")

DAY_H = 24


class LeadAccuracy(BaseModel):
    """Accuracy at one lead."""

    lead: int = Field(description="Hours after the origin, 1 to 24")
    hours: int = Field(description="Forecast hours with a known actual")
    wape_percent: float | None = Field(description="Sum of |error| / sum of |actual|")
    mean_absolute_error: float | None = Field(description="Mean of |error|, in `unit`")


class HourAccuracy(BaseModel):
    """Accuracy at one hour of the local day, over all leads."""

    hour: int = Field(description="Hour of the day in `time_zone`, 0 to 23")
    hours: int = Field(description="Forecast hours with a known actual")
    wape_percent: float | None = Field(description="Sum of |error| / sum of |actual|")
    mean_absolute_error: float | None = Field(description="Mean of |error|, in `unit`")


class AccuracyByHour(BaseModel):
    """Accuracy of the first 24 hours of the forecasts of one series, over the newest days with scores."""

    series_id: str
    unit: str = Field(description="Unit of the value of one hour")
    time_zone: str = Field(description="Time zone of the source, of `hour`")
    start: Utc | None = Field(description="First origin of the window, UTC; null if nothing is scored yet")
    end: Utc | None = Field(description="Newest scored origin of the window, UTC")
    by_lead: list[LeadAccuracy] = Field(description="Leads 1 to 24")
    by_hour: list[HourAccuracy] = Field(description="Hours 0 to 23")


@router.get("/{series_id:path}", summary="Accuracy of one series by lead and by hour", responses=NOT_FOUND)
def get_accuracy_by_hour(
    use: Use, series_ids: SeriesIds, days: Days = ACCURACY_DAYS, end: End = None
) -> AccuracyByHour:
    """How the error grows with the lead, and at which hours of the local day it is largest.

    |error| is that of the scores; |actual| is the value as known now.
    """
    with use.database.connection() as connection:
        key, series_id, unit = series_key_of(connection, series_ids)
        zone = _zone(connection, use, key)
        windows = newest_windows(connection, days, end=end, series_key=key)
        by_lead, by_hour = _groups(connection, key, windows, ZoneInfo(zone))
    return AccuracyByHour(
        series_id=series_id,
        unit=unit,
        time_zone=zone,
        start=windows[0].start if windows else None,
        end=windows[0].end if windows else None,
        by_lead=[LeadAccuracy(lead=place + 1, **_figures(by_lead, place)) for place in range(DAY_LEADS)],
        by_hour=[HourAccuracy(hour=place, **_figures(by_hour, place)) for place in range(DAY_H)],
    )


def _zone(connection: psycopg.Connection, use: Backends, series_key: int) -> str:
    [source_key] = source_keys_by_key(connection, [series_key]).values()
    sources = read_sources(connection, use.now(), removed=True)
    return next(one.source.local_time_zone for one in sources if one.source_key == source_key)


def _groups(
    connection: psycopg.Connection, series_key: int, windows: Sequence[SourceWindow], zone: ZoneInfo
) -> tuple[ErrorGroups, ErrorGroups]:
    """Errors by lead, and by hour of the local day."""
    found = read_lead_errors(connection, series_key, windows)
    lead = np.broadcast_to(np.arange(DAY_LEADS), found.error.shape)
    if not len(found.origin):
        nothing = ErrorGroups.of(found.error, np.empty(found.error.shape), lead, DAY_LEADS)
        return nothing, nothing
    first, last = int(found.origin.min()) + 1, int(found.origin.max()) + 1 + DAY_LEADS
    values = read_observations(connection, np.array([series_key], np.int64), first, last).values[0]
    place = found.origin[:, None] + 1 + lead - first
    local_hour = np.array([from_hour(hour).astimezone(zone).hour for hour in range(first, last)])
    return (
        ErrorGroups.of(found.error, values[place], lead, DAY_LEADS),
        ErrorGroups.of(found.error, values[place], local_hour[place], DAY_H),
    )


def _figures(groups: ErrorGroups, place: int) -> dict[str, Any]:
    hours, error, actual = (
        float(sums[place]) for sums in (groups.hours, groups.absolute_error, groups.absolute_actual)
    )
    return {
        "hours": int(hours),
        "wape_percent": round(100 * error / actual, DECIMALS) if actual else None,
        "mean_absolute_error": round(error / hours, DECIMALS) if hours else None,
    }
