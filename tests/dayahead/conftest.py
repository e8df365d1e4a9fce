"""Made-up series that look like consumption, and a release fitted on them once a session."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.release import Release
from dayahead.models.settings import ModelSettings

COPENHAGEN = Calendar("Europe/Copenhagen", "DK")
START = 464_592  # 2023-01-01T00Z, a Sunday


def consumption(series: int, hours: int, seed: int = 0, noise: float = 0.03) -> NDArray[np.float64]:
    """Daily and weekly shapes with noise that lasts some hours; [series, hours], each of another size."""
    rng = np.random.default_rng(seed)
    hour = np.arange(hours)
    level = 10.0 ** rng.uniform(0, 5, (series, 1))
    phase = rng.uniform(0, 24, (series, 1))
    day = 1 + 0.4 * np.sin(2 * np.pi * (hour - phase) / 24)
    weekend = np.where(hour // 24 % 7 == 0, rng.uniform(0.6, 1, (series, 1)), 1.0)
    shocks = rng.normal(0, noise, (series, hours))
    lasting = shocks.copy()
    for column in range(1, hours):
        lasting[:, column] += 0.8 * lasting[:, column - 1]
    return level * day * weekend * np.exp(lasting)


@pytest.fixture(scope="session")
def small_settings() -> ModelSettings:
    return ModelSettings.model_validate(
        {
            "linear": {"penalties": [0.1], "passes": 2, "blocks": 3},
            "trees": {"trees": 15, "rows": 4000},
            "bands": {"trees": 10},
        }
    )


@pytest.fixture(scope="session")
def small_history() -> History:
    values = consumption(8, 45 * 24)
    return History(tuple(f"DK1/{number}" for number in range(8)), START, values, (COPENHAGEN,))


@pytest.fixture(scope="session")
def small_release(small_history: History, small_settings: ModelSettings) -> Release:
    return fit_release(small_history.until(small_history.end - 72), small_settings, seed=1)
