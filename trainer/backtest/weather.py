"""The weather of a backtest: as it would have been served, without, and without error."""

from dataclasses import dataclass, replace
from enum import StrEnum

from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.weather.history import WeatherBasis, WeatherHistory
from trainer.backtest.reader import BacktestReader
from trainer.backtest.window import KnownHours
from trainer.training_set import TrainingSet


class Variant(StrEnum):
    """What forecasts know of the weather."""

    WITH = "with"
    WITHOUT = "without"
    PERFECT = "perfect"

    @property
    def folder(self) -> str:
        """Name of its folder in that of the backtest."""
        return f"{self}-weather"


BASIS_MEANINGS = {
    WeatherBasis.RUNS: "archived runs, each from the moment on at which it was available; where none is archived, "
    "observed weather with simulated errors",
    WeatherBasis.SIMULATED: "observations are no forecasts: the hours after an origin have simulated errors of "
    "{size:.1f} K a day ahead, as a forecast of the weather would",
    WeatherBasis.OBSERVED: "observations as if they had been forecast without any error: the figures flatter, since no "
    "forecast of the weather is perfect",
}


@dataclass(frozen=True)
class VariantReader:
    """The data of a backtest with another weather.

    Attributes:
        inner: the data.
        weather: of its series; None for none.
    """

    inner: BacktestReader
    weather: WeatherHistory | None

    @property
    def name(self) -> str:
        """Name of the data, for messages."""
        return self.inner.name

    @property
    def known(self) -> TrainingSet:
        """Everything known now, with this weather."""
        known = self.inner.known
        return replace(
            known,
            observed=replace(known.observed, weather=self.weather),
            history=replace(known.history, weather=self.weather),
        )

    def learnable(self, first: Hour) -> History:
        """The training data before `first`, with this weather."""
        return replace(self.inner.learnable(first), weather=self.weather)

    def at(self, origin: Hour) -> KnownHours:
        """The window of every series."""
        return self.inner.at(origin)
