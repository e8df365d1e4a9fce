"""One fit of a backtest, self-contained so that any process can run it."""

from dataclasses import dataclass

from dayahead.errors import NotEnoughHistoryError
from dayahead.hours import Hour
from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.serving.release import Release
from dayahead.models.settings import ModelSettings
from trainer.backtest.reader import BacktestReader
from trainer.settings import TrainingSettings


@dataclass(frozen=True)
class Fit:
    """The input of a fit.

    Attributes:
        first: the first forecast hour; the training data end before it.
        known: the training data as known then.
        settings: of the fit.
        seed: of the random generator.
    """

    first: Hour
    known: History
    settings: ModelSettings
    seed: int


@dataclass(frozen=True)
class Fitted:
    """A release as bytes, and the first hour that it forecasts."""

    first: Hour
    blob: bytes

    @property
    def release(self) -> Release:
        """The release itself."""
        return Release.from_bytes(self.blob)


def do_fit(fit: Fit) -> Fitted:
    """Run a fit. The result depends only on `fit`, wherever it runs."""
    return Fitted(fit.first, fit_release(fit.known, fit.settings, fit.seed).to_bytes())


def fit_before(reader: BacktestReader, first: Hour, settings: TrainingSettings) -> Fit:
    """The fit on the hours before `first` as known then, limited to the configured history.

    Raises:
        NotEnoughHistoryError: there are too few hours.
    """
    known = reader.learnable(first).since(first - settings.history_days * 24)
    if known.hours < settings.fit.least_history_h:
        raise NotEnoughHistoryError(
            f"before --from there are {known.hours} hours and a fit needs {settings.fit.least_history_h}: "
            "choose a later --from"
        )
    return Fit(first, known, settings.fit, settings.seed)
