"""ENTSO-E Transparency Platform: XML of one area a request, curve types, acknowledgements, limits that it changes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any

from tests.dayahead.reading.kinds.conformance.stand_in import Point, Request, Response, StandIn

AREAS = {"DK1": "10YDK-1--------W", "DE-LU": "10Y1001A1001A82H"}
MONTH = timedelta(days=31)
UNAUTHORIZED = "<html><head><title>Error</title></head><body>Unauthorized. Missing or invalid token {key}</body></html>"
TOO_MANY = "Max allowed requests per minute from each unique IP is max up to 400 only"


@dataclass
class _Period:
    """A run of values without a gap."""

    start: datetime
    minutes: int
    values: list[float] = field(default_factory=list)

    @property
    def end(self) -> datetime:
        return self.start + len(self.values) * timedelta(minutes=self.minutes)

    def written(self, curve: str) -> str:
        numbered = list(enumerate(self.values, start=1))
        if curve == "A03":
            numbered = [next(run) for _, run in groupby(numbered, key=lambda one: one[1])]
        points = "".join(f"<Point><position>{at}</position><quantity>{mw:g}</quantity></Point>" for at, mw in numbered)
        return (
            f"<Period><timeInterval><start>{self.start:%Y-%m-%dT%H:%MZ}</start><end>{self.end:%Y-%m-%dT%H:%MZ}</end>"
            f"</timeInterval><resolution>PT{self.minutes}M</resolution>{points}</Period>"
        )


class _Entsoe(StandIn):
    kind = "entsoe"
    series = tuple(AREAS)
    zone = "Europe/Brussels"
    resolutions = (60, 15)
    cap_h = 31 * 24
    writes_nulls = False
    key = "entsoe"

    curve = "A03"
    process = "A16"
    points_of_an_answer: int | None = None
    """After so many points an answer ends without a word."""

    def fields(self, address: str) -> Mapping[str, Any]:
        return {"url": address, "areas": AREAS}

    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        if request.path != "/api":
            return Response("404 page not found", 404)
        start, end = (_moment(request.parameter(name)) for name in ("periodStart", "periodEnd"))
        asked = tuple(request.parameter(name) for name in ("documentType", "processType"))
        labels = {code: label for label, code in AREAS.items()}
        code = request.parameter("outBiddingZone_Domain")
        if start is None or end is None or asked != ("A65", self.process) or code not in labels:
            return acknowledged("Please check you request against dependency tables", 400)
        if end - start > MONTH:
            interval = f"({start:%Y-%m-%dT%H:%M:%SZ} - {end:%Y-%m-%dT%H:%M:%SZ})"
            return acknowledged(f"Provided time interval {interval} is larger than maximum allowed period 'P1M'", 400)
        periods = self._periods([one for one in points if one.series == labels[code] and start <= one.start < end])
        return self._document(code, periods) if periods else self.no_data(request)

    def no_data(self, request: Request) -> Response:
        return acknowledged(f"No matching data found for Data item Actual Total Load [6.1.A] ({AREAS['DK1']})")

    def key_refused(self, key: str) -> Response:
        return Response(UNAUTHORIZED.format(key=key), 401, {"Content-Type": "text/html"})

    def has_key(self, request: Request, key: str) -> bool:
        return request.parameter("securityToken") == key

    def _periods(self, points: Sequence[Point]) -> list[_Period]:
        periods: list[_Period] = []
        for point in points[: self.points_of_an_answer]:
            if point.value is None:
                continue
            last = periods[-1] if periods else None
            if last is None or (last.end, last.minutes) != (point.start, point.minutes):
                periods.append(last := _Period(point.start, point.minutes))
            last.values.append(point.value)
        return periods

    def _document(self, code: str, periods: Sequence[_Period]) -> Response:
        return _xml(
            '<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">'
            f"<type>A65</type><process.processType>{self.process}</process.processType><TimeSeries><mRID>1</mRID>"
            f'<outBiddingZone_Domain.mRID codingScheme="A01">{code}</outBiddingZone_Domain.mRID>'
            f"<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name><curveType>{self.curve}</curveType>"
            + "".join(period.written(self.curve) for period in periods)
            + "</TimeSeries></GL_MarketDocument>"
        )


class EntsoeWithChangesOnly(_Entsoe):
    """Curve type A03: a value that repeats the one before is left out."""


class EntsoeWithEveryPoint(_Entsoe):
    """Curve type A01."""

    curve = "A01"


class EntsoeForecast(_Entsoe):
    """The forecast of the day before."""

    process = "A01"

    def fields(self, address: str) -> Mapping[str, Any]:
        return {**super().fields(address), "load": "day-ahead", "forecast_of": "load"}


def acknowledged(text: str, status: int = 200) -> Response:
    """A document that says why there is no data."""
    return _xml(
        '<Acknowledgement_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">'
        f"<mRID>1</mRID><Reason><code>999</code><text>{text}</text></Reason></Acknowledgement_MarketDocument>",
        status,
    )


def too_many_requests() -> Response:
    """What is answered for ten minutes, without a Retry-After."""
    return Response(TOO_MANY, 429)


def _xml(body: str, status: int = 200) -> Response:
    return Response(body, status, {"Content-Type": "text/xml"})


def _moment(text: str) -> datetime | None:
    return datetime.strptime(text, "%Y%m%d%H%M").replace(tzinfo=UTC) if text else None
