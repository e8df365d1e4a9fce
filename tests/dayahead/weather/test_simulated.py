import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.history import WeatherBasis
from dayahead.weather.location import ObservedLocation
from dayahead.weather.placed import PlacedWeather
from dayahead.weather.simulated import ForecastErrors, SimulatedLocation

START, HOURS = 400_000, 3000
OBSERVED = ObservedLocation((np.arange(HOURS) / 100).astype(np.float32), START)


def simulated(location: str = "aarhus", **given: float) -> SimulatedLocation:
    return SimulatedLocation(OBSERVED, location, ForecastErrors(**given))  # type: ignore[arg-type]


def test_the_past_is_as_observed_and_the_future_is_not() -> None:
    origins = np.arange(START + 1000, START + 2000, 7)
    known, truth = simulated().temperatures(origins, 48), OBSERVED.temperatures(origins, 48)
    np.testing.assert_array_equal(known[:, :WINDOW_HOURS], truth[:, :WINDOW_HOURS])
    error = known[:, WINDOW_HOURS:] - truth[:, WINDOW_HOURS:]
    assert (error != 0).all()
    assert error.std() == pytest.approx(1.6, abs=0.3)


@given(
    origins=st.lists(st.integers(START, START + HOURS - 1), min_size=1, max_size=10),
    leads=st.sampled_from([24, 49, 408]),
)
def test_a_run_is_the_same_whatever_origins_and_leads_are_asked_for(origins: list[int], leads: int) -> None:
    location = simulated()
    together = location.temperatures(np.array(origins), leads)
    for row, origin in enumerate(origins):
        np.testing.assert_array_equal(
            location.temperatures(np.array([origin]), 24), together[row : row + 1, : 912 + 24]
        )


def test_a_run_serves_until_the_next_can_be_had() -> None:
    location = simulated()
    origins = np.arange(START + 1000, START + 1060)
    known, truth = location.temperatures(origins, 24), OBSERVED.temperatures(origins, 24)
    error: dict[tuple[int, int], float] = {}
    for row, (origin, start) in enumerate(zip(origins.tolist(), location.run_starts(origins).tolist(), strict=True)):
        assert start % 6 == 0
        assert 5 <= origin + 1 - start < 11
        for lead in range(24):
            hour = origin + 1 + lead
            made = float(known[row, WINDOW_HOURS + lead] - truth[row, WINDOW_HOURS + lead])
            assert error.setdefault((start, hour), made) == pytest.approx(made, abs=1e-5)


def test_errors_have_the_size_that_is_stated() -> None:
    errors = ForecastErrors(factor=2.0)
    drawn = errors.of_runs("aarhus", 10_000, 6000, 49)
    np.testing.assert_allclose(drawn.std(axis=0), errors.size(np.arange(49)), rtol=0.06)
    np.testing.assert_allclose(errors.size(1), 2 * np.hypot(0.8, 0.4))
    np.testing.assert_allclose(errors.size(30), 2 * np.hypot(1.6, 0.4))
    assert abs(drawn.mean()) < 0.05
    from_hour_to_hour = np.corrcoef(drawn[:, 30], drawn[:, 31])[0, 1]
    assert from_hour_to_hour == pytest.approx(1 - 0.05 * 1.6**2 / (1.6**2 + 0.4**2), abs=0.01)


def test_locations_have_part_of_their_errors_in_common() -> None:
    errors = ForecastErrors()
    one, other = (errors.of_runs(name, 10_000, 6000, 30)[:, 24] for name in ("aarhus", "odense"))
    assert np.corrcoef(one, other)[0, 1] == pytest.approx(0.6, abs=0.04)


def test_errors_depend_on_the_seed_and_on_nothing_else() -> None:
    errors = ForecastErrors()
    np.testing.assert_array_equal(errors.of_runs("a", 130, 5, 30), errors.of_runs("a", 100, 64, 60)[30:35, :30])
    assert (errors.of_runs("a", 130, 5, 30) != ForecastErrors(seed=2).of_runs("a", 130, 5, 30)).all()


def test_no_errors_are_observed_weather() -> None:
    origins = np.array([START + 1500])
    np.testing.assert_array_equal(simulated(factor=0.0).temperatures(origins, 24), OBSERVED.temperatures(origins, 24))


def test_hours_that_are_not_observed_are_unknown() -> None:
    known = simulated().temperatures(np.array([START + HOURS - 10, START + 5]), 24)
    assert np.isnan(known[0, WINDOW_HOURS + 9 :]).all()
    assert np.isfinite(known[0, : WINDOW_HOURS + 9]).all()
    assert np.isnan(known[1, : WINDOW_HOURS - 6]).all()
    assert np.isfinite(known[1, WINDOW_HOURS - 6 :]).all()


def test_a_place_is_the_weighted_mean_of_its_locations() -> None:
    warm = ObservedLocation(OBSERVED.values + 8, START)
    both = (("aarhus", 0.75), ("odense", 0.25))
    weather = PlacedWeather(
        {"aarhus": OBSERVED, "odense": warm},
        [both, None, (("odense", 1.0),), both, (("elsewhere", 1.0),)],
        WeatherBasis.OBSERVED,
    )
    assert weather.place_of.tolist() == [0, -1, 1, 0, -1]
    origins = np.array([START + 2000])
    np.testing.assert_allclose(weather.temperatures(0, origins, 24), OBSERVED.temperatures(origins, 24) + 2, rtol=1e-6)
    np.testing.assert_array_equal(weather.temperatures(1, origins, 24), warm.temperatures(origins, 24))


def test_the_fingerprint_follows_places_hours_and_errors() -> None:
    here = [(("a", 1.0),)]
    made = [
        PlacedWeather({"a": simulated()}, here, WeatherBasis.SIMULATED),
        PlacedWeather({"a": simulated(seed=2)}, here, WeatherBasis.SIMULATED),
        PlacedWeather({"a": OBSERVED}, here, WeatherBasis.OBSERVED),
        PlacedWeather({"a": ObservedLocation(OBSERVED.values, START + 1)}, here, WeatherBasis.OBSERVED),
        PlacedWeather({"a": simulated()}, [None, *here], WeatherBasis.SIMULATED),
    ]
    assert len({one.fingerprint for one in made}) == len(made)
    assert made[0].fingerprint == PlacedWeather({"a": simulated()}, here, WeatherBasis.SIMULATED).fingerprint
