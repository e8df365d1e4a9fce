"""`/v1/reference-forecasts`: what others, such as grid operators, forecast of our series."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

import numpy as np
from fastapi import Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.route import resource
from api.parameters import AsOf, Moment, SeriesIds, Utc, series_key_of
from api.problems import NOT_FOUND, bad_parameter
from api.tables import MOMENT, NUMBER, TABLES, TEXT, ChosenFormat, Columns, table_response
from dayahead.hours import format_utc, from_hour
from dayahead.storage.tables.observation import newest_hours
from dayahead.storage.tables.reference_forecast import ReferenceHour, read_reference_hours
from dayahead.storage.tables.reference_series import series_by_reference

router = resource("/v1/reference-forecasts", "reference forecasts")

DAY = timedelta(days=1)
LONGEST = timedelta(days=366)

TABLE: Columns = {
    "series_id": TEXT, "source": TEXT, "valid_time": MOMENT, "value": NUMBER, "available_at": MOMENT, "unit": TEXT,
}  # fmt: skip
"""Columns as a table: one row per reference and hour."""


class Reference(BaseModel):
    """A source of reference forecasts."""

    source: str = Field(description="Name of the reference source")
    forecast_of: str = Field(description="Name of the source of the observed values")
    series: int = Field(description="Series that it forecasts")
    matched: int = Field(description="Those of them that are observed, in the same unit: they are shown and scored")
    newest_hour: Utc | None = Field(description="Start of the last hour that it forecasts, UTC; null where it has none")
    removed_at: Utc | None = Field(description="When it was removed, UTC; null while it is wanted")


class References(BaseModel):
    """Every registered reference."""

    references: list[Reference]


class ReferenceForecast(BaseModel):
    """A reference forecast of a series; the lists have the same length."""

    source: str = Field(description="Name of the reference source")
    title: str = Field(description="Who forecasts what")
    attribution: str = Field(description="Credit that the licence asks for")
    valid_time: list[Utc] = Field(description="Start of each hour that is forecast, UTC")
    value: list[float] = Field(description="Value of each hour, in the unit of the series")
    available_at: list[Utc] = Field(description="When each value was published, or received, UTC")


class SeriesReferences(BaseModel):
    """The reference forecasts of a series."""

    series_id: str
    unit: str = Field(description="Unit of the value of one hour")
    start: Utc = Field(description="First requested hour, UTC")
    end: Utc | None = Field(description="Hour after the last requested one, UTC; null: up to the last that is forecast")
    as_of: Utc | None = Field(description="The values are as known at this moment; null for now")
    references: list[ReferenceForecast] = Field(description="By source; empty where no reference has such hours")


@router.get("", summary="Sources of reference forecasts", response_model=References)
def list_references(use: Use) -> References:
    """Every registered reference: a forecast that another makes of our series, such as the grid operator."""
    with use.database.connection() as connection:
        found = series_by_reference(connection)
    return References(
        references=[
            Reference(
                source=one.name,
                forecast_of=one.forecast_of,
                series=one.series,
                matched=one.matched,
                newest_hour=one.newest,
                removed_at=one.removed_at,
            )
            for one in found
        ]
    )


@router.get(
    "/{series_id:path}",
    summary="Reference forecasts of one series",
    response_model=SeriesReferences,
    responses=NOT_FOUND | TABLES,
)
def get_reference_forecasts(
    use: Use,
    series_ids: SeriesIds,
    form: ChosenFormat,
    start: Annotated[
        Moment | None, Query(description="First hour, UTC; without it, a day before the newest observed hour")
    ] = None,
    end: Annotated[
        Moment | None, Query(description="Hour after the last, UTC; without it, all that is forecast")
    ] = None,
    as_of: AsOf = None,
) -> SeriesReferences | Response:
    """What references forecast of a series, each hour as known now, or at `as_of`; with when each value was known."""
    with use.database.connection() as connection:
        key, series_id, unit = series_key_of(connection, series_ids)
        if start is None:
            [newest] = newest_hours(connection, np.array([key]))
            start = (use.now() if newest is None else from_hour(newest)) - DAY
            start = start if end is None else min(start, end - DAY)
        if end is not None and not timedelta(0) <= end - start <= LONGEST:
            raise bad_parameter(
                "start", format_utc(start), f"it must be up to 366 days before end, {format_utc(end)}, and not after it"
            )
        hours = read_reference_hours(connection, key, start, end or start + LONGEST, as_of)
    if form != "json":
        rows = [[series_id, one.source, one.valid_time, one.value, one.available_at, unit] for one in hours]
        return table_response(TABLE, rows, form)
    return SeriesReferences(
        series_id=series_id, unit=unit, start=start, end=end, as_of=as_of, references=_by_source(hours)
    )


def _by_source(hours: Iterable[ReferenceHour]) -> list[ReferenceForecast]:
    found: dict[str, ReferenceForecast] = {}
    for one in hours:
        reference = found.get(one.source) or found.setdefault(
            one.source,
            ReferenceForecast(
                source=one.source,
                title=one.title,
                attribution=one.attribution,
                valid_time=[],
                value=[],
                available_at=[],
            ),
        )
        reference.valid_time.append(one.valid_time)
        reference.value.append(one.value)
        reference.available_at.append(one.available_at)
    return list(found.values())
