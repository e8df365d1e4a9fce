import numpy as np
import pytest

from dayahead.hours import HOUR_US
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.history import WeatherBasis
from dayahead.weather.places import Weights
from dayahead.weather.run_errors import measured_factor
from dayahead.weather.served import as_served, without_error
from dayahead.weather.simulated import ForecastErrors
from dayahead.weather.values import Variable, WeatherKind, WeatherValues

FIRST, END, LEADS = 5000, 7000, 49
TRUTH = (10 + 8 * np.sin(2 * np.pi * np.arange(9000) / 24)).astype(np.float32)
ONE: Weights = (("aarhus", 1.0),)


def observed(first: int, end: int) -> WeatherValues:
    return WeatherValues(
        "aarhus", Variable.TEMPERATURE, WeatherKind.OBSERVED, first, end * HOUR_US, first, TRUTH[first:end]
    )


def runs(first: int, end: int, sd: float) -> list[WeatherValues]:
    random = np.random.default_rng(3)
    return [
        WeatherValues(
            "aarhus",
            Variable.TEMPERATURE,
            WeatherKind.RUN,
            start,
            (start + 5) * HOUR_US,
            start,
            TRUTH[start : start + 60] + random.normal(0, sd, 60).astype(np.float32),
        )
        for start in range(first, end, 6)
    ]


def test_observations_alone_are_served_with_simulated_errors() -> None:
    published = {"aarhus": [observed(3000, 8000)]}
    weather = as_served(published, [ONE, None], FIRST, END, LEADS, ForecastErrors(factor=2.0))
    truth = without_error(published, [ONE, None], FIRST, END, LEADS)
    assert (weather.basis, truth.basis) == (WeatherBasis.SIMULATED, WeatherBasis.OBSERVED)
    assert weather.place_of.tolist() == truth.place_of.tolist() == [0, -1]
    origins = np.arange(FIRST, END, 11)
    error = weather.temperatures(0, origins, LEADS) - truth.temperatures(0, origins, LEADS)
    assert not error[:, :WINDOW_HOURS].any()
    assert error[:, -24:].std() == pytest.approx(2 * 1.65, rel=0.15)
    np.testing.assert_array_equal(truth.temperatures(0, origins, LEADS)[0], TRUTH[FIRST - 911 : FIRST + LEADS + 1])


def test_archived_runs_are_served_as_they_were_and_simulated_ones_before_the_archive_begins() -> None:
    published = {"aarhus": [observed(3000, 6000), *runs(6000, 7100, 0.5)]}
    weather = as_served(published, [ONE], FIRST, END, LEADS, ForecastErrors(factor=5.0))
    truth = without_error(published, [ONE], FIRST, END, LEADS)
    assert weather.basis is WeatherBasis.RUNS
    early, late = np.arange(5000, 5900, 7), np.arange(6100, 6990, 7)
    for origins, sd in ((early, 5 * 1.5), (late, 0.7)):
        error = weather.temperatures(0, origins, 24) - truth.temperatures(0, origins, 24)
        assert error[:, WINDOW_HOURS:].std() == pytest.approx(sd, rel=0.25)


def test_a_run_that_was_a_day_late_can_be_asked_for() -> None:
    published = {"aarhus": runs(3000, 7100, 0.5)}
    weather = as_served(published, [ONE], FIRST, END, LEADS, ForecastErrors())
    assert np.isfinite(weather.temperatures(0, np.array([FIRST - 24]), LEADS + 24)[0, -26:-25]).all()


def test_a_location_without_any_publication_gives_no_place() -> None:
    weather = as_served({"aarhus": [observed(3000, 8000)]}, [(("odense", 1.0),)], FIRST, END, LEADS, ForecastErrors())
    assert weather.place_of.tolist() == [-1]


def test_errors_of_runs_are_measured_by_what_was_observed_later() -> None:
    wrong = ForecastErrors().size(30)
    published = [observed(3000, 5000), *runs(3000, 4900, 0.75 * float(wrong))]
    factor = measured_factor({"aarhus": published}, ForecastErrors(factor=3.0))
    assert factor == pytest.approx(0.75, rel=0.1)


def test_without_observations_the_first_hours_of_later_runs_are_the_measure() -> None:
    factor = measured_factor({"aarhus": runs(3000, 4900, 1.0)}, ForecastErrors())
    assert factor == pytest.approx(np.sqrt(2) / 1.6, rel=0.1)  # both of the two are wrong here


def test_a_few_runs_measure_nothing() -> None:
    assert measured_factor({"aarhus": [observed(3000, 5000), *runs(3000, 3060, 1.0)]}, ForecastErrors()) is None
    assert measured_factor({"aarhus": [observed(3000, 5000)]}, ForecastErrors()) is None
    assert measured_factor({"aarhus": runs(3000, 3010, 1.0)}, ForecastErrors()) is None
