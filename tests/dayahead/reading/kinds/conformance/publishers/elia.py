"""Elia on Opendatasoft: an export of all records that a `where` selects, as a JSON array."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.dayahead.reading.kinds.conformance.shipped import shipped_fields
from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

WHERE = re.compile(r'measured is not null and datetime >= "([^"]+)" and datetime < "([^"]+)"')


class EliaLoad(StandIn):
    """exports/json of ods002, as elia-load.yaml reads it."""

    kind = "http-json"
    series = ("BE/total load",)
    zone = "Europe/Brussels"
    resolutions = (15,)

    def fields(self, address: str) -> Mapping[str, Any]:
        return shipped_fields("elia-load", address)

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        if request.path != "/api/explore/v2.1/catalog/datasets/ods002/exports/json":
            return Response('{"error_code": "UnknownDatasetError", "message": "Unknown dataset"}', 404)
        match = WHERE.fullmatch(request.parameter("where"))
        if match is None:
            return Response('{"error_code": "ODSQLError", "message": "ODSQL query is malformed"}', 400)
        start, end = (datetime.fromisoformat(text).astimezone(UTC) for text in match.groups())
        names = request.parameter("select").split(",")
        rows = [
            {"datetime": point.start.isoformat(), "resolutioncode": "PT15M", "measured": point.value}
            for point in points
            if start <= point.start < end and point.value is not None
        ]
        return Response(json.dumps([{name: row[name] for name in names} for row in rows]))
