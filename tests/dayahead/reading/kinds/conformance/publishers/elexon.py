"""Elexon Insights: half hours by settlement date and period, both dates inclusive, newest first."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.dayahead.reading.kinds.conformance.shipped import shipped_fields
from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

LONDON = ZoneInfo("Europe/London")
COLUMNS = {"GB/INDO": "initialDemandOutturn", "GB/ITSDO": "initialTransmissionSystemDemandOutturn"}


class ElexonDemand(StandIn):
    """/demand/outturn/stream, as elexon-demand.yaml reads it."""

    kind = "http-json"
    series = ("GB/INDO", "GB/ITSDO")
    zone = "Europe/London"
    resolutions = (30,)

    def fields(self, address: str) -> Mapping[str, Any]:
        return shipped_fields("elexon-demand", address)

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        if request.path != "/bmrs/api/v1/demand/outturn/stream":
            return Response('{"type": "about:blank", "title": "Not Found", "status": 404}', 404)
        first, last = (date.fromisoformat(request.parameter(f"settlementDate{one}")) for one in ("From", "To"))
        if last < first:
            return Response('{"title": "settlementDateFrom must be before settlementDateTo", "status": 400}', 400)
        rows: dict[Any, dict[str, object]] = {}
        for point in points:
            day = point.start.astimezone(LONDON).date()
            if first <= day <= last:
                row = rows.setdefault(point.start, self._row(point, day))
                row[COLUMNS[point.series]] = None if point.value is None else point.value
        return Response(json.dumps([rows[start] for start in sorted(rows, reverse=True)]))

    def _row(self, point: Point, day: date) -> dict[str, object]:
        midnight = point.start.astimezone(LONDON).replace(hour=0, minute=0, fold=0).astimezone(UTC)
        return {
            "publishTime": (point.start + timedelta(minutes=45)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "startTime": point.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "settlementDate": day.isoformat(),
            "settlementPeriod": (point.start - midnight) // timedelta(minutes=30) + 1,
            **dict.fromkeys(COLUMNS.values()),
        }
