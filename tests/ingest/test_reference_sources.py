"""The shipped files of forecasts that operators publish, read from answers in the shape of their publishers."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from dayahead.hours import from_hour, to_hour
from dayahead.reading.converter import convert_answer
from dayahead.reading.published import by_publication
from dayahead.reading.source_file import kind_of, load_source, source_of
from dayahead.reading.source_kind import Surroundings
from dayahead.source import Source
from tests.dayahead.reading.kinds.conformance.loopback import serving
from tests.dayahead.reading.kinds.conformance.shipped import shipped_fields
from tests.dayahead.reading.kinds.conformance.stand_in import Request, Response
from tests.ingest.building import SOURCES

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
FIRST = datetime(2026, 11, 20, 23, tzinfo=UTC)  # hours of tomorrow in Berlin and Brussels
HOURS = 24


def times(minutes: int) -> list[datetime]:
    return [FIRST + timedelta(minutes=minutes * number) for number in range(HOURS * 60 // minutes)]


def value(moment: datetime) -> float:
    return 40_000.0 + moment.hour * 100 + moment.minute


def elexon(request: Request) -> Response:
    rows = [
        {
            "publishTime": "2026-11-20T11:45:00Z",
            "transmissionSystemDemand": value(time) + 600,
            "nationalDemand": value(time),
            "startTime": time.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "settlementDate": time.date().isoformat(),
            "settlementPeriod": time.hour * 2 + time.minute // 30 + 1,
            "boundary": "N",
        }
        for time in times(30)
    ]
    assert request.path == "/bmrs/api/v1/forecast/demand/day-ahead"
    return Response(json.dumps({"metadata": {"datasets": ["NDF", "TSDF"]}, "data": rows}))


def energy_charts(request: Request) -> Response:
    assert request.parameter("production_type") == "load"
    rows = [{"timestamp": time.isoformat(), "values": {"load": value(time)}} for time in times(15)]
    following = {"timestamp": (FIRST + timedelta(hours=HOURS)).isoformat(), "values": {"load": None}}
    return Response(
        json.dumps({"resolution": "PT15M", "unit": "MW", "series": [{"id": "load"}], "data": [*rows, following]})
    )


def elia(request: Request) -> Response:
    assert 'datetime < "2026-11-2' in request.parameter("where"), "hours that lie ahead are asked for"
    assert "mostrecentforecast" in request.parameter("select")
    return Response(
        json.dumps([{"datetime": time.isoformat(), "mostrecentforecast": value(time) / 4} for time in times(15)])
    )


def smard(request: Request) -> Response:
    week = int(datetime(2026, 11, 15, 23, tzinfo=UTC).timestamp() * 1000)
    if request.path == "/app/chart_data/411/DE/index_quarterhour.json":
        return Response(json.dumps({"timestamps": [week]}))
    assert request.path == f"/app/chart_data/411/DE/411_DE_quarterhour_{week}.json"
    known = [[int(time.timestamp() * 1000), value(time) / 4] for time in times(15)]
    after = [[int((FIRST + timedelta(hours=HOURS)).timestamp() * 1000), None]]
    return Response(json.dumps({"meta_data": {"version": 1}, "series": known + after}))


def aemo(request: Request) -> Response:
    name = "PUBLIC_FORECAST_OPERATIONAL_DEMAND_HH_202611202300_20261120222741"
    if request.path.endswith("/"):
        older = name.replace("20261120222741", "20261120215741")
        links = "".join(f'<A HREF="{request.path}{one}.zip">{one}.zip</A><br>' for one in (name, older))
        return Response(f'<pre><A HREF="/Reports/">[To Parent Directory]</A><br>{links}</pre>')
    assert request.path.endswith(f"{name}.zip"), "only the newest file is read"
    ends = [time + timedelta(minutes=30, hours=10) for time in times(30)]
    lines = [
        "C,NEMP.WORLD,FORECAST_OPERATIONAL_DEMAND_HH,AEMO,PUBLIC,2026/11/20,22:27:41,0000000457367117,DEMAND,1",
        "I,OPERATIONAL_DEMAND,FORECAST,1,REGIONID,INTERVAL_DATETIME,LOAD_DATE,OPERATIONAL_DEMAND_POE10,"
        "OPERATIONAL_DEMAND_POE50,OPERATIONAL_DEMAND_POE90,LASTCHANGED",
        *(
            f'D,OPERATIONAL_DEMAND,FORECAST,1,NSW1,"{end:%Y/%m/%d %H:%M:%S}","2026/11/20 22:27:41",9999,'
            f'{value(end - timedelta(minutes=30, hours=10)) / 5:g},1,"2026/11/20 22:27:41"'
            for end in ends
        ),
    ]
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr(f"{name}.CSV", "\r\n".join([*lines, f'C,"END OF REPORT",{len(lines) + 1}', ""]))
    return Response(body.getvalue())


ANSWERS: Mapping[str, tuple[Callable[[Request], Response], str, Callable[[datetime], float]]] = {
    "elexon-demand-forecast": (elexon, "GB/INDO", lambda hour: value(hour) + 15),
    "energy-charts-load-forecast": (energy_charts, "DE/load", lambda hour: value(hour) + 22.5),
    "elia-load-forecast": (elia, "BE/total load", lambda hour: (value(hour) + 22.5) / 4),
    "smard-load-forecast": (smard, "DE/grid load", lambda hour: value(hour) + 22.5),
    "aemo-demand-forecast": (aemo, "NSW1/operational demand", lambda hour: (value(hour) + 15) / 5),
}


def source_at(name: str, address: str) -> Source:
    shipped = load_source(SOURCES / f"{name}.yaml")
    return source_of({"name": shipped.name, "kind": shipped.kind, "title": "x", **shipped_fields(name, address)})


@pytest.mark.parametrize("name", ANSWERS)
def test_the_hours_of_a_published_forecast_lie_ahead_and_have_the_series_of_the_observed_values(name: str) -> None:
    answer, series, expected = ANSWERS[name]
    with serving(answer) as (address, _), ExitStack() as resources:
        source = source_at(name, address)
        surroundings = Surroundings(clock=lambda: NOW, pause=lambda _: False, resources=resources)
        read = kind_of(source).reader(source, surroundings).read(to_hour(NOW) - 24, None)
        parts, unread = by_publication(read, source, NOW)
        assert unread == []
        conversions = [(part.available_at, convert_answer(part.answer, source, NOW)) for part in parts]
    rows = [(row.series_id, row.hour, row.value) for _, one in conversions for row in one.rows]
    assert [one.reason for _, conversion in conversions for one in conversion.rejections] == []
    mine = {hour: found for series_id, hour, found in rows if series_id == series}
    assert mine == pytest.approx(
        {to_hour(FIRST) + number: expected(from_hour(to_hour(FIRST) + number)) for number in range(HOURS)}
    )
    observed = load_source(SOURCES / f"{source.forecast_of}.yaml")
    assert (observed.unit, observed.label_names) == (source.unit, source.label_names)
    assert observed.allowed_labels == source.allowed_labels
    if name.startswith("elexon"):
        assert [moment for moment, _ in conversions] == [datetime(2026, 11, 20, 11, 45, tzinfo=UTC)]
