"""`/v1/day-ahead`: the next day as it was forecast at a gate, in the bytes that topic `day-ahead` carries."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Any

import orjson
import psycopg
from fastapi import Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from api.backends import Use
from api.edge.media import JSON
from api.edge.route import resource
from api.edge.tags import entity_tag
from api.parameters import Area, CalendarDay, Cursor, GateTime, SeriesIds, check_area, check_gate, series_key_of
from api.problems import NOT_FOUND, no_forecast
from api.tables import COUNT, MOMENT, NUMBER, TABLES, TEXT, ChosenFormat, Columns, next_link, table_response
from dayahead.contracts import DayAheadMessage
from dayahead.storage.day_products import product_bytes, product_rung
from dayahead.storage.tables.day_ahead import DayProduct, newest_product, read_product, read_products

router = resource("/v1/day-ahead", "day-ahead")

TABLE: Columns = {
    "series_id": TEXT, "day": TEXT, "gate": TEXT, "gate_at": MOMENT, "origin": MOMENT, "issued_at": MOMENT,
    "release": TEXT, "rung": COUNT, "unit": TEXT, "valid_time": MOMENT, "p10": NUMBER, "p50": NUMBER, "p90": NUMBER,
    "complete": TEXT,
}  # fmt: skip
"""Columns of day products as a table: one row an hour."""


class DayAheadPage(BaseModel):
    """The products of one day and gate of several series."""

    day: str | None = Field(description="The day of the calendar; null where there is no product")
    gate: str | None = Field(description="The gate; null where there is no product")
    products: list[DayAheadMessage] = Field(description="In the order of their series_id")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one")


@router.get(
    "",
    summary="The next day of many series as it was forecast at a gate",
    response_model=DayAheadPage,
    responses=NOT_FOUND | TABLES,
)
def list_day_ahead(
    use: Use,
    request: Request,
    form: ChosenFormat,
    area: Area = None,
    day: CalendarDay = None,
    gate: GateTime = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="Series at most")] = 100,
    cursor: Cursor = None,
) -> Response:
    """One page of the products of a day and a gate, by default the newest; series that have none are left out.

    As a table they have one row an hour. The next page is `next_cursor` in JSON, and the `Link` header with
    `rel="next"` in every format; name `day` and `gate` where you read several pages.
    """
    with use.database.connection() as connection:
        check_area(connection, area)
        check_gate(connection, gate)
        found = newest_product(connection, area, day, gate)
        rows = read_products(connection, *found, limit + 1, area=area, after=cursor) if found else []
    products, next_cursor = rows[:limit], rows[limit - 1].series_id if len(rows) > limit else None
    headers = next_link(request, next_cursor)
    if form != "json":
        return table_response(TABLE, _rows(products), form, headers)
    named = orjson.dumps({"day": found[0] if found else None, "gate": found[1] if found else None})[:-1]
    body = b'%b,"products":[%b],"next_cursor":%b}' % (
        named,
        b",".join(map(product_bytes, products)),
        orjson.dumps(next_cursor),
    )
    return Response(body, headers=headers, media_type=JSON)


@router.get(
    "/{series_id:path}",
    summary="The next day of one series as it was forecast at a gate",
    response_model=DayAheadMessage,
    responses=NOT_FOUND | TABLES,
)
def get_day_ahead(
    use: Use, series_ids: SeriesIds, form: ChosenFormat, day: CalendarDay = None, gate: GateTime = None
) -> Response:
    """The product of a day and a gate, by default the newest: the very bytes that topic `day-ahead` carries.

    It is kept for ever, and never changes.
    """
    with use.database.connection() as connection:
        key, series_id, _ = series_key_of(connection, series_ids)
        check_gate(connection, gate)
        product = read_product(connection, key, day, gate)
        if product is None:
            raise no_forecast(series_id, _why_none(connection, key))
    if form != "json":
        return table_response(TABLE, _rows([product]), form)
    body = product_bytes(product)
    return Response(body, headers={"ETag": entity_tag(body), "Cache-Control": "no-cache"}, media_type=JSON)


def _why_none(connection: psycopg.Connection[Any], series_key: int) -> str:
    newest = read_product(connection, series_key)
    if newest is None:
        return (
            "no day was kept at a gate yet: its source has no `gates`, none has passed since its first forecast, or "
            "its forecasts ended before the next day began."
        )
    return (
        f"none was kept of this day at this gate; the newest is {newest.day} at {newest.gate}. "
        "Leave day and gate out for that one."
    )


def _rows(products: Iterable[DayProduct]) -> list[tuple[Any, ...]]:
    """The rows of `TABLE`."""
    rows = []
    for one in products:
        head = (
            one.series_id, one.day.isoformat(), one.gate, one.gate_at, one.origin, one.issued_at, one.release,
            product_rung(one), one.unit,
        )  # fmt: skip
        complete = str(len(one.p50) == one.hours).lower()
        values = zip(one.p10.tolist(), one.p50.tolist(), one.p90.tolist(), strict=True)
        rows += [
            (*head, one.starts_at + timedelta(hours=place), *quantiles, complete)
            for place, quantiles in enumerate(values)
        ]
    return rows
