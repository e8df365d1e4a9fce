"""A release at work: the one function that turns the state of series into quantiles."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.features.state import SeriesState
from dayahead.grouping import groups
from dayahead.horizon import DAY_LEADS, days_of
from dayahead.models.serving.blas import one_thread
from dayahead.models.serving.linear import LinearMember
from dayahead.models.serving.linear_day import LinearDay
from dayahead.models.serving.plain_days import AtOrigin, DayForecast, PlainDays, PlainMember
from dayahead.models.serving.release import Release
from dayahead.models.serving.weather_days import SeriesWeather, WeatherDays, joined
from dayahead.models.serving.weather_member import DescribedPlaces, WeatherMember
from dayahead.models.serving.window import WindowWeather


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
        plain: the part that knows no weather.
        weather: the part that does; None where the release has none that serves.
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
            self.plain = PlainMember(release)
            self.weather = WeatherMember(release, release.weather) if release.weather and release.weather_days else None

    def prepare(self) -> None:
        """Do before the first forecast what it would have to wait for."""
        self.plain.prepare()
        if self.weather is not None:
            self.weather.prepare()

    def at_origin(self, state: SeriesState, calendar: Calendar, origin: int) -> AtOrigin:
        """Series at one origin, with what the linear members of day 1 say there."""
        return AtOrigin(state, calendar, origin, self._linear)

    def linear_day(self, day: int) -> LinearDay:
        """The linear member without weather of a day of the horizon."""
        return self._linear.first_day if day == 1 else self.plain.later[day]

    def describe(self, weather: WindowWeather | None) -> DescribedPlaces | None:
        """Describe the places of a batch, once for all its series; None without one, or where no weather is known."""
        if weather is None or self.weather is None or not len(weather.temperature):
            return None
        return self.weather.describe(weather)

    def weather_reasons(self, weather: SeriesWeather, leads: int) -> NDArray[np.int32]:
        """Why hours of series are forecast without weather: flags of `Reason`; int32 [n]."""
        if self.weather is None:
            return np.zeros(len(weather.place), np.int32)
        return self.weather.reasons(weather.described, weather.place, leads)

    def quantiles(
        self,
        state: SeriesState,
        calendar: Calendar,
        origin: NDArray[np.int64],
        leads: int = DAY_LEADS,
        weather: SeriesWeather | None = None,
    ) -> Quantiles:
        """Forecast n series, each by itself; day 1 is the same for every number of leads.

        Args:
            state: of the n series, described as the release's feature specification asks.
            calendar: of their source.
            origin: int64 [n], hours.
            leads: hours after the origin.
            weather: of the places of the series, as this release describes them.
        """
        made = Quantiles(*(np.empty((len(state), leads)) for _ in range(3)))
        with one_thread():
            # Series that no weather reaches go by themselves: they need nothing of the member that knows it.
            reached = np.zeros(len(state), np.bool_) if weather is None else weather.reached
            for key, rows in groups(2 * origin + reached):
                hour, of_rows = key // 2, weather.take(rows) if weather is not None and key % 2 else None
                if len(rows) == len(state):
                    return self._at_one_origin(state, calendar, hour, leads, of_rows)
                part = self._at_one_origin(state.take(rows), calendar, hour, leads, of_rows)
                made.p10[rows], made.p50[rows], made.p90[rows] = part.p10, part.p50, part.p90
        return made

    def _at_one_origin(
        self, state: SeriesState, calendar: Calendar, origin: int, leads: int, weather: SeriesWeather | None
    ) -> Quantiles:
        scale = state.scale[:, None]
        made = np.full((3, len(state), days_of(leads), DAY_LEADS), np.nan)
        days = min(days_of(leads), self.release.days)
        for place, of_day in enumerate(self._days(state, calendar, origin, days, weather)):
            if of_day is None:
                continue
            p50 = of_day.middle.astype(np.float64) + 1.0
            made[0, :, place], made[1, :, place] = (p50 + of_day.low * of_day.spread) * scale, p50 * scale
            made[2, :, place] = (p50 + of_day.high * of_day.spread) * scale
        made[:, state.scale == 0] = 0.0  # nothing but zeros, or at rest: so is every day, whoever forecasts it
        p10, p50, p90 = made.reshape(3, len(state), -1)[:, :, :leads]
        return Quantiles(p10, p50, p90)

    def _days(
        self, state: SeriesState, calendar: Calendar, origin: int, days: int, weather: SeriesWeather | None
    ) -> Iterator[DayForecast | None]:
        """Each day of the horizon; None where the release leaves it to the profile."""
        here = self.at_origin(state, calendar, origin)
        plain = PlainDays(self.plain, here)
        known = None
        if weather is not None and self.weather is not None:
            known = WeatherDays(self.weather, here, weather, plain)
        for day in range(1, days + 1):
            served = None if known is None else known.served(day)
            if known is None or served is None:
                yield plain.of_day(day)
            elif served.all():
                yield known.of_day(day)
            else:
                yield joined(known.of_day(day), plain.of_day(day), served)
