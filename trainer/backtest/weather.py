"""The weather of a backtest: as it would have been served, without, and without error."""

from dataclasses import dataclass, replace
from enum import StrEnum

from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.weather.history import WeatherHistory
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
        return self.inner.known.with_weather(self.weather)

    def learnable(self, first: Hour) -> History:
        """The training data before `first`, with this weather."""
        return replace(self.inner.learnable(first), weather=self.weather)

    def at(self, origin: Hour) -> KnownHours:
        """The window of every series."""
        return self.inner.at(origin)
