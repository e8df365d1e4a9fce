"""The shipped files of live sources make the right hour of one: what a value is, where its hour starts, its series."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest

from dayahead.hours import to_hour
from dayahead.reading.converter import convert_answer
from dayahead.reading.reader import Answer
from dayahead.reading.source_file import load_source
from dayahead.weather.source_file import load_weather_source
from ingest.weather_running import check_places
from tests.ingest.building import SOURCES

NOW = datetime(2026, 7, 2, tzinfo=UTC)
NINE = to_hour(datetime(2026, 7, 1, 9, tzinfo=UTC))  # 10:00 in London, 11:00 in Berlin, 19:00 in Brisbane
QUARTERS = ("09:00", "09:15", "09:30", "09:45")

# Records as the kind returns them, of 09:00 UTC; the series and its value of that hour.
HOURS: Mapping[str, tuple[Sequence[Mapping[str, object]], str, float]] = {
    # energy of a quarter of an hour: the hour is their sum
    "smard-load": (
        [
            {"timestamp": 1782896400000 + number * 900_000, "region": "DE", "value": value}
            for number, value in enumerate([13000.25, 13100.0, 13200.0, 13300.75])
        ],
        "DE/grid load",
        52601.0,
    ),
    # rates: the hour is their mean
    "elia-load": (
        [
            {"datetime": f"2026-07-01T{time}:00+00:00", "measured": value}
            for time, value in zip(QUARTERS, [9000.0, 9100.0, 9200.0, 9300.0], strict=True)
        ],
        "BE/total load",
        9150.0,
    ),
    "energy-charts-load": (
        [
            {"timestamp": f"2026-07-01T11{time[2:]}:00+02:00", "values.load": value}
            for time, value in zip(QUARTERS, [52000.0, 52100.0, 52200.0, 52300.0], strict=True)
        ],
        "DE/load",
        52150.0,
    ),
    "elexon-demand": (
        [
            {
                "startTime": f"2026-07-01T{time}:00Z",
                "settlementDate": "2026-07-01",
                "settlementPeriod": period,
                "initialDemandOutturn": value,
                "initialTransmissionSystemDemandOutturn": value + 600,
            }
            for time, period, value in [("09:00", 21, 25000), ("09:30", 22, 25500)]
        ],
        "GB/ITSDO",
        25850.0,
    ),
    "neso-demand": (
        [
            {"SETTLEMENT_DATE": "2026-07-01", "SETTLEMENT_PERIOD": period, "ND": value, "TSD": value + 600}
            for period, value in [(21, 25000), (22, 25500)]  # of the day in London, which is an hour ahead in July
        ],
        "GB/ND",
        25250.0,
    ),
    "aemo-demand": (
        [
            {"REGIONID": "NSW1", "INTERVAL_DATETIME": f"2026/07/01 {end}:00", "OPERATIONAL_DEMAND": value}
            for end, value in [("19:30", "9400"), ("20:00", "9600")]  # ends, on the clock of the market
        ],
        "NSW1/operational demand",
        9500.0,
    ),
    "electricity-balance": (
        [
            {"HourUTC": f"2026-07-01T{time}:00", "PriceArea": "DK1", "TotalLoad": value}
            for time, value in zip(QUARTERS, [2100.0, 2110.0, 2120.0, 2130.0], strict=True)
        ],
        "DK1/TotalLoad",
        2115.0,
    ),
}


@pytest.mark.parametrize("name", HOURS)
def test_a_live_source_makes_an_hour_of_its_records(name: str) -> None:
    records, series_id, value = HOURS[name]
    conversion = convert_answer(Answer.of(records), load_source(SOURCES / f"{name}.yaml"), NOW)
    assert [one.reason for one in conversion.rejections] == []
    assert {row.hour for row in conversion.rows} == {NINE}
    assert {row.series_id: row.value for row in conversion.rows}[series_id] == pytest.approx(value)


@pytest.mark.parametrize(
    "name", [file.stem for file in sorted(SOURCES.glob("*.yaml")) if load_source(file).weather is not None]
)
def test_the_weather_that_a_shipped_source_names_is_shipped_with_its_locations(name: str) -> None:
    source = load_source(SOURCES / f"{name}.yaml")
    assert source.weather is not None
    weather = load_weather_source(SOURCES.parent / "weather-sources" / f"{source.weather.source}.yaml")
    check_places([source], [weather])
    # its runs reach the end of the horizon also when the next one is due
    behind = source.publication_lag_h + source.publication_interval_h
    assert weather.horizon_h >= source.leads - behind + weather.delay_h
    text = (SOURCES / f"{name}.yaml").read_text()
    assert "NON-COMMERCIAL" in text


def test_the_price_areas_of_denmark_follow_weather_of_their_own() -> None:
    for name in ("electricity-balance", "production-consumption-settlement"):
        weather = load_source(SOURCES / f"{name}.yaml").weather
        assert weather is not None
        west, east = (dict(weather.weights_of(f"{area}/x") or ()) for area in ("DK1", "DK2"))
        assert west.keys() == {"aalborg", "aarhus", "esbjerg", "odense"}
        assert east.keys() == {"copenhagen", "naestved"}
