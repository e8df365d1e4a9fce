"""APIs that answer CSV, with the marks, times and pages that publishers use."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

PARIS = ZoneInfo("Europe/Paris")


class CsvInOffsets(StandIn):
    """Commas and UTC, by offset and limit; key in a header."""

    kind = "http-csv"
    series = ("north", "south")
    key = "csv_grid"
    cap_h = 10

    def fields(self, address: str) -> Mapping[str, Any]:
        return {
            "url": f"{address}/export.csv",
            "params": {"start": "{start}", "end": "{end}", "format": "csv"},
            "bound_format": "epoch_s",
            "paging": {"by": "offset", "parameter": "offset", "limit": 21, "limit_parameter": "limit"},
            "key": "csv_grid",
            "key_header": "X-API-Key",
            "time_column": "time",
            "key_columns": ["region"],
            "value_column": "load",
            "unit": "MWh",
            "quantity": "energy",
        }

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        start, end = (datetime.fromtimestamp(int(request.parameter(name)), UTC) for name in ("start", "end"))
        found = [point for point in points if start <= point.start < end]
        first, limit = int(request.parameter("offset", "0")), int(request.parameter("limit", "9"))
        lines = [
            f"{one.start:%Y-%m-%dT%H:%M:%SZ},{one.series},{'' if one.value is None else one.value}"
            for one in found[first : first + limit]
        ]
        return Response("\n".join(["time,region,load", *lines]) + "\n", headers={"Content-Type": "text/csv"})

    def has_key(self, request: Request, key: str) -> bool:
        return request.headers.get("x-api-key") == key


class CsvOfLocalDays(StandIn):
    """Semicolons, decimal commas, a title above the header, a series a column; whole local days, newest first."""

    kind = "http-csv"
    series = ("fr/national", "fr/corsica")
    zone = "Europe/Paris"
    resolutions = (60,)
    cap_h: ClassVar[int | None] = 7 * 24

    def fields(self, address: str) -> Mapping[str, Any]:
        return {
            "url": address + "/days/{start}..{end}",
            "bound_format": "%d-%m-%Y",
            "bound_zone": "Europe/Paris",
            "window_days": 7,
            "delimiter": ";",
            "decimal": ",",
            "encoding": "windows-1252",
            "null_marks": ["ND"],
            "time_column": "Début",
            "time_format": "%d/%m/%Y %H:%M",
            "time_zone": "Europe/Paris",
            "key_columns": ["country"],
            "constant_labels": {"country": "fr"},
            "value_columns": {"National (MW)": "national", "Corse (MW)": "corsica"},
            "value_label": "grid",
            "unit": "MW",
            "quantity": "power",
        }

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        texts = request.path.removeprefix("/days/").split("..")
        start, end = (datetime.strptime(text, "%d-%m-%Y").replace(tzinfo=PARIS) for text in texts)
        if (end.date() - start.date()).days > 7:
            return Response("trop de jours", 400)
        rows: dict[datetime, dict[str, str]] = {}
        for one in points:
            if start <= one.start < end:
                value = "ND" if one.value is None else f"{one.value:.2f}".replace(".", ",")
                rows.setdefault(one.start, {})[one.series] = value
        lines = [
            ";".join([f"{moment.astimezone(PARIS):%d/%m/%Y %H:%M}", *(row.get(name, "ND") for name in self.series)])
            for moment, row in sorted(rows.items(), reverse=True)
        ]
        text = "\r\n".join(["Consommation réalisée", "Début;National (MW);Corse (MW)", *lines, ""])
        return Response(text.encode("windows-1252"))
