"""The weather of a backtest on a file: its places, and what forecasts know of it in each variant."""

from dataclasses import dataclass

from dayahead.errors import SettingsError
from dayahead.models.history import History
from dayahead.weather.history import WeatherBasis
from dayahead.weather.placed import PlacedWeather
from dayahead.weather.places import WeatherPlaces, Weights
from dayahead.weather.served import Publications, as_served, without_error
from dayahead.weather.simulated import ForecastErrors
from trainer.settings import WeatherSettings
from trainer.training_weather import errors_of
from trainer.weather_file import RUNS, WeatherOfFile
from trainer.weather_places import Proposals, propose, unknown_locations


@dataclass(frozen=True)
class BacktestWeather:
    """The weather of the series of a file.

    Attributes:
        holds: runs or observations.
        publications: of each location.
        weights: of each series, the locations that it follows.
        errors: of simulated runs.
        publication_lag_h: of the load.
        is_perfect: whether observations are used as if they had been forecast.
        proposals: how the places were chosen; None where the source of load names them.
    """

    holds: str
    publications: Publications
    weights: list[Weights | None]
    errors: ForecastErrors
    publication_lag_h: float
    is_perfect: bool
    proposals: Proposals | None

    def served(self, history: History) -> PlacedWeather:
        """What forecasts know."""
        if self.is_perfect:
            return self.perfect(history)
        return as_served(
            self.publications,
            self.weights,
            history.start,
            history.end,
            history.leads,
            self.errors,
            self.publication_lag_h,
        )

    def perfect(self, history: History) -> PlacedWeather:
        """The weather as it was."""
        return without_error(self.publications, self.weights, history.start, history.end, history.leads)

    @property
    def places(self) -> str:
        """How the places of the series were found, in a sentence."""
        without = sum(weights is None for weights in self.weights)
        rest = f"; {without} of {len(self.weights)} series follow none" if without else ""
        if self.proposals is None:
            return f"places as the source of load names them{rest}"
        return f"places chosen on the hours before the first forecast one, for each {self.proposals.by}{rest}"


def weather_of_backtest(
    file: WeatherOfFile,
    training: History,
    places: WeatherPlaces | None,
    settings: WeatherSettings,
    publication_lag_h: float,
    *,
    perfect: bool,
) -> BacktestWeather:
    """Find the places of the series.

    Args:
        file: the weather.
        training: the hours before the first forecast one, on which places are chosen.
        places: that the source of load names; None: they are chosen.
        settings: of simulated errors.
        publication_lag_h: of the load.
        perfect: whether observations are used as if they had been forecast.

    Raises:
        SettingsError: runs are no perfect weather, or the source names a location that the file does not have.
    """
    if perfect and file.holds == RUNS:
        raise SettingsError("--perfect is for observations: runs are used as they were forecast; leave it out")
    proposals = None
    if places is None:
        proposals = propose(training, file.publications)
        weights = proposals.weights_of(training.series_ids)
    else:
        if unknown := unknown_locations(places, file.publications):
            raise SettingsError(
                f"weather of the source of load names {', '.join(unknown)}; the file has: "
                f"{', '.join(sorted(file.publications))}"
            )
        weights = [places.weights_of(series_id) for series_id in training.series_ids]
    errors = errors_of(file.publications, settings)
    return BacktestWeather(file.holds, file.publications, weights, errors, publication_lag_h, perfect, proposals)


def basis_sentence(basis: WeatherBasis, errors: ForecastErrors | None = None) -> str:
    """What the weather of a backtest is, and what that means."""
    if basis is WeatherBasis.RUNS:
        return (
            "archived runs of a weather model, each from the moment on at which it was available; where none is "
            "archived, observed weather with simulated errors"
        )
    if basis is WeatherBasis.OBSERVED:
        return (
            "observed weather as if it had been forecast without any error: service will be worse, since no forecast "
            "of the weather is perfect"
        )
    size = f" of {float(errors.size(errors.last_h)):.1f} K a day ahead" if errors else ""
    return (
        f"observed weather with simulated errors{size} after each origin, as a forecast of it would have had: "
        "observations themselves are no forecasts"
    )
