"""The linear member: one pooled ridge per local hour of the origin, 24 outputs, shared by all series.

Its features are affine in the window (dayahead/features/linear.py), and so is its forecast. At one origin all series
share one calendar, so the forecast at the origin and the errors of the past forecasts that the corrections ask for
are one matrix product: the weights of every past origin are moved to the place that its lags have in today's window.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.features.calendar import Calendar
from dayahead.features.linear import HARMONICS, OriginContext, anchor, linear_features, origin_context
from dayahead.features.state import LAG_HOURS, PAST_ORIGINS, SeriesState
from dayahead.hours import Hour
from dayahead.models.serving.arithmetic import product

ONE_STEP_ORIGINS = (1, 2, 3)
"""Origins this many hours back whose 1-hour forecasts are judged."""

DAY_ORIGINS = tuple(range(24, 48))
"""Origins this many hours back whose 24-hour forecasts are judged: those for the last day."""

WEEK_ORIGINS = tuple(range(48, PAST_ORIGINS, 5))
"""Some more, for the rest of the last week; five hours apart, so that every hour of the day has its turn."""

REMEMBERED_ORIGINS = 64


@dataclass(frozen=True)
class LinearOutlook:
    """What the linear member says at an origin, in units of the scale at that origin.

    Attributes:
        forecast: float32 [n, 24], value / scale - 1 by lead.
        errors: float32 [n, 56], actual - forecast of the forecasts made at the origins PAST_OFFSETS back; an hour that
            was not observed counts as no error.
    """

    forecast: NDArray[np.float32]
    errors: NDArray[np.float32]

    @property
    def one_step_errors(self) -> NDArray[np.float32]:
        """Of the 1-hour forecasts for the hours t, t-1, t-2; [n, 3]."""
        return self.errors[:, : len(ONE_STEP_ORIGINS)]

    @property
    def day_errors(self) -> NDArray[np.float32]:
        """Of the 24-hour forecasts for the hours t, t-1, … t-23; [n, 24]."""
        return self.errors[:, len(ONE_STEP_ORIGINS) :][:, : len(DAY_ORIGINS)]

    @property
    def week_error(self) -> NDArray[np.float32]:
        """Mean |error| of the 24-hour forecasts for hours of the last week; [n]."""
        mean: NDArray[np.float32] = np.abs(self.errors[:, len(ONE_STEP_ORIGINS) :]).mean(axis=1)
        return mean


@dataclass(frozen=True)
class _Plan:
    """The member at one origin as an affine map of the window; outputs: 24 leads, 3 one-step, 53 day-ahead.

    Attributes:
        weights: float32 [864, 80].
        intercept: float32 [80].
        total: float32 [80], sum of the weights, which a change of scale needs.
        growth: float32 [56], what the past errors are multiplied by.
    """

    weights: NDArray[np.float32]
    intercept: NDArray[np.float32]
    total: NDArray[np.float32]
    growth: NDArray[np.float32]


class LinearMember:
    """Coefficients of the linear member, and their use.

    Attributes:
        coefficients: float32 [24 hours of day, features, 24 leads].
        annual: whether the season is among the features.
        trained_until: the hour after the last one that the coefficients were fitted on; None for a member that is
            asked only about hours that it has not seen.
        optimism: by how much larger errors are on hours that were not fitted on. Errors of earlier hours are
            multiplied by it, so that a young release does not take itself for better than it is.
    """

    def __init__(
        self,
        coefficients: NDArray[np.float32],
        *,
        annual: bool,
        trained_until: Hour | None = None,
        optimism: float = 1.0,
    ) -> None:
        self.coefficients = coefficients
        self.annual = annual
        self.trained_until = trained_until
        self.optimism = optimism
        self._by_weekday, self._by_season = self._as_maps()
        self._plan = lru_cache(maxsize=REMEMBERED_ORIGINS)(self._make_plan)

    def outlook(self, state: SeriesState, calendar: Calendar, origin: int) -> LinearOutlook:
        """Forecast at one origin, and the errors of the member's own past forecasts.

        Args:
            state: of n series, all at this origin.
            calendar: of their source.
            origin: hour of the last column of their windows.
        """
        plan = self._plan(calendar, origin)
        raw = product(state.z, plan.weights) + plan.intercept
        # A past origin had another scale: its intercept counts in that one.
        rescale = (state.past_scales[:, _OFFSETS[LEADS:]] - 1.0).astype(np.float32)
        past = raw[:, LEADS:] + rescale * (1.0 + plan.intercept - plan.total)[LEADS:]
        hours = state.z[:, _TARGETS]
        errors = np.where(state.observed[:, -LAG_HOURS:][:, _TARGETS], hours - past, np.float32(0))
        return LinearOutlook(raw[:, :LEADS], errors * plan.growth)

    def _as_maps(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The member as maps of the window: [24 hours, 7 weekdays, 24, 864] and, per harmonic, [24, 4, 24, 864]."""
        unit = np.eye(LAG_HOURS, dtype=np.float32)
        by_weekday = np.empty((24, 7, LEADS, LAG_HOURS), np.float32)
        by_season = np.zeros((24, HARMONICS if self.annual else 0, LEADS, LAG_HOURS), np.float32)
        transposed = np.ascontiguousarray(self.coefficients.transpose(0, 2, 1))
        for weekday in range(7):
            by_weekday[:, weekday] = transposed @ self._slopes(unit, weekday, harmonic=None).T + anchor(unit).T
        for harmonic in range(by_season.shape[1]):
            slopes = self._slopes(unit, 0, harmonic) - self._slopes(unit, 0, harmonic=None)
            by_season[:, harmonic] = transposed @ slopes.T
        return by_weekday, by_season

    def _slopes(self, unit: NDArray[np.float32], weekday: int, harmonic: int | None) -> NDArray[np.float32]:
        """What each hour of the window adds to each feature; [864, features]."""
        context = OriginContext(
            hour=np.zeros(LAG_HOURS, np.int64),
            weekday=np.tile(np.eye(7, dtype=np.float32)[weekday], (LAG_HOURS, 1)),
            holiday=np.zeros((LAG_HOURS, 7), np.float32),
            harmonics=np.tile((np.arange(HARMONICS) == harmonic).astype(np.float32), (LAG_HOURS, 1)),
        )
        at_zero = linear_features(
            np.zeros((1, LAG_HOURS), np.float32), context.take(np.zeros(1, np.int64)), annual=self.annual
        )
        return linear_features(unit, context, annual=self.annual) - at_zero

    def _make_plan(self, calendar: Calendar, origin: int) -> _Plan:
        origins = origin - np.arange(PAST_ORIGINS)
        context = origin_context(calendar, origins)
        constant = linear_features(np.zeros((PAST_ORIGINS, LAG_HOURS), np.float32), context, annual=self.annual)
        weekday = context.weekday.argmax(axis=1)
        weights = np.zeros((len(_OFFSETS), LAG_HOURS), np.float32)
        weights[:LEADS] = self._by_weekday[context.hour[0], weekday[0]]
        past = _OFFSETS[LEADS:]
        maps = self._by_weekday[context.hour[past], weekday[past], _LEADS[LEADS:] - 1]
        if self.annual:
            weights[:LEADS] += np.tensordot(context.harmonics[0], self._by_season[context.hour[0]], axes=1)
            season = self._by_season[context.hour[past], :, _LEADS[LEADS:] - 1]
            maps = maps + (context.harmonics[past, :, None] * season).sum(axis=1)
        for place, offset in enumerate(past.tolist()):
            weights[LEADS + place, : LAG_HOURS - offset] = maps[place, offset:]
        intercept = np.einsum(
            "of,of->o",
            constant[_OFFSETS],
            self.coefficients[context.hour[_OFFSETS], :, _LEADS - 1],
        )
        seen = self.trained_until is not None and origin - past + _LEADS[LEADS:] < self.trained_until
        growth = np.where(seen, self.optimism, 1.0).astype(np.float32)
        return _Plan(np.ascontiguousarray(weights.T), intercept, weights.sum(axis=1), growth)


_OFFSETS = np.array([0] * LEADS + list(ONE_STEP_ORIGINS) + list(DAY_ORIGINS + WEEK_ORIGINS))
"""How many hours back the origin of each output lies."""

_LEADS = np.array([*range(1, LEADS + 1), *(1 for _ in ONE_STEP_ORIGINS), *(LEADS for _ in DAY_ORIGINS + WEEK_ORIGINS)])
"""Lead of each output."""

PAST_OFFSETS = _OFFSETS[LEADS:]
"""The same, of the past forecasts alone."""

_TARGETS = LAG_HOURS - 1 - _OFFSETS[LEADS:] + _LEADS[LEADS:]
"""Column of the hour that each past forecast was for."""
