from pathlib import Path

import numpy as np
import pytest
import yaml

from dayahead.errors import NotEnoughHistoryError, SettingsError
from dayahead.hours import HOUR_US
from dayahead.weather.values import WeatherKind
from tests.trainer.made_up_weather import LOCATIONS, START, made_up, write_observations, write_runs
from trainer.weather_file import WeatherFileOption, read_weather_file

MADE = made_up(4)


def test_observations_in_the_usual_columns_need_no_description(tmp_path: Path) -> None:
    read = read_weather_file(WeatherFileOption(write_observations(MADE, tmp_path)))
    assert read.holds == "observations"
    assert set(read.publications) == set(LOCATIONS)
    hours = [value for one in read.publications["moor"] for value in one.values.tolist()]
    np.testing.assert_allclose(hours, MADE.temperature[2], rtol=1e-5)


def test_runs_in_the_usual_columns_keep_their_starts_and_when_they_were_available(tmp_path: Path) -> None:
    read = read_weather_file(WeatherFileOption(write_runs(MADE, tmp_path, sd=0.0)))
    assert read.holds == "runs"
    runs = read.publications["coast"]
    assert {one.kind for one in runs} == {WeatherKind.RUN}
    assert [one.start for one in runs] == list(range(START, START + MADE.hours, 6))
    assert all(one.available_us == (one.start + 4) * HOUR_US for one in runs)


def test_a_file_without_a_column_of_locations_is_one_location_of_its_name(tmp_path: Path) -> None:
    file = tmp_path / "roof.csv"
    file.write_text("valid_time,temperature_c\n2024-01-01T00:00Z,3.5\n2024-01-01T01:00Z,3.25\n")
    read = read_weather_file(WeatherFileOption(file))
    (one,) = read.publications["roof"]
    assert one.values.tolist() == [3.5, 3.25]
    assert one.first == START


def test_other_columns_are_named_by_a_weather_source_or_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "roof.csv"
    file.write_text("zeit,grad\n2024-01-01T00:00Z,50\n")
    with pytest.raises(SettingsError, match=r"no column valid_time and temperature_c.*--weather-source"):
        read_weather_file(WeatherFileOption(file))
    source = tmp_path / "roof.yaml"
    fields = {
        "name": "roof",
        "kind": "weather-file",
        "title": "Roof",
        "path": "roof.csv",
        "holds": "observations",
        "time_column": "zeit",
        "value_columns": {"temperature_c": "grad"},
        "units": {"temperature_c": "°F"},
        "locations": {"roof": None},
    }
    source.write_text(yaml.safe_dump(fields))
    for option in (WeatherFileOption(file, source), WeatherFileOption(source)):
        (one,) = read_weather_file(option).publications["roof"]
        assert one.values.tolist() == [10.0]
    with pytest.raises(SettingsError, match="says that it holds observations"):
        read_weather_file(WeatherFileOption(source, holds="runs"))


def test_runs_need_the_column_with_their_starts(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no column run"):
        read_weather_file(WeatherFileOption(write_observations(MADE, tmp_path), holds="runs"))


def test_a_weather_source_that_is_no_file_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "icon.yaml"
    fields = {
        "name": "icon",
        "kind": "open-meteo",
        "title": "ICON",
        "model": "icon_eu",
        "locations": {"aarhus": {"latitude": 56.2, "longitude": 10.2}},
    }
    source.write_text(yaml.safe_dump(fields))
    with pytest.raises(SettingsError, match="of kind open-meteo, and --weather reads files"):
        read_weather_file(WeatherFileOption(source))


def test_a_file_without_any_value_says_so(tmp_path: Path) -> None:
    file = tmp_path / "roof.csv"
    file.write_text("valid_time,temperature_c\n2024-01-01T00:00Z,\n")
    with pytest.raises(NotEnoughHistoryError, match="temperature_c"):
        read_weather_file(WeatherFileOption(file))
