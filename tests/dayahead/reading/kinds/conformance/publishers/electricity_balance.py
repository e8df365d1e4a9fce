"""A dataset of Energi Data Service whose records became quarters of an hour in the same columns."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from tests.dayahead.reading.kinds.conformance.publishers.energi_data_service import EnergiDataServiceInUtc
from tests.dayahead.reading.kinds.conformance.shipped import shipped_fields
from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response


class ElectricityBalance(EnergiDataServiceInUtc):
    """ElectricityBalanceNonv, as electricity-balance.yaml reads it."""

    series = ("DK1/TotalLoad", "DK2/TotalLoad")
    resolutions = (60, 15)
    max_records = 400
    cap_h = None

    def fields(self, address: str) -> Mapping[str, Any]:
        return shipped_fields("electricity-balance", address)

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        if request.path != "/dataset/ElectricityBalanceNonv":
            return Response('{"error": "Not found"}', 404)
        asked = Request("/dataset/Consumption", request.query, request.headers)
        return super().answer(asked, points)

    def _record(self, point: Point) -> dict[str, object]:
        return {
            "HourUTC": point.start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
            "PriceArea": point.series.split("/")[0],
            "TotalLoad": point.value,
        }
