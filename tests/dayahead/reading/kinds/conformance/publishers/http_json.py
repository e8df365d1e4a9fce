"""APIs that answer JSON in the shapes, pages and times that publishers use."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

BERLIN = ZoneInfo("Europe/Berlin")


def utc_of(text: str) -> datetime:
    """A bound as `%Y-%m-%dT%H:%M:%SZ`."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


class _HttpJson(StandIn):
    kind = "http-json"
    series: ClassVar[Sequence[str]] = ("north", "south")
    own: ClassVar[Mapping[str, Any]] = {}

    def fields(self, address: str) -> Mapping[str, Any]:
        common = {
            "url": f"{address}/api/load",
            "params": {"from": "{start}", "to": "{end}"},
            "time_column": "time",
            "key_columns": ["region"],
            "value_column": "value",
            "unit": "kWh",
            "quantity": "energy",
        }
        fields = {**common, **self.own}
        return {**fields, "url": str(fields["url"]).replace("ADDRESS", address)}

    def asked(self, request: Request, points: Sequence[Point]) -> list[Point]:
        """The points of the hours that a request names, end exclusive."""
        start, end = utc_of(request.parameter("from")), utc_of(request.parameter("to"))
        return [point for point in points if start <= point.start < end]


class JsonInOffsets(_HttpJson):
    """Objects in a member of the document, by offset and limit, with the number of all; key in a header."""

    key = "north_grid"
    cap_h = 20
    own: ClassVar[Mapping[str, Any]] = {
        "records": "data.items",
        "paging": {
            "by": "offset",
            "parameter": "skip",
            "limit": 40,
            "limit_parameter": "take",
            "total": "data.count",
        },
        "key": "north_grid",
        "key_header": "Authorization",
        "key_prefix": "Bearer ",
        "value_column": "energy.kwh",
    }

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        found = self.asked(request, points)
        skip, take = int(request.parameter("skip", "0")), min(int(request.parameter("take", "10")), 40)
        items = [
            {"time": one.start.isoformat(), "region": one.series, "energy": {"kwh": one.value}}
            for one in found[skip : skip + take]
        ]
        return Response(json.dumps({"data": {"items": items, "count": len(found)}}))

    def has_key(self, request: Request, key: str) -> bool:
        return request.headers.get("authorization") == f"Bearer {key}"


class JsonInNumberedPages(_HttpJson):
    """A list of objects, newest first, in pages from 1 that a short page ends; a 404 where there is nothing."""

    cap_h = 12
    own: ClassVar[Mapping[str, Any]] = {
        "paging": {"by": "page", "parameter": "page", "limit": 25},
        "no_data_statuses": [404],
        "quantity": "power",
        "unit": "MW",
        "scale": 0.001,
    }

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        found = self.asked(request, points)[::-1]
        if not found:
            return Response('{"message": "no data"}', 404)
        first = (int(request.parameter("page", "1")) - 1) * 25
        return Response(
            json.dumps(
                [
                    {"time": one.start.isoformat(), "region": one.series, "value": one.value}
                    for one in found[first : first + 25]
                ]
            )
        )


class JsonInLinkedPages(_HttpJson):
    """Columns of equal length and a link to the next page in the document; key as a query parameter; end labels."""

    key = "south_grid"
    cap_h = 15
    own: ClassVar[Mapping[str, Any]] = {
        "records": "result",
        "paging": {"by": "link", "next": "links.next"},
        "key": "south_grid",
        "key_parameter": "api_key",
        "time_label": "end",
        "time_zone": "Europe/Berlin",
    }
    zone = "Europe/Berlin"

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        start, end = utc_of(request.parameter("from")), utc_of(request.parameter("to"))
        labelled = [(one.start + timedelta(minutes=one.minutes), one) for one in points]
        found = [(label, one) for label, one in labelled if start <= label < end]
        first = int(request.parameter("after", "0"))
        page = found[first : first + 31]
        columns = {
            "time": [label.astimezone(BERLIN).isoformat() for label, _ in page],
            "region": [one.series for _, one in page],
            "value": [one.value for _, one in page],
        }
        links = {}
        if first + 31 < len(found):
            bounds = f"from={request.parameter('from')}&to={request.parameter('to')}"
            links["next"] = f"/api/load?{bounds}&after={first + 31}"
        return Response(json.dumps({"result": columns, "links": links}))

    def has_key(self, request: Request, key: str) -> bool:
        return request.parameter("api_key") == key


