"""`/v1/quality`: freshness and gaps of the data of each source."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.route import resource
from api.parameters import Utc
from api.resources.series import SourceItem, source_item
from dayahead.contracts import Rung
from dayahead.storage.status import NO_HOUR, SourceStatus, lag_reason, read_sources
from dayahead.storage.tables.partition_quality import SeenQuality, read_quality
from dayahead.storage.tables.series import count_new_by_source, ids_by_key

router = resource("/v1/quality", "quality")


class StaleSeries(BaseModel):
    """A series that lags behind its source."""

    series_id: str
    newest_hour: Utc | None = Field(description="Start of its newest hour, UTC")
    reason: str = Field(description="Why it counts as stale")


class RungCount(BaseModel):
    """Series whose newest forecast is on a rung."""

    rung: Rung
    meaning: str = Field(description="The rung in words")
    series: int


class Gaps(BaseModel):
    """Hours missing in the week up to the newest hour of the source."""

    expected_hours: int = Field(description="Hours that the series should have, each from its first hour on")
    missing_hours: int = Field(description="Hours without a value")
    series_with_gaps: int
    worst: list["SeriesGap"] = Field(description="The series with most missing hours")


class SeriesGap(BaseModel):
    """Missing hours of one series."""

    series_id: str
    missing_hours: int


class SourceQuality(BaseModel):
    """Freshness of a source and of its series, and their gaps."""

    source: SourceItem
    as_of: Utc | None = Field(description="When the workers last updated this; null before the first time")
    series: int = Field(description="Series of the source")
    new_series: int = Field(description="Series first seen within the last day")
    fresh_series: int = Field(description="Series that are not stale")
    stale_series: int = Field(description="Stale series")
    stale: list[StaleSeries] = Field(description="The stale series, up to `limit`")
    rungs: list[RungCount] = Field(description="Series by the rung of their newest forecast")
    gaps: Gaps


class Quality(BaseModel):
    """Every source."""

    sources: list[SourceQuality]


@router.get("", summary="Quality of the data")
def get_quality(
    use: Use,
    limit: Annotated[int, Query(ge=0, le=1000, description="Maximum number of series per list")] = 50,
) -> Quality:
    """Freshness of each source, its stale series with reasons, rungs, and the gaps of the last week.

    The workers aggregate their series a few seconds after each change, so the cost of a request does not depend on the
    number of series.
    """
    with use.database.connection() as connection:
        sources = read_sources(connection, use.now())
        seen = read_quality(connection)
        found = [_Found(source, [one for one in seen if one.source_key == source.source_key]) for source in sources]
        keys = {key for one in found for key, _ in [*one.stale[:limit], *one.gaps[:limit]]}
        names = ids_by_key(connection, keys)
        new = count_new_by_source(connection, use.now() - timedelta(days=1))
    return Quality(sources=[_source_quality(one, names, new.get(one.status.source_key, 0), limit) for one in found])


class _Found:
    """A source and the workers' aggregates of its series.

    Attributes:
        status: of the source.
        seen: by partition.
        stale: series_key and newest hour of stale series, oldest first.
        gaps: series_key and missing hours, most first.
    """

    def __init__(self, status: SourceStatus, seen: Sequence[SeenQuality]) -> None:
        self.status, self.seen = status, seen
        parts = [one.quality for one in seen]
        oldest = [pair for part in parts for pair in zip(part.oldest_keys, part.oldest_hours, strict=True)]
        self.stale = [(key, hour) for key, hour in sorted(oldest, key=_oldest_first) if self.is_stale(hour)]
        gaps = [pair for part in parts for pair in zip(part.gap_keys, part.gap_hours, strict=True)]
        self.gaps = sorted(gaps, key=lambda pair: (-pair[1], pair[0]))

    def is_stale(self, newest_hour: datetime | None) -> bool:
        """Whether a series with this newest hour lags behind the source."""
        behind_h = self.hours_behind(newest_hour)
        return behind_h is None or behind_h > self.status.source.stale_after_h

    def hours_behind(self, newest_hour: datetime | None) -> float | None:
        """Hours from the newest hour of a series to that of the source."""
        if newest_hour is None or self.status.newest_hour is None:
            return None
        return (self.status.newest_hour - newest_hour) / timedelta(hours=1)

    def stale_reason(self, newest_hour: datetime | None) -> str:
        """Why a series with this newest hour is stale."""
        behind_h = self.hours_behind(newest_hour)
        return NO_HOUR if behind_h is None else lag_reason(behind_h, self.status.source.stale_after_h)


def _oldest_first(pair: tuple[int, datetime | None]) -> tuple[datetime, int]:
    return pair[1] or datetime.min.replace(tzinfo=UTC), pair[0]


def _source_quality(found: _Found, names: Mapping[int, str], new_series: int, limit: int) -> SourceQuality:
    parts = [one.quality for one in found.seen]
    counted = [pair for part in parts for pair in zip(part.newest_hours, part.newest_series, strict=True)]
    series = sum(count for _, count in counted)
    stale = sum(count for hour, count in counted if found.is_stale(hour))
    rungs = {rung: sum(part.rung_series[rung] for part in parts) for rung in Rung}
    return SourceQuality(
        source=source_item(found.status),
        as_of=min((one.updated_at for one in found.seen), default=None),
        series=series,
        new_series=new_series,
        fresh_series=series - stale,
        stale_series=stale,
        stale=[
            StaleSeries(series_id=names[key], newest_hour=hour, reason=found.stale_reason(hour))
            for key, hour in found.stale[:limit]
        ],
        rungs=[RungCount(rung=rung, meaning=rung.meaning, series=count) for rung, count in rungs.items() if count],
        gaps=Gaps(
            expected_hours=sum(part.expected_hours for part in parts),
            missing_hours=sum(part.missing_hours for part in parts),
            series_with_gaps=sum(part.series_with_gaps for part in parts),
            worst=[SeriesGap(series_id=names[key], missing_hours=count) for key, count in found.gaps[:limit]],
        ),
    )
