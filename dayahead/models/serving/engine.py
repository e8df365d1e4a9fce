"""A release at work: the one function that turns the state of series into quantiles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.features.calendar import Calendar
from dayahead.features.fill import DAY
from dayahead.features.state import SeriesState
from dayahead.features.trees import TREE_FEATURES, tree_features, usual_error
from dayahead.grouping import groups
from dayahead.models.serving.arithmetic import one_thread
from dayahead.models.serving.linear import LinearMember
from dayahead.models.serving.release import Release
from dayahead.models.serving.trees import TreeModel

LOG_SPREAD_RANGE = (-12.0, 6.0)
"""The logarithm of a spread is held within this, so that its exponential stays finite."""


@dataclass(frozen=True)
class Quantiles:
    """Quantiles of n series by lead, float64 [n, 24] each, in the unit of the series; not yet checked."""

    p10: NDArray[np.float64]
    p50: NDArray[np.float64]
    p90: NDArray[np.float64]

    def take(self, rows: NDArray[np.bool_]) -> "Quantiles":
        """Those of some of the series."""
        return Quantiles(self.p10[rows], self.p50[rows], self.p90[rows])


class Engine:
    """A release, unpacked.

    Attributes:
        release: what it was made from.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        with one_thread():
            self._linear = LinearMember(
                release.coefficients,
                annual=release.feature_spec.annual,
                trained_until=release.trained_until,
                optimism=release.optimism,
            )
        self._multipliers = np.broadcast_to(release.band_multipliers, (DAY, LEADS, 2)).astype(np.float64)
        self._correction = TreeModel(release.correction)
        self._spread = TreeModel(release.spread)

    def prepare(self) -> None:
        """Do before the first forecast what it would have to wait for."""
        self._correction.prepare()
        self._spread.prepare()

    def quantiles(self, state: SeriesState, calendar: Calendar, origin: NDArray[np.int64]) -> Quantiles:
        """Forecast n series, each by itself.

        Args:
            state: of the n series, described as the release's feature specification asks.
            calendar: of their source.
            origin: int64 [n], hours.
        """
        made = Quantiles(*(np.empty((len(state), LEADS)) for _ in range(3)))
        with one_thread():
            for hour, rows in groups(origin):
                if len(rows) == len(state):
                    return self._at_one_origin(state, calendar, hour)
                part = self._at_one_origin(state.take(rows), calendar, hour)
                made.p10[rows], made.p50[rows], made.p90[rows] = part.p10, part.p50, part.p90
        return made

    def _at_one_origin(self, state: SeriesState, calendar: Calendar, origin: int) -> Quantiles:
        outlook = self._linear.outlook(state, calendar, origin)
        features = tree_features(
            state,
            outlook.forecast,
            outlook.one_step_errors,
            outlook.day_errors,
            outlook.week_error,
            calendar,
            origin,
        )
        shape = features.shape[:2]
        rows = features.reshape(-1, len(TREE_FEATURES))
        middle = outlook.forecast + self._correction.predict(rows).reshape(shape)
        relative = np.exp(np.clip(self._spread.predict(rows).astype(np.float64), *LOG_SPREAD_RANGE))
        spread = (usual_error(rows) * relative).reshape(shape)
        scale = state.scale[:, None]
        low, high = self._multipliers[calendar.at(np.array([origin])).hour[0]].T
        p50 = middle.astype(np.float64) + 1.0
        return Quantiles((p50 + low * spread) * scale, p50 * scale, (p50 + high * spread) * scale)
