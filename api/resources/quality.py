"""`/v1/quality`: how well the data of each source flow."""

from typing import Annotated

import psycopg
from fastapi import Query
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.route import resource
from api.parameters import Utc
from api.resources.series import SourceItem, source_item
from dayahead.contracts import Rung
from dayahead.storage.standing import SeriesStanding, SourceStanding, State, read_series, read_sources

router = resource("/v1/quality", "quality")

WEEK_H = 168

HOURS = """
    SELECT series_key, count(*)
    FROM observation JOIN series USING (series_key)
    WHERE source_key = %(source)s AND valid_time <= %(end)s
      AND valid_time > %(end)s::timestamptz - INTERVAL '168 hours'
    GROUP BY series_key
"""

FIRST_HOURS = """
    SELECT series_key, extract(epoch FROM %(end)s::timestamptz - first.valid_time) / 3600 + 1
    FROM series CROSS JOIN LATERAL (
        SELECT valid_time FROM observation WHERE observation.series_key = series.series_key
        ORDER BY valid_time LIMIT 1
    ) AS first
    WHERE source_key = %(source)s
"""


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
    """One source: is it fresh, are its series, and are their hours whole?"""

    source: SourceItem
    series: int = Field(description="Series of the source")
    fresh_series: int = Field(description="Series that keep up with it")
    stale_series: int = Field(description="Series that lag behind it")
    stale: list[StaleSeries] = Field(description="Those that lag, up to `limit`")
    rungs: list[RungCount] = Field(description="Series by the rung of their newest forecast")
    gaps: Gaps


class Quality(BaseModel):
    """Every source."""

    sources: list[SourceQuality]


@router.get("", summary="Quality of the data")
def get_quality(
    use: Use,
    limit: Annotated[int, Query(ge=0, le=1000, description="Series named at most, per list")] = 50,
) -> Quality:
    """Freshness of each source, its stale series with reasons, rungs, and the gaps of the last week."""
    with use.database.connection() as connection:
        sources = read_sources(connection, use.now())
        series = read_series(connection, sources)
        return Quality(
            sources=[
                _source_quality(connection, source, [s for s in series if s.source == source.source.name], limit)
                for source in sources
            ]
        )


def _source_quality(
    connection: psycopg.Connection, source: SourceStanding, series: list[SeriesStanding], limit: int
) -> SourceQuality:
    stale = [standing for standing in series if standing.state is State.STALE]
    rungs = [Rung.NONE if standing.rung is None else Rung(standing.rung) for standing in series]
    return SourceQuality(
        source=source_item(source),
        series=len(series),
        fresh_series=len(series) - len(stale),
        stale_series=len(stale),
        stale=[
            StaleSeries(series_id=s.series_id, newest_hour=s.newest_hour, reason=s.stale_reason) for s in stale[:limit]
        ],
        rungs=[RungCount(rung=rung, meaning=rung.meaning, series=rungs.count(rung)) for rung in Rung if rung in rungs],
        gaps=_gaps(connection, source, series, limit),
    )


def _gaps(connection: psycopg.Connection, source: SourceStanding, series: list[SeriesStanding], limit: int) -> Gaps:
    if source.newest_hour is None:
        return Gaps(expected_hours=0, missing_hours=0, series_with_gaps=0, worst=[])
    parameters = {"source": source.source_key, "end": source.newest_hour}
    present: dict[int, int] = dict(connection.execute(HOURS, parameters).fetchall())
    expected = {key: min(WEEK_H, int(age)) for key, age in connection.execute(FIRST_HOURS, parameters)}
    gaps = [
        SeriesGap(series_id=s.series_id, missing_hours=expected[s.series_key] - present.get(s.series_key, 0))
        for s in series
        if s.series_key in expected
    ]
    holed = sorted((gap for gap in gaps if gap.missing_hours > 0), key=lambda gap: -gap.missing_hours)
    return Gaps(
        expected_hours=sum(expected.values()),
        missing_hours=sum(gap.missing_hours for gap in holed),
        series_with_gaps=len(holed),
        worst=holed[:limit],
    )
