import pytest
from pydantic import ValidationError

from dayahead.weather.places import WeatherPlaces


def test_a_series_comes_before_its_area_and_the_area_before_the_default() -> None:
    places = WeatherPlaces(
        source="dk", default="odense", areas={"DK1": "aarhus", "SE": None}, series={"DK1/111": {"b": 3, "a": 1}}
    )
    assert places.weights_of("DK1/111") == (("a", 0.25), ("b", 0.75))
    assert places.weights_of("DK1/112") == (("aarhus", 1.0),)
    assert places.weights_of("DK2/111") == (("odense", 1.0),)
    assert places.weights_of("SE/111") is None
    assert places.locations == {"a", "aarhus", "b", "odense"}


def test_without_default_a_series_that_is_not_named_has_no_weather() -> None:
    assert WeatherPlaces(source="dk", areas={"DK1": "aarhus"}).weights_of("DK2/111") is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "names no location"),
        ({"default": ""}, "empty location"),
        ({"areas": {"DK1": {}}}, "empty location"),
        ({"default": {"a": 0}}, "greater than 0"),
    ],
)
def test_a_place_that_cannot_be_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WeatherPlaces(source="dk", **fields)
