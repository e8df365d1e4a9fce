"""NESO's CKAN: SQL over half hours that are numbered within the day of London."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.dayahead.reading.kinds.conformance.shipped import shipped_fields
from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

LONDON = ZoneInfo("Europe/London")
STATEMENT = re.compile(
    r'SELECT (?P<columns>"[^ ]+"(?:, "[^ ]+")*) FROM "177f6fa4-ae49-4182-81ea-0c6b35f26ca6" '
    r"WHERE \"FORECAST_ACTUAL_INDICATOR\" = 'A' AND \"SETTLEMENT_DATE\" >= '(?P<first>[\d-]+)' "
    r"AND \"SETTLEMENT_DATE\" < '(?P<last>[\d-]+)' ORDER BY \"SETTLEMENT_DATE\", \"SETTLEMENT_PERIOD\""
)


class NesoDates(StandIn):
    """datastore_search_sql, as neso-demand.yaml reads it."""

    kind = "http-json"
    series = ("GB/ND", "GB/TSD")
    zone = "Europe/London"
    resolutions = (30,)

    def fields(self, address: str) -> Mapping[str, Any]:
        return shipped_fields("neso-demand", address)

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        match = STATEMENT.fullmatch(request.parameter("sql"))
        if request.path != "/api/3/action/datastore_search_sql" or match is None:
            return Response('{"success": false, "error": {"query": ["(ProgrammingError) syntax error"]}}', 409)
        first, last = date.fromisoformat(match["first"]), date.fromisoformat(match["last"])
        rows: dict[datetime, dict[str, object]] = {}
        for point in points:
            local = point.start.astimezone(LONDON)
            if first <= local.date() < last:
                row = rows.setdefault(
                    point.start, {"SETTLEMENT_DATE": self.written(local.date()), "ND": None, "TSD": None}
                )
                midnight = local.replace(hour=0, minute=0, fold=0).astimezone(UTC)
                row["SETTLEMENT_PERIOD"] = (point.start - midnight) // timedelta(minutes=30) + 1
                row[point.series.removeprefix("GB/")] = point.value
        names = [name.strip('"') for name in match["columns"].split(", ")]
        records = [{name: rows[start][name] for name in names} for start in sorted(rows)]
        result = {"sql": match[0], "records": records, "fields": [{"id": name, "type": "text"} for name in names]}
        return Response(json.dumps({"help": "…", "success": True, "result": result}))

    def written(self, day: date) -> str:
        """A settlement date."""
        return day.isoformat()


class NesoTimestamps(NesoDates):
    """The same where the column has the type of a timestamp."""

    def written(self, day: date) -> str:
        """A settlement date."""
        return f"{day.isoformat()}T00:00:00"
