from pathlib import Path

import numpy as np
import pytest
import yaml

from dayahead.features.calendar import Calendar
from dayahead.models.history import History
from dayahead.weather.places import WeatherPlaces
from tests.trainer.made_up_weather import LOCATIONS, SERIES, START, made_up, write_observations
from trainer.weather_file import WeatherFileOption, read_weather_file
from trainer.weather_places import By, Proposals, propose, unknown_locations

MADE = made_up(60)


@pytest.fixture(scope="module")
def publications(tmp_path_factory: pytest.TempPathFactory) -> object:
    file = write_observations(MADE, tmp_path_factory.mktemp("weather"))
    return read_weather_file(WeatherFileOption(file)).publications


def history(names: tuple[str, ...] = SERIES) -> History:
    return History(names, START, MADE.load, (Calendar("UTC"),))


def test_each_series_has_the_locations_that_its_load_follows(publications: dict) -> None:  # type: ignore[type-arg]
    mill, shore, upland = propose(history(), publications).each
    assert (mill.helps, mill.weights, mill.place) == (False, None, None)
    assert shore.weights == (("coast", 1.0),)
    assert upland.place == {"hills": 1.0, "moor": 1.0}
    assert upland.best_r2 < upland.r2


def test_the_yaml_is_what_a_source_file_takes(publications: dict) -> None:  # type: ignore[type-arg]
    proposals = propose(history(), publications)
    places = WeatherPlaces.model_validate(yaml.safe_load(proposals.yaml("grid"))["weather"])
    assert places.source == "grid"
    assert [places.weights_of(name) for name in SERIES] == proposals.weights_of(SERIES)


def test_an_area_has_one_place_for_its_series(publications: dict) -> None:  # type: ignore[type-arg]
    names = ("east/mill", "east/shore", "west/upland")
    proposals = propose(history(names), publications, By.AREA)
    assert [one.name for one in proposals.each] == ["east", "west"]
    assert proposals.weights_of(names)[:2] == [(("coast", 1.0),)] * 2
    fields = yaml.safe_load(proposals.yaml("grid"))["weather"]
    assert set(fields) == {"source", "default", "areas"}
    places = WeatherPlaces.model_validate(fields)
    assert [places.weights_of(name) for name in names] == proposals.weights_of(names)


def test_many_series_are_placed_by_their_areas(publications: dict) -> None:  # type: ignore[type-arg]
    names = tuple(f"east/{number}" for number in range(51))
    many = History(names, START, np.repeat(MADE.load[1:2], 51, axis=0), (Calendar("UTC"),))
    assert [one.name for one in propose(many, publications).each] == ["east"]


def test_nothing_is_proposed_where_no_location_helps(publications: dict) -> None:  # type: ignore[type-arg]
    idle = History(("mill",), START, MADE.load[:1], (Calendar("UTC"),))
    assert propose(idle, publications).yaml("grid") == ""
    assert Proposals(By.SERIES, [], ()).yaml("grid") == ""


def test_a_location_that_the_weather_does_not_have_is_found(publications: dict) -> None:  # type: ignore[type-arg]
    places = WeatherPlaces(source="grid", default="coast", series={"mill": {"moor": 1, "fell": 2}})
    assert unknown_locations(places, publications) == ["fell"]
    assert set(publications) == set(LOCATIONS)


def test_the_order_of_locations_in_a_file_does_not_matter(tmp_path: Path, publications: dict) -> None:  # type: ignore[type-arg]
    backwards = dict(reversed(publications.items()))
    assert propose(history(), backwards).each == propose(history(), publications).each
