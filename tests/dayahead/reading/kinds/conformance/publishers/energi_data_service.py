"""Energi Data Service: JSON with `total` and `records`, local or UTC times without an offset, 100,000s of records."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

ZONE = ZoneInfo("Europe/Copenhagen")


class _EnergiDataService(StandIn):
    kind = "energi-data-service"
    series: ClassVar[Sequence[str]] = ("DK1/Industry", "DK2/Industry", "DK2/Housing")
    zone = "Europe/Copenhagen"
    resolutions: ClassVar[Sequence[int]] = (60,)
    max_records = 32
    cap_h: ClassVar[int | None] = 11
    column = "HourUTC"

    def fields(self, address: str) -> Mapping[str, Any]:
        return {
            "url": address,
            "dataset": "Consumption",
            "time_column": self.column,
            "time_zone": "UTC" if self.column == "HourUTC" else "Europe/Copenhagen",
            "key_columns": ["PriceArea", "Type"],
            "value_column": "kWh",
            "unit": "kWh",
        }

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        if request.path != "/dataset/Consumption":
            return Response('{"error": "Not found"}', 404)
        zone = ZoneInfo("UTC") if request.parameter("timezone") == "UTC" else ZONE
        start, end = (self._bound(request, name, zone) for name in ("start", "end"))
        asked = [one for one in points if (not start or start <= one.start) and (not end or one.start < end)]
        records = [self._record(point) for point in asked]
        assert request.parameter("sort") == f"{self.column} asc"
        limit = int(request.parameter("limit", "100"))
        kept = records[:limit] if limit else records
        return Response(json.dumps({"total": len(records), "dataset": "Consumption", "records": kept}))

    def _bound(self, request: Request, name: str, zone: ZoneInfo) -> datetime | None:
        text = request.parameter(name)
        return datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(tzinfo=zone) if text else None

    def _record(self, point: Point) -> dict[str, object]:
        area, kind = point.series.split("/")
        shown = point.start.astimezone(ZoneInfo("UTC") if self.column == "HourUTC" else ZONE)
        return {
            self.column: shown.strftime("%Y-%m-%dT%H:%M:%S"),
            "PriceArea": area,
            "Type": kind,
            "kWh": point.value,
        }


class EnergiDataServiceInUtc(_EnergiDataService):
    """Its column HourUTC."""


class EnergiDataServiceInDanishTime(_EnergiDataService):
    """Its column HourDK, in which an autumn night has 02:00 twice."""

    column = "HourDK"
    max_records = 95  # more than a local day of 25 hours
    cap_h = 32
