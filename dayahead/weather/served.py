"""The weather of a history from the publications of its locations: as it would have been served, or without error."""

from collections.abc import Mapping, Sequence

from dayahead.hours import Hour
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.weather.archived import ArchivedLocation, MixedLocation, best_known
from dayahead.weather.history import WeatherBasis
from dayahead.weather.location import LocationWeather, ObservedLocation
from dayahead.weather.placed import PlacedWeather
from dayahead.weather.places import Weights
from dayahead.weather.simulated import ForecastErrors, SimulatedLocation
from dayahead.weather.values import WeatherKind, WeatherValues

MARGIN_H = 24
"""Hours before the first origin, and leads beyond the last, that can be asked for too: of a run that is late."""

Publications = Mapping[str, Sequence[WeatherValues]]
"""Publications of the temperature of each location, by its name."""


def as_served(
    publications: Publications,
    weights_of: Sequence[Weights | None],
    first: Hour,
    end: Hour,
    leads: int,
    errors: ForecastErrors,
    publication_lag_h: float = 1.0,
) -> PlacedWeather:
    """The weather as known at each origin: archived runs where there are any, elsewhere simulated ones.

    Args:
        publications: of each location.
        weights_of: of each series, the locations that it follows; None for a series without weather.
        first: first origin.
        end: hour after the last origin.
        leads: hours after an origin.
        errors: of the simulated runs.
        publication_lag_h: of the load.
    """
    locations: dict[str, LocationWeather] = {}
    has_runs = False
    for name, published in _named(publications, weights_of).items():
        simulated = SimulatedLocation(_best(published, first, end, leads), name, errors, publication_lag_h)
        if any(one.kind is WeatherKind.RUN for one in published):
            has_runs = True
            archived = ArchivedLocation(published, first - MARGIN_H, end, leads + MARGIN_H, publication_lag_h)
            locations[name] = MixedLocation(archived, simulated)
        else:
            locations[name] = simulated
    return PlacedWeather(locations, weights_of, WeatherBasis.RUNS if has_runs else WeatherBasis.SIMULATED)


def without_error(
    publications: Publications, weights_of: Sequence[Weights | None], first: Hour, end: Hour, leads: int
) -> PlacedWeather:
    """The weather as it was, also of the hours after an origin; arguments as of `as_served`."""
    locations = {
        name: _best(published, first, end, leads) for name, published in _named(publications, weights_of).items()
    }
    return PlacedWeather(locations, weights_of, WeatherBasis.OBSERVED)


def _named(publications: Publications, weights_of: Sequence[Weights | None]) -> Publications:
    """The locations that a series follows."""
    used = {name for weights in weights_of if weights for name, _ in weights}
    return {name: published for name, published in publications.items() if name in used}


def _best(published: Sequence[WeatherValues], first: Hour, end: Hour, leads: int) -> ObservedLocation:
    return best_known(published, first - WINDOW_HOURS - MARGIN_H, end + leads + MARGIN_H)
