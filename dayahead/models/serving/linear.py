"""The linear member of day 1, and the errors of its own past forecasts.

All series share one calendar at one origin, so the forecast at the origin and the errors of the past forecasts that the
corrections ask for are one matrix product: the weights of every past origin are moved to the place that its lags have
in today's window.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.features.state import LAG_HOURS, PAST_ORIGINS, SeriesState
from dayahead.horizon import DAY_LEADS
from dayahead.hours import Hour
from dayahead.models.serving.linear_day import REMEMBERED_ORIGINS, LinearDay
from dayahead.models.serving.past_errors import PAST_ERRORS
from dayahead.models.serving.products import product

ONE_STEP_ORIGINS = (1, 2, 3)
"""Origins this many hours back whose 1-hour forecasts are judged."""

DAY_ORIGINS = tuple(range(24, 48))
"""Origins this many hours back whose 24-hour forecasts are judged: those for the last day."""

WEEK_ORIGINS = tuple(range(48, PAST_ORIGINS, 5))
"""Some more, for the rest of the last week; five hours apart, so that every hour of the day has its turn."""


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
    """The member of day 1 at one origin as an affine map of the window; outputs: 24 leads, 3 one-step, 53 day-ahead.

    Attributes:
        weights: float32 [864, 80].
        intercept: float32 [80].
        total: float32 [80], sum of the weights, which a change of scale needs; used of the past forecasts alone.
        growth: float32 [56], what the past errors are multiplied by.
    """

    weights: NDArray[np.float32]
    intercept: NDArray[np.float32]
    total: NDArray[np.float32]
    growth: NDArray[np.float32]

    def with_leads(self, weights: NDArray[np.float32], intercept: NDArray[np.float32]) -> "_Plan":
        """The same with another map for the leads; float32 [864, 24] and [24]."""
        of_all = np.concatenate([weights, self.weights[:, DAY_LEADS:]], axis=1)
        intercepts = np.concatenate([intercept, self.intercept[DAY_LEADS:]])
        return _Plan(of_all, intercepts, self.total, self.growth)


class LinearMember:
    """The linear member of day 1, and the errors of its own past forecasts.

    Attributes:
        first_day: the member itself.
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
        """Unpack the coefficients, float32 [24 hours of day, features, 24 leads]."""
        self.trained_until = trained_until
        self.optimism = optimism
        self.first_day = LinearDay(coefficients, annual=annual)
        self._plan = lru_cache(maxsize=REMEMBERED_ORIGINS)(self._make_plan)

    def outlook(
        self, state: SeriesState, calendar: Calendar, origin: int, leads_of: LinearDay | None = None
    ) -> LinearOutlook:
        """Forecast at one origin, and the errors of the member's own past forecasts.

        Args:
            state: of n series, all at this origin.
            calendar: of their source.
            origin: hour of the last column of their windows.
            leads_of: what forecasts the leads in place of this member; the past forecasts are this member's, bit for
                bit the same.
        """
        plan = self._plan(calendar, origin, leads_of or self.first_day)
        raw = product(state.z, plan.weights)
        raw += plan.intercept
        errors = np.empty((len(state), len(PAST_OFFSETS)), np.float32)
        PAST_ERRORS(
            *state.observed.shape,
            raw,
            state.past_scales,
            state.observed,
            state.z,
            # A past origin had another scale: its intercept counts in that one.
            (1.0 + plan.intercept - plan.total)[DAY_LEADS:],
            plan.growth,
            PAST_OFFSETS,
            _TARGETS,
            errors,
        )
        return LinearOutlook(raw[:, :DAY_LEADS], errors)

    def _make_plan(self, calendar: Calendar, origin: int, leads_of: LinearDay) -> _Plan:
        if leads_of is not self.first_day:
            return self._plan(calendar, origin, self.first_day).with_leads(*leads_of.plan(calendar, origin))
        context, constant = self.first_day.context(calendar, origin - np.arange(PAST_ORIGINS))
        weights = np.zeros((len(_OFFSETS), LAG_HOURS), np.float32)
        weights[:DAY_LEADS] = self.first_day.all_leads(context, 0)
        past, leads = PAST_OFFSETS, _LEADS[DAY_LEADS:]
        of_past = self.first_day.one_lead(context, past, leads)
        for place, offset in enumerate(past.tolist()):
            weights[DAY_LEADS + place, : LAG_HOURS - offset] = of_past[place, offset:]
        intercept = self.first_day.intercepts(context, constant, _OFFSETS, _LEADS)
        seen = self.trained_until is not None and origin - past + leads < self.trained_until
        growth = np.where(np.broadcast_to(seen, past.shape), self.optimism, 1.0).astype(np.float32)
        return _Plan(np.ascontiguousarray(weights.T), intercept, weights.sum(axis=1), growth)


_OFFSETS = np.array([0] * DAY_LEADS + list(ONE_STEP_ORIGINS) + list(DAY_ORIGINS + WEEK_ORIGINS))
"""How many hours back the origin of each output lies."""

_LEADS = np.array(
    [*range(1, DAY_LEADS + 1), *(1 for _ in ONE_STEP_ORIGINS), *(DAY_LEADS for _ in DAY_ORIGINS + WEEK_ORIGINS)]
)
"""Lead of each output."""

PAST_OFFSETS = _OFFSETS[DAY_LEADS:]
"""The same, of the past forecasts alone."""

_TARGETS = LAG_HOURS - 1 - _OFFSETS[DAY_LEADS:] + _LEADS[DAY_LEADS:]
"""Column of the hour that each past forecast was for."""
