"""EIA, API v2: hours named by their end in UTC, numbers as texts, 5,000 rows at most, inclusive bounds."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

PATH = "/v2/electricity/rto/region-data/data/"
MOST_ROWS = 5000
NAMES = {"D": "Demand", "DF": "Day-ahead demand forecast"}
INCOMPLETE = {
    "warning": "incomplete return",
    "description": "The API can only return 5000 rows in JSON format. Please consider constraining your request.",
}


class _Eia(StandIn):
    kind = "eia"
    series = ("CISO", "PJM", "US48")
    zone = "America/New_York"
    resolutions = (60,)
    cap_h = 1700
    key = "eia"
    data_type = "D"

    def fields(self, address: str) -> Mapping[str, Any]:
        return {"url": address, "respondents": list(self.series), "data_type": self.data_type}

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        if request.path != PATH or request.parameter("frequency") != "hourly":
            return _json({"error": "Not found.", "code": 404}, 404)
        first, last = (_moment(request.parameter(name)) for name in ("start", "end"))
        rows = [
            (point.start + timedelta(hours=1), point.series, point.value)
            for point in points
            if point.series in request.query.get("facets[respondent][]", [])
        ]
        rows = [row for row in rows if (first is None or first <= row[0]) and (last is None or row[0] <= last)]
        if self.data_type not in request.query.get("facets[type][]", []) or request.parameter("data[0]") != "value":
            rows = []
        if request.parameter("sort[0][column]") == "period" and request.parameter("sort[0][direction]") == "asc":
            rows.sort(key=lambda row: row[:2])
        offset, length = int(request.parameter("offset", "0")), int(request.parameter("length", str(MOST_ROWS)))
        part = rows[offset : offset + min(length, MOST_ROWS)]
        response: dict[str, Any] = {"total": str(len(rows)), "dateFormat": 'YYYY-MM-DD"T"HH24', "frequency": "hourly"}
        if len(part) < len(rows):
            response["warnings"] = [INCOMPLETE]
        response["data"] = [self._row(*row) for row in part]
        return _json({"response": response, "apiVersion": "2.1.8"})

    def key_refused(self, key: str) -> Response:
        return _json({"error": {"code": "API_KEY_INVALID", "message": f"An invalid api_key was supplied: {key}"}}, 403)

    def has_key(self, request: Request, key: str) -> bool:
        return request.headers.get("x-api-key") == key and key not in str(request.query)

    def _row(self, period: datetime, respondent: str, value: float | None) -> dict[str, str | None]:
        return {
            "period": period.strftime("%Y-%m-%dT%H"),
            "respondent": respondent,
            "respondent-name": f"Authority {respondent}",
            "type": self.data_type,
            "type-name": NAMES[self.data_type],
            "value": None if value is None else f"{value:g}",
            "value-units": "megawatthours",
        }


class EiaDemand(_Eia):
    """Type D."""


class EiaForecast(_Eia):
    """Type DF."""

    data_type = "DF"

    def fields(self, address: str) -> Mapping[str, Any]:
        return {**super().fields(address), "forecast_of": "demand"}


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status, {"Content-Type": "application/json"})


def _moment(text: str) -> datetime | None:
    return datetime.strptime(text, "%Y-%m-%dT%H").replace(tzinfo=UTC) if text else None