class JsonInHeaderLinks(_HttpJson):
    """Lists of values, times in milliseconds, and a Link header."""

    cap_h = 15
    own: ClassVar[Mapping[str, Any]] = {
        "records": "rows",
        "columns": ["region", "time", "value"],
        "time_format": "epoch_ms",
        "bound_format": "epoch_ms",
        "paging": {"by": "link"},
    }

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        start, end = (datetime.fromtimestamp(int(request.parameter(name)) / 1000, UTC) for name in ("from", "to"))
        found = [point for point in points if start <= point.start < end]
        first = int(request.parameter("after", "0"))
        rows = [[one.series, int(one.start.timestamp() * 1000), one.value, "measured"] for one in found[first:][:31]]
        query = f"from={request.parameter('from')}&to={request.parameter('to')}&after={first + 31}"
        headers = {"Link": f'</api/load?from=1>; rel="first", </api/load?{query}>; rel="next"'}
        return Response(json.dumps({"rows": rows}), headers=headers if first + 31 < len(found) else {})


class JsonByCursor(_HttpJson):
    """Points below their region, and a mark of the next page."""

    cap_h = 15
    own: ClassVar[Mapping[str, Any]] = {
        "records": "regions.points",
        "paging": {"by": "cursor", "parameter": "cursor", "next": "meta.next"},
        "time_column": "period.from",
    }

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        found = self.asked(request, points)
        first = int(request.parameter("cursor", "c-0").removeprefix("c-"))
        page = found[first : first + 31]
        regions = [
            {
                "region": series,
                "points": [
                    {"period": {"from": f"{one.start:%Y-%m-%dT%H:%MZ}"}, "value": one.value}
                    for one in page
                    if one.series == series
                ],
            }
            for series in self.series
        ]
        following = f"c-{first + 31}" if first + 31 < len(found) else None
        return Response(json.dumps({"regions": regions, "meta": {"next": following}}))


class JsonOfDays(_HttpJson):
    """Whole local days named by their dates, four days a request, local times without an offset, in the path."""

    series = ("all",)
    zone = "Europe/Berlin"
    resolutions = (60,)
    cap_h = 4 * 24
    own: ClassVar[Mapping[str, Any]] = {
        "url": "ADDRESS/api/{start}/{end}/load.json",
        "params": {},
        "bound_format": "%Y-%m-%d",
        "bound_zone": "Europe/Berlin",
        "window_days": 4,
        "records": "values",
        "columns": ["time", "value"],
        "time_zone": "Europe/Berlin",
        "key_columns": ["region"],
        "constant_labels": {"region": "all"},
    }

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        _, _, first, last, _ = request.path.split("/")
        start, end = (datetime.fromisoformat(text).replace(tzinfo=BERLIN) for text in (first, last))
        if end.date() - start.date() > timedelta(days=4):
            return Response('{"error": "at most 4 days"}', 400)
        found = [point for point in points if start <= point.start < end]
        values = [[one.start.astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M"), one.value] for one in found]
        return Response(json.dumps({"values": values}))


class JsonWithASilentCap(_HttpJson):
    """Never more than 150 records, the newest, without a word about it."""

    cap_h = 75
    own: ClassVar[Mapping[str, Any]] = {"paging": {"by": "cap", "limit": 150}, "records": "values"}

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        found = self.asked(request, points)[-150:]
        return Response(
            json.dumps(
                {"values": [{"time": one.start.isoformat(), "region": one.series, "value": one.value} for one in found]}
            )
        )
