"""The origins of a backtest, and which of them each fit forecasts."""

from collections.abc import Iterator
from dataclasses import dataclass

from dayahead.errors import SettingsError
from dayahead.evaluation.backtest import origins_between
from dayahead.hours import Hour, format_utc, from_hour
from trainer.training_set import TrainingSet


@dataclass(frozen=True)
class Period:
    """The origins that one fit forecasts.

    Attributes:
        first: the first forecast hour; the hours before it are the training data.
        origins: hours.
    """

    first: Hour
    origins: range


@dataclass(frozen=True)
class Plan:
    """The options of a backtest.

    Attributes:
        first: first forecast hour; the hours before it are the training data.
        end: hour after the last forecast one; None for the end of the data.
        every_h: hours from one origin to the next.
        refit_h: hours of forecasts after which the model is refitted on all earlier data; None fits once.
    """

    first: Hour
    end: Hour | None
    every_h: int
    refit_h: int | None = None

    def origins(self, known: TrainingSet) -> range:
        """The first forecasts hour `first`, the last ends before `end`.

        Raises:
            SettingsError: no forecast fits between the two.
        """
        observed = known.observed
        last = min(self.end if self.end is not None else observed.end, observed.end) - 1
        origins = origins_between(self.first - 1, last, self.every_h)
        if not len(origins) or self.first <= observed.start:
            raise SettingsError(
                f"no forecast of 24 hours fits between --from {format_utc(from_hour(self.first))} and "
                f"{format_utc(from_hour(last + 1))}; the data span {format_utc(from_hour(observed.start))} to "
                f"{format_utc(from_hour(observed.end))}"
            )
        return origins

    def periods(self, origins: range) -> Iterator[Period]:
        """Split the origins at the refits."""
        if self.refit_h is None:
            yield Period(self.first, origins)
            return
        a_fit = max(1, self.refit_h // self.every_h)
        for start in range(0, len(origins), a_fit):
            part = origins[start : start + a_fit]
            yield Period(part[0] + 1, part)
