"""Energy-Charts: rows of an ISO time and an object of values, null where the operator has not reported yet."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.dayahead.reading.kinds.conformance.shipped import shipped_fields
from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

BERLIN = ZoneInfo("Europe/Berlin")


class EnergyChartsLoad(StandIn):
    """/v2/public_power, as energy-charts-load.yaml reads it."""

    kind = "http-json"
    series = ("DE/load",)
    zone = "Europe/Berlin"
    resolutions = (15, 60)

    def fields(self, address: str) -> Mapping[str, Any]:
        return shipped_fields("energy-charts-load", address)

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        if request.path != "/v2/public_power" or request.parameter("country") != "de":
            return Response('{"detail": "Not Found"}', 404)
        start, end = (
            datetime.strptime(request.parameter(name), "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
            for name in ("start", "end")
        )
        rows = [self._row(point.start, point.value) for point in points if start <= point.start <= end]
        if points and rows:  # the rest of the running day is there without values
            step = timedelta(minutes=points[-1].minutes)
            following = points[-1].start + step
            while (
                following <= end and following.astimezone(BERLIN).date() == points[-1].start.astimezone(BERLIN).date()
            ):
                rows.append(self._row(following, None))
                following += step
        if not rows:
            return Response('{"detail": "no content available"}', 404)
        document = {
            "resolution": "PT15M",
            "unit": "MW",
            "license": "CC BY 4.0 (creativecommons.org/licenses/by/4.0) from Bundesnetzagentur | SMARD.de",
            "series": [{"id": "load", "name": "Load"}, {"id": "solar", "name": "Solar"}],
            "data": rows,
        }
        return Response(json.dumps(document))

    def _row(self, start: datetime, value: float | None) -> dict[str, object]:
        return {"timestamp": start.astimezone(BERLIN).isoformat(), "values": {"load": value, "solar": 12.5}}
