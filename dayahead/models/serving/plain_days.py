"""The days of the horizon as the member without weather forecasts them: its linear members, day 1's trees, the band."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.features.fill import DAY
from dayahead.features.state import SeriesState
from dayahead.features.trees import tree_features, usual_error
from dayahead.horizon import DAY_LEADS
from dayahead.models.serving.linear import LinearMember, LinearOutlook
from dayahead.models.serving.linear_day import LinearDay
from dayahead.models.serving.release import Release
from dayahead.models.serving.trees import TreeModel

LAST_CORRECTED_DAY = 2
"""Day of the horizon after which the trees do not correct the linear member, and the spread is that of this day: they
gain nothing there (docs/research-log.md)."""

LOG_SPREAD_RANGE = (-12.0, 6.0)
"""The logarithm of a spread is held within this, so that its exponential stays finite."""


class AtOrigin:
    """Series at one origin, and what the linear members of day 1 say there.

    Attributes:
        state: of n series.
        calendar: of their source.
        origin: hour of the newest observation.
    """

    def __init__(self, state: SeriesState, calendar: Calendar, origin: int, member: LinearMember) -> None:
        """Prepare; nothing is computed yet.

        Args:
            state: of n series.
            calendar: of their source.
            origin: hour of the newest observation.
            member: of day 1, without weather.
        """
        self.state, self.calendar, self.origin = state, calendar, origin
        self._member = member
        self._outlooks: dict[LinearDay, LinearOutlook] = {}

    def outlook(self, leads_of: LinearDay | None = None) -> LinearOutlook:
        """Forecast of day 1 and errors of the member without weather.

        Args:
            leads_of: the linear member of day 1 that forecasts; left out, the one without weather.
        """
        leads_of = leads_of or self._member.first_day
        if leads_of not in self._outlooks:
            self._outlooks[leads_of] = self._member.outlook(self.state, self.calendar, self.origin, leads_of)
        return self._outlooks[leads_of]

    @property
    def past(self) -> LinearOutlook:
        """An outlook to take the past errors from: they are the same in all, so one that was made already is taken."""
        return next(iter(self._outlooks.values())) if self._outlooks else self.outlook()

    @property
    def hour(self) -> int:
        """Local hour of the day of the origin."""
        return int(self.calendar.at(np.array([self.origin])).hour[0])


@dataclass(frozen=True)
class DayForecast:
    """A day of the horizon in units of the scale: median and spread, and what the band is in units of the spread.

    Attributes:
        middle: float32 [n, 24].
        spread: float64 [n, 24].
        low: float64 [24], or [n, 24] where it differs between series.
        high: float64, as `low`.
    """

    middle: NDArray[np.float32]
    spread: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


class PlainMember:
    """The part of a release that knows no weather, unpacked; day 1's linear member is apart, for its past errors.

    Attributes:
        floor_days: days of the horizon that it leaves to the profile.
        later: the linear members of days 2, 3 … of the horizon.
        multipliers: by day, float64 [24 hours of day, 24 leads, 2], 10 and 90 % quantiles of error / spread.
    """

    def __init__(self, release: Release) -> None:
        self.floor_days = release.plain_floor_days
        self.later = {
            day: LinearDay(later.coefficients, annual=release.feature_spec.annual, day=day)
            for day, later in enumerate(release.later_days, start=2)
        }
        multipliers = [release.band_multipliers, *(later.band_multipliers for later in release.later_days)]
        self.multipliers = [np.broadcast_to(one, (DAY, DAY_LEADS, 2)).astype(np.float64) for one in multipliers]
        self.correction = TreeModel(release.correction)
        self.spread = TreeModel(release.spread)

    def prepare(self) -> None:
        """Do before the first forecast what it would have to wait for."""
        self.correction.prepare()
        self.spread.prepare()


class PlainDays:
    """The days of the horizon of some series at one origin; ask for them in ascending order."""

    def __init__(self, member: PlainMember, here: AtOrigin) -> None:
        self._member, self._here = member, here
        self._spread: tuple[int, NDArray[np.float64]] | None = None

    def of_day(self, day: int) -> DayForecast | None:
        """A day of the horizon; None where the release leaves it to the profile."""
        if day in self._member.floor_days:
            return None
        low, high = self._member.multipliers[day - 1][self._here.hour].T
        if day > LAST_CORRECTED_DAY:
            return DayForecast(self.linear(day), self._last_spread(), low, high)
        linear = self.linear(day)
        features = self._features(linear, day)
        spread = spread_of(self._member.spread, features)
        self._spread = day, spread
        correction = self._member.correction.predict(rows_of(features)).reshape(linear.shape)
        return DayForecast(linear + correction, spread, low, high)

    def tree_features(self, day: int) -> NDArray[np.float32] | None:
        """What the trees see of a day; float32 [n, 24, 32], None on days that they do not correct."""
        return self._features(self.linear(day), day) if day <= LAST_CORRECTED_DAY else None

    def _last_spread(self) -> NDArray[np.float64]:
        """The spread of the last corrected day, which serves all later ones."""
        if self._spread is None or self._spread[0] != LAST_CORRECTED_DAY:
            features = self._features(self.linear(LAST_CORRECTED_DAY), LAST_CORRECTED_DAY)
            self._spread = LAST_CORRECTED_DAY, spread_of(self._member.spread, features)
        return self._spread[1]

    def linear(self, day: int) -> NDArray[np.float32]:
        """What the linear member says of a day, value / scale - 1; float32 [n, 24]."""
        here = self._here
        if day == 1:
            return here.outlook().forecast
        return self._member.later[day].forecast(here.state, here.calendar, here.origin)

    def _features(self, linear: NDArray[np.float32], day: int) -> NDArray[np.float32]:
        here = self._here
        return day_features(here.state, linear, here.past, here.calendar, here.origin, day)


def rows_of(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Features of series and leads as the rows that trees answer; [n x 24, features]."""
    return features.reshape(-1, features.shape[2])


def spread_of(model: TreeModel, features: NDArray[np.float32]) -> NDArray[np.float64]:
    """Spread in units of the scale; float64 [n, 24].

    Args:
        model: of the logarithm of |error| / usual error.
        features: float32 [n, 24, features].
    """
    rows = rows_of(features)
    relative = np.exp(np.clip(model.predict(rows).astype(np.float64), *LOG_SPREAD_RANGE))
    return np.asarray((usual_error(rows) * relative).reshape(features.shape[:2]))


def day_features(
    state: SeriesState,
    linear: NDArray[np.float32],
    outlook: LinearOutlook,
    calendar: Calendar,
    origin: int,
    day: int = 1,
    room: int = 0,
) -> NDArray[np.float32]:
    """Tree features of a day of the horizon; the past errors are those of day 1 on every day.

    Args:
        state: of n series at the origin.
        linear: float32 [n, 24], forecast of the day's linear member.
        outlook: of the member of day 1.
        calendar: of the source.
        origin: hour of the newest observation.
        day: of the horizon.
        room: number of further features that the caller fills in.
    """
    return tree_features(
        state, linear, outlook.one_step_errors, outlook.day_errors, outlook.week_error, calendar, origin, day, room
    )
