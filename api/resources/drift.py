"""`/v1/drift`: series whose inputs or errors changed."""

from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.route import resource
from api.parameters import Area, Moment, Utc, check_area
from api.problems import NOT_FOUND
from dayahead.contracts import DriftKind
from dayahead.storage.tables.drift_event import recent_drift

router = resource("/v1/drift", "drift")


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
    limit: Annotated[int, Query(ge=1, le=1000, description="Maximum number of changes")] = 100,
) -> Drift:
    """Changes of inputs (data) and of errors (concept) by series, newest first."""
    with use.database.connection() as connection:
        check_area(connection, area)
        found = recent_drift(connection, limit + 1, area=area, kind=kind, since=since)
    return Drift(events=[DriftItem(**vars(one)) for one in found[:limit]], more=len(found) > limit)
