"""`/v1/drift`: series whose inputs or errors changed."""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import psycopg
from fastapi import Query
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.route import resource
from api.parameters import Area, Moment, Utc, check_area
from api.problems import NOT_FOUND
from dayahead.contracts import DriftKind
from dayahead.drift.compared import AFTER_H, BEFORE_H, MEASURES, BeforeAfter, compare, first_hour, measure_of
from dayahead.hours import Hour, to_hour
from dayahead.storage.tables.drift_event import RecordedDrift, recent_drift
from dayahead.storage.tables.drift_watched import read_watched

router = resource("/v1/drift", "drift")


FIGURES_LIMIT = 200
DECIMALS = 4


class DriftFigures(BaseModel):
    """What the series was like before the change and is since; null where that is not known."""

    before: float | None = Field(description="Mean of the 25 days that it was judged against, in `unit`")
    after: float | None = Field(description="Mean of up to a week from the day of the change on, in `unit`")
    unit: str = Field(description="Unit of both: % or, of a level, the unit of the series")


class DriftItem(BaseModel):
    """A change of one series."""

    series_id: str
    area: str
    kind: DriftKind = Field(description="`data`: the inputs changed; `concept`: the errors grew")
    valid_time: Utc = Field(description="Start of the hour at which the detector fired, UTC")
    detector: str = Field(
        description="The detector and its input, e.g. page-hinkley:error; with the ending :weather-adjusted, the "
        "effect of the temperature was taken off"
    )
    statistic: float = Field(description="Distance of that day from the weeks before, in their standard deviations")
    recorded_at: Utc = Field(description="When it was detected, UTC")
    measure: str = Field(
        description="What changed: `error` (|error| / |actual| of forecasts), `level` (mean of |value|), `spread` "
        "(distance of the hours of a day to their mean, in % of the level), `pattern` (correlation with the usual day)"
    )
    figures: DriftFigures | None = Field(description="Before and after; null without `figures=true`")


class Drift(BaseModel):
    """Changes, newest first."""

    events: list[DriftItem]
    more: bool = Field(description="Whether `limit` cut off older ones")


@router.get("", summary="Series that drifted", responses=NOT_FOUND)
def list_drift(
    use: Use,
    area: Area = None,
    kind: Annotated[DriftKind | None, Query(description="Only changes of the inputs or of the errors")] = None,
    since: Annotated[Moment | None, Query(description="Only changes from this hour on, UTC")] = None,
    figures: Annotated[bool, Query(description="Also what each series was like before and after")] = False,
    limit: Annotated[
        int, Query(ge=1, le=1000, description=f"Maximum number of changes; with figures=true at most {FIGURES_LIMIT}")
    ] = 100,
) -> Drift:
    """Changes of inputs (data) and of errors (concept) by series, newest first."""
    if figures:
        limit = min(limit, FIGURES_LIMIT)
    with use.database.connection() as connection:
        check_area(connection, area)
        found = recent_drift(connection, limit + 1, area=area, kind=kind, since=since)
        page = found[:limit]
        known = _figures(connection, page) if figures else {}
    return Drift(events=[_item(one, known.get(one)) for one in page], more=len(found) > limit)


def _item(one: RecordedDrift, figures: DriftFigures | None) -> DriftItem:
    return DriftItem.model_validate({**vars(one), "measure": measure_of(one.detector), "figures": figures})


def _figures(connection: psycopg.Connection, events: Sequence[RecordedDrift]) -> dict[RecordedDrift, DriftFigures]:
    """Read the days around each event; events of one day and kind together."""
    found: dict[RecordedDrift, DriftFigures] = {}

    def asked(one: RecordedDrift) -> tuple[DriftKind, Hour]:
        return DriftKind(one.kind), first_hour(to_hour(one.valid_time))

    for (kind, day), group in groupby(sorted(events, key=asked), asked):
        together = list(group)
        keys = sorted({one.series_key for one in together})
        watched = read_watched(connection, kind, keys, day - BEFORE_H, day + AFTER_H)
        for one in together:
            if (values := watched.get(one.series_key)) is not None and measure_of(one.detector) in MEASURES:
                compared = compare(kind, measure_of(one.detector), day, values.hours, values.values)
                found[one] = _shown(compared, one.unit)
    return found


def _shown(compared: BeforeAfter, unit: str) -> DriftFigures:
    factor = 100.0 if compared.is_share else 1.0
    before, after = (
        None if value is None else round(factor * value, DECIMALS) for value in (compared.before, compared.after)
    )
    return DriftFigures(before=before, after=after, unit="%" if compared.is_share else unit)
