"""A release at work: the one function that turns the state of series into quantiles."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.features.fill import DAY
from dayahead.features.state import SeriesState
from dayahead.features.trees import TREE_FEATURES, tree_features, usual_error
from dayahead.grouping import groups
from dayahead.horizon import DAY_LEADS, days_of
from dayahead.models.serving.arithmetic import one_thread
from dayahead.models.serving.linear import LinearMember, LinearOutlook
from dayahead.models.serving.linear_day import LinearDay
from dayahead.models.serving.release import Release
from dayahead.models.serving.trees import TreeModel

LAST_CORRECTED_DAY = 2
"""Day of the horizon after which the trees do not correct the linear member, and the spread is that of this day: they
gain nothing there (docs/research-log.md)."""

LOG_SPREAD_RANGE = (-12.0, 6.0)
"""The logarithm of a spread is held within this, so that its exponential stays finite."""


@dataclass(frozen=True)
class Quantiles:
    """Quantiles of n series by lead, float64 [n, leads] each, in the unit of the series; not yet checked.

    NaN on a day of the horizon that the release has no member for, or whose member did not beat the naive; a series
    whose scale is 0 is forecast to stay 0 on every day.
    """

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
        spec = release.feature_spec
        self._later = {
            day: LinearDay(later.coefficients, annual=spec.annual, day=day)
            for day, later in enumerate(release.later_days, start=2)
        }
        multipliers = [release.band_multipliers, *(later.band_multipliers for later in release.later_days)]
        self._multipliers = [np.broadcast_to(one, (DAY, DAY_LEADS, 2)).astype(np.float64) for one in multipliers]
        self._correction = TreeModel(release.correction)
        self._spread = TreeModel(release.spread)

    def prepare(self) -> None:
        """Do before the first forecast what it would have to wait for."""
        self._correction.prepare()
        self._spread.prepare()

    def quantiles(
        self, state: SeriesState, calendar: Calendar, origin: NDArray[np.int64], leads: int = DAY_LEADS
    ) -> Quantiles:
        """Forecast n series, each by itself; day 1 is the same for every number of leads.

        Args:
            state: of the n series, described as the release's feature specification asks.
            calendar: of their source.
            origin: int64 [n], hours.
            leads: hours after the origin.
        """
        made = Quantiles(*(np.empty((len(state), leads)) for _ in range(3)))
        with one_thread():
            for hour, rows in groups(origin):
                if len(rows) == len(state):
                    return self._at_one_origin(state, calendar, hour, leads)
                part = self._at_one_origin(state.take(rows), calendar, hour, leads)
                made.p10[rows], made.p50[rows], made.p90[rows] = part.p10, part.p50, part.p90
        return made

    def _at_one_origin(self, state: SeriesState, calendar: Calendar, origin: int, leads: int) -> Quantiles:
        scale = state.scale[:, None]
        hour = calendar.at(np.array([origin])).hour[0]
        made = np.full((3, len(state), days_of(leads), DAY_LEADS), np.nan)
        days = min(days_of(leads), self.release.days)
        for place, (middle, spread) in enumerate(self._days(state, calendar, origin, days)):
            if place + 1 in self.release.floor_days:
                continue
            low, high = self._multipliers[place][hour].T
            p50 = middle.astype(np.float64) + 1.0
            made[0, :, place], made[1, :, place] = (p50 + low * spread) * scale, p50 * scale
            made[2, :, place] = (p50 + high * spread) * scale
        made[:, state.scale == 0] = 0.0  # nothing but zeros, or at rest: so is every day, whoever forecasts it
        p10, p50, p90 = made.reshape(3, len(state), -1)[:, :, :leads]
        return Quantiles(p10, p50, p90)

    def _days(
        self, state: SeriesState, calendar: Calendar, origin: int, days: int
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float64]]]:
        """Median and spread of each day of the horizon; [n, 24] each, in units of the scale."""
        outlook = self._linear.outlook(state, calendar, origin)
        correction, spread = self._trees(state, outlook.forecast, outlook, calendar, origin, 1)
        yield outlook.forecast + correction, spread
        for day in range(2, days + 1):
            linear = self._later[day].forecast(state, calendar, origin)
            if day <= LAST_CORRECTED_DAY:
                correction, spread = self._trees(state, linear, outlook, calendar, origin, day)
                linear = linear + correction
            yield linear, spread

    def _trees(
        self,
        state: SeriesState,
        linear: NDArray[np.float32],
        outlook: LinearOutlook,
        calendar: Calendar,
        origin: int,
        day: int,
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        features = day_features(state, linear, outlook, calendar, origin, day)
        rows = features.reshape(-1, len(TREE_FEATURES))
        relative = np.exp(np.clip(self._spread.predict(rows).astype(np.float64), *LOG_SPREAD_RANGE))
        shape = features.shape[:2]
        return self._correction.predict(rows).reshape(shape), (usual_error(rows) * relative).reshape(shape)


def day_features(
    state: SeriesState,
    linear: NDArray[np.float32],
    outlook: LinearOutlook,
    calendar: Calendar,
    origin: int,
    day: int = 1,
) -> NDArray[np.float32]:
    """Tree features of a day of the horizon; the past errors are those of day 1 on every day.

    Args:
        state: of n series at the origin.
        linear: float32 [n, 24], forecast of the day's linear member.
        outlook: of the member of day 1.
        calendar: of the source.
        origin: hour of the newest observation.
        day: of the horizon.
    """
    return tree_features(
        state, linear, outlook.one_step_errors, outlook.day_errors, outlook.week_error, calendar, origin, day
    )
