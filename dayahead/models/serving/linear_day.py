"""The linear member of a day of the horizon: one pooled ridge per local hour of the origin, shared by all series.

Its features are affine in the window (dayahead/features/linear.py), and so is its forecast: at one origin, where all
series share one calendar, it is one matrix product. Each day has a product of its own, so its bits do not depend on how
far the horizon reaches.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.features.linear import (
    HARMONICS,
    WEEKLY_DAYS,
    OriginContext,
    anchor,
    linear_features,
    origin_context,
)
from dayahead.features.state import LAG_HOURS, SeriesState
from dayahead.horizon import DAY_LEADS
from dayahead.models.serving.products import product

REMEMBERED_ORIGINS = 64
"""Origins whose weights are kept."""


class LinearDay:
    """The linear member of a day of the horizon, as an affine map of the window.

    Attributes:
        coefficients: float32 [24 hours of day, features, 24 leads].
        annual: whether the season is among the features.
        day: of the horizon.
    """

    def __init__(self, coefficients: NDArray[np.float32], *, annual: bool, day: int = 1) -> None:
        self.coefficients = coefficients
        self.annual = annual
        self.day = day
        self._by_weekday, self._by_season = self._as_maps()
        self._plan = lru_cache(maxsize=REMEMBERED_ORIGINS)(self._make_plan)

    def forecast(self, state: SeriesState, calendar: Calendar, origin: int) -> NDArray[np.float32]:
        """Forecast the day; float32 [n, 24], value / scale - 1 by lead of the day.

        Args:
            state: of n series, all at this origin.
            calendar: of their source.
            origin: hour of the last column of their windows.
        """
        weights, intercept = self.plan(calendar, origin)
        forecast: NDArray[np.float32] = product(state.z, weights) + intercept
        return forecast

    def plan(self, calendar: Calendar, origin: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The map of the window at an origin: weights, float32 [864, 24], and what is added, float32 [24]."""
        return self._plan(calendar, origin)

    def context(self, calendar: Calendar, origins: NDArray[np.int64]) -> tuple[OriginContext, NDArray[np.float32]]:
        """Calendar of origins, and the features at a window of zeros: what the intercepts are made from."""
        context = origin_context(calendar, origins, self.day)
        zeros = np.zeros((len(origins), LAG_HOURS), np.float32)
        return context, linear_features(zeros, context, annual=self.annual, day=self.day)

    def all_leads(self, context: OriginContext, row: int) -> NDArray[np.float32]:
        """Weights of the window for all leads at one origin; [24, 864]."""
        hour = context.hour[row]
        weights: NDArray[np.float32] = self._by_weekday[hour, self._weekday(context)[row]]
        if len(self._by_season[hour]):
            weights = weights + np.tensordot(context.harmonics[row], self._by_season[hour], axes=1)
        return weights

    def one_lead(
        self, context: OriginContext, rows: NDArray[np.int64], leads: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Weights of the window at some origins, for one lead (1 to 24) each; [origins, 864]."""
        hour = context.hour[rows]
        weights = self._by_weekday[hour, self._weekday(context)[rows], leads - 1]
        if self._by_season.shape[1]:
            season = self._by_season[hour, :, leads - 1]
            weights = weights + (context.harmonics[rows, :, None] * season).sum(axis=1)
        return weights

    def intercepts(
        self,
        context: OriginContext,
        constant: NDArray[np.float32],
        rows: NDArray[np.int64],
        leads: NDArray[np.int64],
    ) -> NDArray[np.float32]:
        """What is added to the weighted window, at some origins, for one lead (1 to 24) each; [origins]."""
        return np.asarray(np.einsum("of,of->o", constant[rows], self.coefficients[context.hour[rows], :, leads - 1]))

    def _weekday(self, context: OriginContext) -> NDArray[np.int64]:
        """Place of the weekday among the maps: far days have one for all."""
        return np.asarray(context.weekday.argmax(axis=1) % self._by_weekday.shape[1])

    def _make_plan(self, calendar: Calendar, origin: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        context, constant = self.context(calendar, np.array([origin]))
        leads = np.arange(1, DAY_LEADS + 1)
        weights = np.ascontiguousarray(self.all_leads(context, 0).T)
        return weights, self.intercepts(context, constant, np.zeros_like(leads), leads)

    def _as_maps(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The member as maps of the window: [24 hours, weekdays, 24, 864] and, per harmonic, [24, 4, 24, 864]."""
        unit = np.eye(LAG_HOURS, dtype=np.float32)
        weekly = self.day <= WEEKLY_DAYS
        by_weekday = np.empty((24, 7 if weekly else 1, DAY_LEADS, LAG_HOURS), np.float32)
        by_season = np.zeros((24, HARMONICS if self.annual and weekly else 0, DAY_LEADS, LAG_HOURS), np.float32)
        transposed = np.ascontiguousarray(self.coefficients.transpose(0, 2, 1))
        for weekday in range(by_weekday.shape[1]):
            slopes = self._slopes(unit, weekday, harmonic=None)
            by_weekday[:, weekday] = transposed @ slopes.T + anchor(unit, self.day).T
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
            np.zeros((1, LAG_HOURS), np.float32),
            context.take(np.zeros(1, np.int64)),
            annual=self.annual,
            day=self.day,
        )
        return linear_features(unit, context, annual=self.annual, day=self.day) - at_zero
