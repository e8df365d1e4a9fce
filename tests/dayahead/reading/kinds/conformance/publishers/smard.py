"""SMARD, as smard-load.yaml reads it: an index of weeks from Monday 00:00 in Berlin, one file a week, null for what is
not published.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.dayahead.reading.kinds.conformance.shipped import shipped_fields
from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

BERLIN = ZoneInfo("Europe/Berlin")
NOT_FOUND = Response("<html><head><title>404 Not Found</title></head></html>", 404, {"Content-Type": "text/html"})


def monday(moment: datetime, weeks: int = 0) -> datetime:
    """The start of the week of a moment, or of one after it."""
    local = moment.astimezone(BERLIN)
    day = local.date() - timedelta(days=local.weekday() - 7 * weeks)
    return datetime(day.year, day.month, day.day, tzinfo=BERLIN).astimezone(UTC)


def milliseconds(moment: datetime) -> int:
    """As SMARD writes a moment."""
    return int(moment.timestamp() * 1000)


class _Smard(StandIn):
    kind = "smard"
    series = ("DE/grid load", "50Hertz/grid load")
    zone = "Europe/Berlin"
    resolution = "quarterhour"

    def fields(self, address: str) -> Mapping[str, Any]:
        minutes = self.resolutions[0]
        own = {"regions": ["DE", "50Hertz"], "resolution": self.resolution, "period_minutes": minutes}
        return {**shipped_fields("smard-load", address), **own}

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        mine = [point for point in points if request.path.startswith(f"/app/chart_data/410/{point.series[:-10]}/")]
        region = request.path.split("/")[4] if request.path.count("/") == 5 else ""
        folder = f"/app/chart_data/410/{region}/"
        if region not in ("DE", "50Hertz"):
            return NOT_FOUND
        weeks = self._weeks(points)
        if request.path == f"{folder}index_{self.resolution}.json":
            return Response(json.dumps({"timestamps": [milliseconds(week) for week in weeks]}))
        for week in weeks:
            if request.path == f"{folder}410_{region}_{self.resolution}_{milliseconds(week)}.json":
                return Response(
                    json.dumps({"meta_data": {"version": 1, "created": 1}, "series": self._file(week, mine)})
                )
        return NOT_FOUND

    def _weeks(self, points: Sequence[Point]) -> Sequence[datetime]:
        if not points:
            return []
        weeks = [monday(points[0].start)]
        while weeks[-1] < monday(points[-1].start):
            weeks.append(monday(weeks[-1], weeks=1))
        return weeks

    def _file(self, week: datetime, points: Sequence[Point]) -> Sequence[object]:
        """A whole week of moments, also those that are still to come."""
        period = timedelta(minutes=self.resolutions[0])
        values = {point.start: point.value for point in points}
        count = (monday(week, weeks=1) - week) // period
        moments = [week + number * period for number in range(count)]
        return [[milliseconds(moment), values.get(moment)] for moment in moments]


class SmardQuarterHours(_Smard):
    """Its files of quarters of an hour."""

    resolutions = (15,)


class SmardHours(_Smard):
    """Its files of hours."""

    resolutions = (60,)
    resolution = "hour"
