"""The member that knows the weather, at work; each series' result depends on its own window and its place alone."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import Reason
from dayahead.features.calendar import Calendar
from dayahead.features.fill import DAY
from dayahead.features.state import SeriesState
from dayahead.features.weather import (
    SLOPES,
    PlaceWeather,
    ResponsePrior,
    describe_places,
    responses,
    weather_features,
    weather_tree_features,
)
from dayahead.horizon import DAY_LEADS
from dayahead.models.serving.linear import LinearOutlook
from dayahead.models.serving.linear_day import LinearDay
from dayahead.models.serving.plain_days import LAST_CORRECTED_DAY, day_features
from dayahead.models.serving.release import Release
from dayahead.models.serving.release_weather import ReleaseWeather
from dayahead.models.serving.trees import TreeModel
from dayahead.models.serving.window import WINDOW_HOURS, WindowWeather

_NO_SLOPES_AND_UNITS = np.concatenate([np.zeros((1, len(SLOPES))), np.eye(len(SLOPES))]).astype(np.float32)


@dataclass(frozen=True)
class _Terms:
    """What a linear member adds at an hour of the day, as far as it was asked for.

    Attributes:
        values: float32 [m, 5, 24].
        known: bool [m], for which places.
    """

    values: NDArray[np.float32]
    known: NDArray[np.bool_]


@dataclass
class DescribedPlaces:
    """The places of a batch, described once for all its series.

    Attributes:
        places: of m places at an origin each.
        stale: bool [m], whether the newest run is too old.
    """

    places: PlaceWeather
    stale: NDArray[np.bool_]
    _targets: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    _tree_columns: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    _covered: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    _whole: dict[tuple[int, int], NDArray[np.bool_]] = field(default_factory=dict)
    _terms: dict[tuple["WeatherLinear", int], "_Terms"] = field(default_factory=dict)

    @classmethod
    def of(cls, weather: WindowWeather, prior: ResponsePrior) -> "DescribedPlaces":
        """Describe the places of a batch; those whose run is stale have no weather."""
        made = describe_places(weather.temperature, WINDOW_HOURS, prior)
        return cls(made, weather.stale)

    def targets(self, day: int) -> NDArray[np.float32]:
        """As of `PlaceWeather.of_day`; NaN also where the run is stale."""
        if day not in self._targets:
            made = self.places.of_day(day)
            made[self.stale] = np.nan
            self._targets[day] = made
        return self._targets[day]

    def tree_columns(self, day: int) -> NDArray[np.float32]:
        """Columns of the trees; float32 [6, m, 24]."""
        if day not in self._tree_columns:
            now = self.places.day_mean[:, self.places.past - 1]
            self._tree_columns[day] = weather_tree_features(self.targets(day), now)
        return self._tree_columns[day]

    def terms(self, linear: "WeatherLinear", hour: int, place: NDArray[np.int64]) -> NDArray[np.float32]:
        """What a linear member adds at an hour of the day; float32 [m, 5, 24], of the places of some series alone."""
        kept = self._terms.get((linear, hour))
        if kept is None:
            kept = self._terms[linear, hour] = _Terms(
                np.empty((len(self.places), len(_NO_SLOPES_AND_UNITS), DAY_LEADS), np.float32),
                np.zeros(len(self.places), np.bool_),
            )
        wanted = np.zeros(len(self.places), np.bool_)
        wanted[place] = True
        missing = np.flatnonzero(wanted & ~kept.known)
        if len(missing):
            kept.values[missing] = linear.terms(hour, self, missing)
            kept.known[missing] = True
        return kept.values

    def covered(self, day: int) -> NDArray[np.bool_]:
        """Which leads of a day the weather is known for, up to the first hole; [m, 24]."""
        if day not in self._covered:
            known: NDArray[np.bool_] = np.isfinite(self.targets(day)[:, 0, 1])
            self._covered[day] = known if day == 1 else known & self.covered(day - 1)
        return self._covered[day]

    def whole(self, day: int, leads: int) -> NDArray[np.bool_]:
        """For which places all of the first leads of a day are covered; [m]."""
        if (day, leads) not in self._whole:
            self._whole[day, leads] = np.asarray(self.covered(day)[:, :leads].all(axis=1))
        return self._whole[day, leads]


class WeatherLinear:
    """The linear member of a day of the horizon that knows the weather: a map of the window, and effects.

    Attributes:
        day: of the horizon.
        of_load: the map of the window.
    """

    def __init__(
        self, coefficients: NDArray[np.float32], effects: NDArray[np.float32], *, annual: bool, day: int = 1
    ) -> None:
        """Unpack.

        Args:
            coefficients: float32 [24 hours of day, features, 24 leads].
            effects: float32 [24 hours of day, 24 leads, 18].
            annual: whether the season is among the features.
            day: of the horizon.
        """
        self.day = day
        self.of_load = LinearDay(coefficients, annual=annual, day=day)
        self._effects = effects

    def forecast(
        self,
        state: SeriesState,
        calendar: Calendar,
        origin: int,
        described: DescribedPlaces,
        place: NDArray[np.int64],
        slopes: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Forecast the day; float32 [n, 24], value / scale - 1, without meaning where the weather is not known.

        Args:
            state: of n series, all at this origin.
            calendar: of their source.
            origin: hour of the last column of their windows.
            described: places.
            place: int64 [n], row of `described`.
            slopes: float32 [n, 4], response of each series.
        """
        term = self.weather_term(calendar, origin, described, place, slopes)
        made: NDArray[np.float32] = self.of_load.forecast(state, calendar, origin) + term
        return made

    def weather_term(
        self,
        calendar: Calendar,
        origin: int,
        described: DescribedPlaces,
        place: NDArray[np.int64],
        slopes: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """What is added for the weather; float32 [n, 24]; arguments as of `forecast`."""
        hour = int(calendar.at(np.array([origin])).hour[0])
        terms = described.terms(self, hour, place)
        made: NDArray[np.float32] = terms[place, 0]
        for slope in range(len(SLOPES)):
            made += slopes[:, slope, None] * terms[place, 1 + slope]
        return made

    def terms(self, hour: int, described: DescribedPlaces, places: NDArray[np.int64]) -> NDArray[np.float32]:
        """What the weather adds by lead: alike for all series of a place, and by unit of each slope.

        Args:
            hour: local hour of the day of the origin.
            described: places.
            places: int64 [m], rows of `described`.

        Returns:
            float32 [m, 5, 24].
        """
        count, cases = len(places), len(_NO_SLOPES_AND_UNITS)
        features = weather_features(
            described.targets(self.day),
            described.places.recent,
            np.repeat(places, cases),
            np.tile(_NO_SLOPES_AND_UNITS, (count, 1)),
        )
        terms: NDArray[np.float32] = (features * self._effects[hour]).sum(axis=2).reshape(count, cases, DAY_LEADS)
        terms[:, 1:] -= terms[:, :1]
        return terms


class WeatherMember:
    """The part of a release that knows the weather, unpacked.

    Attributes:
        prior: the response that every series starts from.
        days: days of the horizon that it forecasts where the weather is known.
        multipliers: by day, float64 [24 hours of day, 24 leads, 2], 10 and 90 % quantiles of error / spread.
    """

    def __init__(self, release: Release, weather: ReleaseWeather) -> None:
        self.prior = ResponsePrior(weather.slopes, weather.strength)
        self.days = weather.served_days
        annual = release.feature_spec.annual
        needed = set(self.days) | ({LAST_CORRECTED_DAY} if max(self.days) > LAST_CORRECTED_DAY else set())
        parts = {day: weather.days[day - 1] for day in sorted(needed)}
        self._linear = {
            day: WeatherLinear(one.coefficients, one.effects, annual=annual, day=day) for day, one in parts.items()
        }
        self.multipliers = {
            day: np.broadcast_to(one.band_multipliers, (DAY, DAY_LEADS, 2)).astype(np.float64)
            for day, one in parts.items()
        }
        self.correction = TreeModel(weather.correction)
        self.spread = TreeModel(weather.spread)

    def prepare(self) -> None:
        """Do before the first forecast what it would have to wait for."""
        self.correction.prepare()
        self.spread.prepare()

    def describe(self, weather: WindowWeather) -> DescribedPlaces:
        """Describe the places of a batch once for all its series."""
        return DescribedPlaces.of(weather, self.prior)

    def linear(self, day: int) -> WeatherLinear:
        """The linear member of a day."""
        return self._linear[day]

    def reasons(self, described: DescribedPlaces, place: NDArray[np.int64], leads: int) -> NDArray[np.int32]:
        """Why hours of a forecast are made without weather: flags of `Reason`; int32 [n].

        Args:
            described: places.
            place: int64 [n], row of `described`, -1 for a series without weather, which has no reason.
            leads: of the forecast.
        """
        covered = np.ones(len(place), np.bool_)
        for day in self.days:
            wanted = min(leads - DAY_LEADS * (day - 1), DAY_LEADS)
            if wanted > 0:
                covered &= described.whole(day, wanted)[place]
        flags = np.where(covered, 0, int(Reason.NO_WEATHER))
        flags = np.where(described.stale[place], int(Reason.WEATHER_STALE), flags)
        return np.where(place < 0, 0, flags).astype(np.int32)


def weather_day_features(
    state: SeriesState,
    linear: NDArray[np.float32],
    outlook: LinearOutlook,
    calendar: Calendar,
    origin: int,
    day: int,
    described: DescribedPlaces,
    place: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Tree features of a day with those of the weather; float32 [n, 24, 38], as of `day_features`.

    Args:
        state: of n series at the origin.
        linear: float32 [n, 24], forecast of the day's linear member that knows the weather.
        outlook: of the member of day 1 without weather.
        calendar: of the source.
        origin: hour of the newest observation.
        day: of the horizon.
        described: places.
        place: int64 [n], row of `described`.
    """
    columns = described.tree_columns(day)
    made = day_features(state, linear, outlook, calendar, origin, day, room=len(columns))
    np.take(columns, place, axis=1, out=made.transpose(2, 0, 1)[-len(columns) :], mode="clip")
    return made


def responses_of(state: SeriesState, described: DescribedPlaces, place: NDArray[np.int64]) -> NDArray[np.float32]:
    """Thermal responses of series at their places; float32 [n, 4]."""
    return responses(state.z, place, described.places)
