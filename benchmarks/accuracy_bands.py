"""What our band is held against: the usual band of a point forecast, which never changes."""

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy_methods import SEED, MethodForecast
from dayahead.features.state import describe
from dayahead.horizon import DAY_LEADS
from dayahead.models.fitting.fit import fit_with_errors
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.window import WindowBatch
from dayahead.models.settings import ModelSettings

QUANTILES = (0.1, 0.9)


class StaticBands:
    """Our forecast within static residual quantiles.

    10 and 90 % quantiles by lead, pooled over the series, of the errors that our own band is learnt from (forecasts of
    hours that they were not fitted on), in units of the series' scale. Same forecast, same errors: what differs is that
    this band knows neither the series' last week nor the hour.
    """

    name = "static bands"
    batch = 5_000

    def __init__(self) -> None:
        self._forecaster = Forecaster(None)
        self._quantiles = np.zeros((2, DAY_LEADS))

    def fit(self, training: History) -> None:
        """Fit a release, and take the quantiles of its errors."""
        release, unseen = fit_with_errors(training, ModelSettings(), SEED)
        self._forecaster = Forecaster(release)
        by_lead = [np.quantile(unseen.error[unseen.lead == lead], QUANTILES) for lead in range(1, DAY_LEADS + 1)]
        self._quantiles = np.array(by_lead).T

    def forecast(self, series: NDArray[np.int64], windows: WindowBatch) -> MethodForecast:
        """Our median, and the same share of the scale around it for every series and hour."""
        middle = self._forecaster.forecast(windows).p50.astype(np.float64)
        state = describe(windows.values, screened=ModelSettings().screen)
        # As ours: a series that was never below 0 is not expected there, and the band holds the median.
        least = np.where(state.values.min(axis=1, keepdims=True) >= 0, 0.0, -np.inf)
        low, high = (middle + quantiles * state.scale[:, None] for quantiles in self._quantiles)
        return MethodForecast(middle, np.minimum(np.maximum(low, least), middle), np.maximum(high, middle))
