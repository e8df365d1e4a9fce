"""The days of the horizon as the member that knows the weather forecasts them, where the weather is known."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dayahead.models.serving.linear_day import LinearDay
from dayahead.models.serving.plain_days import (
    LAST_CORRECTED_DAY,
    AtOrigin,
    DayForecast,
    PlainDays,
    rows_of,
    spread_of,
)
from dayahead.models.serving.trees import TreeModel
from dayahead.models.serving.weather_member import DescribedPlaces, WeatherMember, responses_of, weather_day_features


@dataclass(frozen=True)
class SeriesWeather:
    """Series and the places that they lie at, described.

    Attributes:
        described: places.
        place: int64 [n], row of `described`, -1 for a series without weather.
    """

    described: DescribedPlaces
    place: NDArray[np.int64]

    @property
    def reached(self) -> NDArray[np.bool_]:
        """Whether the weather of a series is known for any hour of its forecast; bool [n]."""
        return np.asarray((self.place >= 0) & self.described.covered(1)[self.place, 0])

    def take(self, rows: NDArray[np.int64]) -> "SeriesWeather":
        """That of some of the series."""
        return SeriesWeather(self.described, self.place[rows])


class WeatherDays:
    """The days of the horizon of some series at one origin; ask for them in ascending order."""

    def __init__(self, member: WeatherMember, here: AtOrigin, weather: SeriesWeather, plain: PlainDays) -> None:
        """Prepare.

        Args:
            member: of the release.
            here: series and origin.
            weather: of their places.
            plain: the same days without weather: what the trees are given for leads that the weather does not reach.
        """
        self._member, self._here, self._plain = member, here, plain
        self._described, self._without_place = weather.described, weather.place < 0
        self._place = np.maximum(weather.place, 0)
        self._spread: tuple[int, NDArray[np.float64]] | None = None

    def served(self, day: int) -> NDArray[np.bool_] | None:
        """Which hours of a day the member forecasts; bool [n, 24], or None where it forecasts none."""
        if day not in self._member.days:
            return None
        served = self._covered(day)
        return served if served.any() else None

    def of_day(self, day: int) -> DayForecast:
        """A day of the horizon, without meaning where the weather is not known."""
        low, high = self._member.multipliers[day][self._here.hour].T
        linear = self._linear(day)
        if day > LAST_CORRECTED_DAY:
            return DayForecast(linear, self._last_spread(), low, high)
        features = self._features(linear, day)
        spread = spread_of(self._member.spread, features)
        self._spread = day, spread
        correction = self._member.correction.predict(rows_of(features)).reshape(linear.shape)
        return DayForecast(linear + correction, spread, low, high)

    @property
    def correction(self) -> TreeModel:
        """The trees that correct the member."""
        return self._member.correction

    def linear_day(self, day: int) -> LinearDay:
        """The linear member of a day without what it adds for the weather."""
        return self._member.linear(day).of_load

    def weather_term(self, day: int) -> NDArray[np.float32]:
        """What the linear member adds for the weather, in units of the scale; float32 [n, 24]."""
        here, member = self._here, self._member.linear(day)
        return member.weather_term(here.calendar, here.origin, self._described, self._place, self._slopes)

    def tree_features(self, day: int) -> NDArray[np.float32] | None:
        """What the trees see of a day; float32 [n, 24, 38], None on days that they do not correct."""
        return self._features(self._linear(day), day) if day <= LAST_CORRECTED_DAY else None

    def _last_spread(self) -> NDArray[np.float64]:
        """The spread of the last corrected day, which serves all later ones."""
        if self._spread is None or self._spread[0] != LAST_CORRECTED_DAY:
            features = self._features(self._linear(LAST_CORRECTED_DAY), LAST_CORRECTED_DAY)
            self._spread = LAST_CORRECTED_DAY, spread_of(self._member.spread, features)
        return self._spread[1]

    def _linear(self, day: int) -> NDArray[np.float32]:
        here, of_load = self._here, self.linear_day(day)
        at = here.state, here.calendar, here.origin
        made = (here.outlook(of_load).forecast if day == 1 else of_load.forecast(*at)) + self.weather_term(day)
        known = self._covered(day)
        return made if known.all() else np.where(known, made, self._plain.linear(day))

    def _covered(self, day: int) -> NDArray[np.bool_]:
        """Which hours of a day the weather is known for; bool [n, 24]."""
        covered: NDArray[np.bool_] = self._described.covered(day)[self._place]
        if self._without_place.any():
            covered[self._without_place] = False
        return covered

    def _features(self, linear: NDArray[np.float32], day: int) -> NDArray[np.float32]:
        here = self._here
        at = here.state, linear, here.past, here.calendar, here.origin, day
        return weather_day_features(*at, self._described, self._place)

    @cached_property
    def _slopes(self) -> NDArray[np.float32]:
        return responses_of(self._here.state, self._described, self._place)


def joined(known: DayForecast, plain: DayForecast | None, served: NDArray[np.bool_]) -> DayForecast:
    """A day whose hours are forecast with the weather where it is known, without where it is not.

    Args:
        known: of the member that knows the weather.
        plain: of the one that does not; None where the profile forecasts the day instead.
        served: bool [n, 24], hours of `known`.
    """
    if plain is None:
        return DayForecast(np.where(served, known.middle, np.float32(np.nan)), known.spread, known.low, known.high)
    return DayForecast(
        np.where(served, known.middle, plain.middle),
        np.where(served, known.spread, plain.spread),
        np.where(served, known.low, plain.low),
        np.where(served, known.high, plain.high),
    )
