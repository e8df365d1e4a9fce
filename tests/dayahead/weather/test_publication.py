"""Values of weather as publications that a message holds."""

import numpy as np
import orjson

from dayahead.hours import HOUR_US
from dayahead.weather.message import MAX_HOURS, read_weather, weather_bytes
from dayahead.weather.publication import publications_of
from dayahead.weather.values import Variable, WeatherKind, WeatherValues

START = 495_000


def values(
    count: int,
    *,
    variable: Variable = Variable.TEMPERATURE,
    kind: WeatherKind = WeatherKind.RUN,
    late: int = 0,
    location: str = "hall",
    delay_h: int = 4,
) -> WeatherValues:
    first = START + late
    start = START if kind is WeatherKind.RUN else first
    hours = (np.arange(count) / 100).astype(np.float32)
    return WeatherValues(location, variable, kind, start, (START + count + delay_h) * HOUR_US, first, hours)


def test_variables_over_other_hours_are_padded_to_the_same_ones() -> None:
    (found,) = publications_of([values(5), values(3, variable=Variable.RADIATION, late=1, delay_h=6)])
    assert [(one.variable, one.first, len(one.values)) for one in found] == [
        (Variable.TEMPERATURE, START, 5),
        (Variable.RADIATION, START, 5),
    ]
    np.testing.assert_array_equal(found[1].values, np.array([np.nan, 0, 0.01, 0.02, np.nan], np.float32))


def test_other_moments_and_locations_are_other_publications() -> None:
    found = publications_of([values(5), values(5, delay_h=9), values(5, location="yard")])
    assert [(one[0].location, one[0].available_us // HOUR_US - START) for one in found] == [
        ("hall", 9),
        ("yard", 9),
        ("hall", 14),
    ]


def test_a_long_run_is_cut_and_long_observations_are_split() -> None:
    (run,) = publications_of([values(MAX_HOURS + 50)])
    assert len(run[0].values) == MAX_HOURS
    observed = publications_of([values(2 * MAX_HOURS + 5, kind=WeatherKind.OBSERVED)])
    assert [len(one[0].values) for one in observed] == [MAX_HOURS, MAX_HOURS, 5]
    assert [one[0].start for one in observed] == [START + part * MAX_HOURS for part in range(3)]


def test_every_publication_is_a_message_that_keeps_the_contract() -> None:
    given = [
        values(40),
        values(MAX_HOURS + 5, kind=WeatherKind.OBSERVED),
        values(12, variable=Variable.HUMIDITY, delay_h=32),
    ]
    for publication in publications_of(given):
        read = read_weather(orjson.loads(weather_bytes("here", publication)), None)
        for one, other in zip(sorted(publication, key=lambda one: one.variable), read.values, strict=True):
            np.testing.assert_array_equal(one.values, other.values)
            assert (one.location, one.start, one.first, one.available_us) == (
                other.location,
                other.start,
                other.first,
                other.available_us,
            )
