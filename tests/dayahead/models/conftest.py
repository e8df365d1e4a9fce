"""A history with weather, and releases fitted on it with and without, once a session."""

from dataclasses import replace

import pytest

from dayahead.models.fitting import later_days, tree_table
from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.release import Release
from dayahead.models.settings import ModelSettings
from tests.dayahead.models.weather_load import weather_history


@pytest.fixture(scope="session")
def weather_settings(small_settings: ModelSettings) -> ModelSettings:
    return small_settings.model_copy(update={"linear": small_settings.linear.model_copy(update={"penalties": (3.0,)})})


def fit_on_few_rows(history: History, settings: ModelSettings) -> Release:
    """Fit with fewer rows to learn from and to judge by; every later fit of the process has as many as ever."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(later_days, "JUDGED_ROWS", 900)
        patched.setattr(tree_table, "LEAST_ORIGINS", 150)
        return fit_release(history, settings, seed=1)


@pytest.fixture(scope="session")
def history_with_weather() -> History:
    """Six series of two months, 72 hours ahead; the last one has no place."""
    return weather_history(6, 60 * 24, leads=72)


@pytest.fixture(scope="session")
def learnt_with_weather(history_with_weather: History) -> History:
    return history_with_weather.until(history_with_weather.end - 5 * 24)


@pytest.fixture(scope="session")
def weather_release(learnt_with_weather: History, weather_settings: ModelSettings) -> Release:
    """Each day of the horizon is forecast by its members, also where the naive is better without weather."""
    return fit_on_few_rows(learnt_with_weather, weather_settings).without_floor()


@pytest.fixture(scope="session")
def plain_release(learnt_with_weather: History, weather_settings: ModelSettings) -> Release:
    without = replace(learnt_with_weather, weather=None)
    return fit_on_few_rows(without, weather_settings).without_floor()
