"""Kind weather-file: runs and observations from CSV and Parquet."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dayahead.errors import SettingsError, SourceRefused, SourceUnavailable
from dayahead.hours import to_hour, to_microseconds
from dayahead.weather.kinds.weather_file import WeatherFile
from dayahead.weather.source_file import weather_source_of
from dayahead.weather.values import Variable, WeatherKind

START = datetime(2026, 7, 1, tzinfo=UTC)
NOW = START + timedelta(hours=9)

RUNS = {
    "kind": "weather-file",
    "holds": "runs",
    "location_column": "place",
    "start_column": "run",
    "available_column": "available",
    "value_columns": {"temperature_c": "t2m"},
}
OBSERVED = {"kind": "weather-file", "holds": "observations", "value_columns": {"temperature_c": "t2m"}}


def make_file(path: Path, **changes: Any) -> WeatherFile:
    fields = {"name": "own", "title": "Ours", "path": str(path), "delay_h": 5, **RUNS, **changes}
    if "locations" not in fields:
        fields["locations"] = {"hall": None} if fields.get("location_column") is None else {"hall": None, "yard": None}
    return WeatherFile(weather_source_of(fields))


def line(place: str, run: datetime, lead: int, value: float, available: str = "") -> str:
    valid, available = run + timedelta(hours=lead), available or text(run + timedelta(hours=4))
    return f"{place},{text(run)},{available},{text(valid)},{value}"


def text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M}Z"


def write(path: Path, *lines: str, header: str = "place,run,available,valid_time,t2m") -> Path:
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_each_run_of_each_place_is_a_publication_with_its_own_times(tmp_path: Path) -> None:
    lines = [
        line(place, START + timedelta(hours=6 * run), lead, 10 * run + lead + number)
        for number, place in enumerate(("hall", "yard", "elsewhere"))
        for run in range(2)
        for lead in range(3)
    ]
    found = make_file(write(tmp_path / "runs.csv", *lines)).read()
    assert [(one[0].location, one[0].start, one[0].values.tolist()) for one in found] == [
        ("hall", to_hour(START), [0, 1, 2]),
        ("yard", to_hour(START), [1, 2, 3]),
        ("hall", to_hour(START) + 6, [10, 11, 12]),
        ("yard", to_hour(START) + 6, [11, 12, 13]),
    ]
    assert found[0][0].kind is WeatherKind.RUN
    assert found[0][0].available_us == to_microseconds(START + timedelta(hours=4))


def test_a_run_without_a_time_of_availability_is_there_after_the_delay(tmp_path: Path) -> None:
    path = write(tmp_path / "runs.csv", line("hall", START, 0, 1))
    (found,) = make_file(path, available_column=None).read()
    assert found[0].available_us == to_microseconds(START + timedelta(hours=5))


def test_a_run_that_was_published_again_is_two_publications(tmp_path: Path) -> None:
    again = f"{START + timedelta(hours=7):%Y-%m-%dT%H:%M}Z"
    path = write(tmp_path / "runs.csv", line("hall", START, 0, 1), line("hall", START, 0, 2, again))
    assert [one[0].values.tolist() for one in make_file(path).read()] == [[1], [2]]


def test_parquet_with_typed_times_and_several_variables(tmp_path: Path) -> None:
    hours = pa.array([START + timedelta(hours=hour) for hour in range(3)], pa.timestamp("ns", "UTC"))
    table = pa.table(
        {
            "run": pa.array([START] * 3, pa.timestamp("us", "UTC")),
            "valid": hours,
            "t": pa.array([50.0, 32.0, None]),
            "wind": pa.array([36, 72, 108], pa.int64()),
        }
    )
    pq.write_table(table, tmp_path / "runs.parquet")
    (found,) = make_file(
        tmp_path / "runs.parquet",
        location_column=None,
        available_column=None,
        time_column="valid",
        value_columns={"temperature_c": "t", "wind_speed_m_s": "wind"},
        variables=["temperature_c", "wind_speed_m_s"],
        units={"temperature_c": "°F", "wind_speed_m_s": "km/h"},
    ).read()
    by_variable = {one.variable: one.values for one in found}
    np.testing.assert_allclose(by_variable[Variable.TEMPERATURE], [10, 0, np.nan], atol=1e-5)
    np.testing.assert_allclose(by_variable[Variable.WIND_SPEED], [10, 20, 30], rtol=1e-6)


def test_observed_hours_are_a_publication_a_day_available_after_it(tmp_path: Path) -> None:
    lines = [f"{START + timedelta(hours=hour):%Y-%m-%d %H:%M},{hour}" for hour in range(-2, 30)]
    path = write(tmp_path / "observed.csv", *lines, header="time,t2m")
    found = make_file(
        path, **OBSERVED, location_column=None, start_column=None, available_column=None, time_column="time"
    ).read()
    assert [(one[0].first - to_hour(START), len(one[0].values), one[0].kind) for one in found] == [
        (-2, 2, WeatherKind.OBSERVED),
        (0, 24, WeatherKind.OBSERVED),
        (24, 6, WeatherKind.OBSERVED),
    ]
    assert found[1][0].available_us == to_microseconds(START + timedelta(hours=29))


def test_instants_of_half_hours_become_means_of_hours(tmp_path: Path) -> None:
    lines = [f"{START + timedelta(minutes=30 * half):%Y-%m-%dT%H:%MZ},{half}" for half in range(5)]
    path = write(tmp_path / "observed.csv", *lines, header="time,t2m")
    (found,) = make_file(
        path,
        **OBSERVED,
        location_column=None,
        start_column=None,
        available_column=None,
        time_column="time",
        time_label="instant",
    ).read()
    assert (found[0].first, found[0].values.tolist()) == (to_hour(START), [1.0, 3.0])


def test_a_poll_returns_what_is_available_once_and_a_correction_again(tmp_path: Path) -> None:
    path = write(tmp_path / "runs.csv", line("hall", START, 0, 1), line("hall", START + timedelta(hours=6), 0, 2))
    reader = make_file(path)
    assert [one[0].start for one in reader.news(None, NOW)] == [to_hour(START)]
    assert reader.news(to_hour(START), NOW) == []
    assert [one[0].start for one in reader.news(to_hour(START), NOW + timedelta(hours=1))] == [to_hour(START) + 6]
    write(path, line("hall", START, 0, 1.5), line("hall", START + timedelta(hours=6), 0, 2), line("yard", START, 0, 3))
    later = reader.news(to_hour(START) + 6, NOW + timedelta(hours=2))
    assert [(one[0].location, one[0].values.tolist()) for one in later] == [("hall", [1.5]), ("yard", [3])]


def test_the_archive_has_the_runs_that_start_in_a_range(tmp_path: Path) -> None:
    path = write(tmp_path / "runs.csv", *[line("hall", START + timedelta(hours=6 * run), 0, run) for run in range(4)])
    archived = make_file(path).archive(to_hour(START) + 6, to_hour(START) + 18)
    assert [one[0].values.tolist() for one in archived] == [[1], [2]]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("hall,2026-07-01T00:00Z,2026-07-01T04:00Z,yesterday,1", r"line 2: column 'valid_time' is 'yesterday'"),
        ("hall,2026-07-01T00:30Z,2026-07-01T04:00Z,2026-07-01T01:00Z,1", "'run'.* is not the start of an hour"),
        ("hall,2026-07-01T00:00Z,2026-07-01T04:00Z,2026-07-01T01:00Z,warm", "'t2m' is 'warm', is no number"),
        ("hall,2026-07-01T00:00Z,2026-07-01T04:00Z,2026-07-01T01:00Z,288.15", r"288.15 of temperature_c.*check units"),
        ("hall,2026-07-01T00:00Z,2026-06-30T04:00Z,2026-07-01T01:00Z,1", "available before it starts"),
        ("hall,2026-07-01T00:00Z,2026-07-01T04:00Z,2026-07-01T01:00Z", "line 2"),
    ],
)
def test_a_record_that_is_not_as_described_is_refused_with_its_place(tmp_path: Path, wrong: str, words: str) -> None:
    with pytest.raises(SourceRefused, match=words):
        make_file(write(tmp_path / "runs.csv", wrong)).read()


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match="does not exist"):
        make_file(tmp_path / "runs.csv").news(None, NOW)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceRefused, match="no column 't2m'"):
        make_file(write(tmp_path / "runs.csv", header="place,run,available,valid_time,T2M")).read()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"holds": "observations"}, "holds: runs needs start_column"),
        ({"location_column": None, "locations": {"a": None, "b": None}}, "location_column"),
        ({"variables": ["wind_speed_m_s"]}, "value_columns: no column for wind_speed_m_s"),
        ({"units": {"temperature_c": "m/s"}}, "units temperature_c: 'm/s' is unknown; there are: °C, °F, K"),
    ],
)
def test_fields_that_do_not_fit_each_other_are_named(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        make_file(tmp_path / "runs.csv", **changes)
