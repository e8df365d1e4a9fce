"""Files of weather sources: what they may say, and what an error of one says."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from dayahead.errors import SettingsError
from dayahead.hours import to_hour
from dayahead.weather.open_meteo_answer import NAMES, STAMPS
from dayahead.weather.schedule import RunSchedule
from dayahead.weather.source_file import load_weather_source, load_weather_sources, weather_kinds, weather_source_of
from dayahead.weather.values import Variable
from tests.ingest.building import CHECKOUT

SHIPPED = CHECKOUT / "ingest" / "weather-sources"
GIVEN: dict[str, Any] = {
    "name": "here",
    "kind": "open-meteo",
    "title": "Weather here",
    "model": "icon_eu",
    "locations": {"hall": {"latitude": 55.5, "longitude": 10.0}},
}
MIDNIGHT = datetime(2026, 7, 1, tzinfo=UTC)


@pytest.mark.parametrize("file", sorted(SHIPPED.glob("*.yaml")), ids=lambda file: file.stem)
def test_a_shipped_file_loads_and_names_licence_and_credit(file: Path) -> None:
    source = load_weather_source(file)
    assert source.name == file.stem
    assert source.licence
    assert source.attribution
    assert Variable.TEMPERATURE in source.variables


def test_the_shipped_source_of_denmark_has_places_within_denmark() -> None:
    for place in load_weather_source(SHIPPED / "open-meteo-denmark.yaml").locations.values():
        assert place is not None
        assert 54.5 < place.latitude < 57.8
        assert 8 < place.longitude < 15.2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "satellite"}, "kind 'satellite' is unknown; there are: open-meteo, weather-file"),
        ({"model": None}, "model"),
        ({"locations": {}}, "locations"),
        ({"locations": {"hall": None}}, "locations hall: kind open-meteo needs latitude and longitude"),
        ({"locations": {"hall": {"latitude": 91, "longitude": 0}}}, "locations.hall.latitude"),
        ({"locations": {" hall": {"latitude": 9, "longitude": 0}}}, "' hall' must be a printable name"),
        ({"variables": ["temperature_f"]}, "variables.0"),
        ({"variables": ["temperature_c", "temperature_c"]}, "must name each once"),
        ({"run_hours": [6, 0]}, "must ascend"),
        ({"run_hours": [24]}, "run_hours.0"),
        ({"horizon_h": 500}, "horizon_h"),
        ({"horizont_h": 48}, "horizont_h: no such field; there are: .*horizon_h"),
        ({"key": "Open Meteo"}, "key"),
        ({"archive": "reanalysis"}, "archive"),
        ({"rate": "many"}, "is no rate"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], words: str) -> None:
    given = {name: value for name, value in {**GIVEN, **changes}.items() if value is not None}
    with pytest.raises(SettingsError, match=words):
        weather_source_of(given)


def test_the_file_is_named_in_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(yaml.safe_dump({**GIVEN, "delay_h": -1}))
    with pytest.raises(SettingsError, match=r"a\.yaml: delay_h"):
        load_weather_source(tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_text("- one\n")
    with pytest.raises(SettingsError, match="must hold"):
        load_weather_source(tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_text("a: [")
    with pytest.raises(SettingsError, match="not YAML"):
        load_weather_source(tmp_path / "a.yaml")


def test_a_folder_may_have_each_name_once(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no weather source"):
        load_weather_sources([tmp_path])
    for name in "ab":
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(GIVEN))
    with pytest.raises(SettingsError, match="here is given more than once"):
        load_weather_sources([tmp_path])


def test_a_definition_survives_being_stored() -> None:
    source = weather_source_of({**GIVEN, "metadata": "dwd_icon_eu", "history_start": "2024-01-01"})
    assert type(source).model_validate(source.model_dump(mode="json", exclude_defaults=True)) == source


def test_each_variable_has_a_name_and_a_meaning_of_its_time_in_open_meteo() -> None:
    assert set(NAMES) == set(STAMPS) == set(Variable)
    assert {"open-meteo", "weather-file"} == set(weather_kinds())


@pytest.mark.parametrize(
    ("after", "newest", "next_h"),
    [(timedelta(hours=5), 0, 11), (timedelta(hours=4, minutes=59), -6, 5), (timedelta(hours=23), 18, 29)],
)
def test_the_newest_run_that_is_due_follows_from_its_delay(after: timedelta, newest: int, next_h: int) -> None:
    schedule = RunSchedule([0, 6, 12, 18], 5)
    assert schedule.newest_due(MIDNIGHT + after) == to_hour(MIDNIGHT) + newest
    assert schedule.next_due(MIDNIGHT + after) == MIDNIGHT + timedelta(hours=next_h)


def test_a_run_counts_as_missed_an_hour_after_it_was_due() -> None:
    schedule, newest = RunSchedule([0, 6, 12, 18], 5), to_hour(MIDNIGHT)
    at = [schedule.missed(newest, MIDNIGHT + timedelta(hours=hours)) for hours in (6, 11, 11.9, 12, 17.9, 18, 24)]
    assert at == [0, 0, 0, 1, 1, 2, 3]


def test_runs_once_a_day_are_due_once_a_day() -> None:
    schedule = RunSchedule([12], 6)
    assert schedule.newest_due(MIDNIGHT) == to_hour(MIDNIGHT) - 12
    assert schedule.newest_due(MIDNIGHT - timedelta(hours=7)) == to_hour(MIDNIGHT) - 36
    assert schedule.starts(to_hour(MIDNIGHT) - 36, to_hour(MIDNIGHT) + 13) == [
        to_hour(MIDNIGHT) + 12 + 24 * day for day in (-2, -1, 0)
    ]
