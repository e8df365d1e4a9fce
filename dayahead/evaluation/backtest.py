"""Walk a release through past origins: forecasts as they would have been made, with the actuals.

Windows know nothing of each other: `forecast_origin` is a pure function that a process pool or Dask may map, in any
order, with the same result.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.evaluation.metrics import Accuracy, accuracy, wape_by_group
from dayahead.evaluation.score import ScoreBatch, daily_naive, score, weekly_naive
from dayahead.features.fill import DAY
from dayahead.grouping import groups
from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.window import WindowBatch


@dataclass(frozen=True)
class RunResult:
    """Forecasts of past origins and their scores, one row a series and origin.

    Attributes:
        series_ids: names; `series` points into them.
        series: int64 [n].
        origin: int64 [n], hours.
        p10: float32 [n, 24], by lead, in the unit of the series.
        p50: float32 [n, 24].
        p90: float32 [n, 24].
        rung: int8 [n].
        reasons: int32 [n].
        actual: float64 [n, 24], NaN where not observed.
        weekly_naive: float64 [n, 24], forecast of the same hour of the week before, NaN where there is none.
        daily_naive: float64 [n, 24], that of the day before.
        scores: of the n rows.
    """

    series_ids: tuple[str, ...]
    series: NDArray[np.int64]
    origin: NDArray[np.int64]
    p10: NDArray[np.float32]
    p50: NDArray[np.float32]
    p90: NDArray[np.float32]
    rung: NDArray[np.int8]
    reasons: NDArray[np.int32]
    actual: NDArray[np.float64]
    weekly_naive: NDArray[np.float64]
    daily_naive: NDArray[np.float64]
    scores: ScoreBatch

    def __len__(self) -> int:
        return len(self.series)

    def accuracy(self, rows: NDArray[np.bool_] | NDArray[np.int64] | None = None) -> Accuracy:
        """Accuracy over all rows, or over some."""
        return accuracy(self.scores if rows is None else self.scores.take(rows))

    def by_series(self) -> dict[str, Accuracy]:
        """Accuracy of each series that has a row."""
        return {self.series_ids[number]: self.accuracy(rows) for number, rows in groups(self.series)}

    def wape_series_mean(self) -> float:
        """Mean over the series of each one's WAPE; series without consumption are left out."""
        found = wape_by_group(self.scores, self.series, len(self.series_ids))
        known = np.isfinite(found)
        return float(np.mean(found[known])) if known.any() else float("nan")

    def mase_series_mean(self, history: History) -> float:
        """Mean over the series of MAE / mean |y(t) - y(t - 24)| of a history (Hyndman & Koehler 2006, season 24)."""
        values = history.values
        season = np.nanmean(np.abs(values[:, DAY:] - values[:, :-DAY]), axis=1)
        errors = np.bincount(self.series, self.scores.absolute_error, len(values))
        hours = np.bincount(self.series, self.scores.hours, len(values))
        known = (hours > 0) & (season > 0)
        return float(np.mean(errors[known] / hours[known] / season[known])) if known.any() else float("nan")

    @staticmethod
    def join(parts: "Iterable[RunResult]") -> "RunResult":
        """Put results of the same series together, by origin and series."""
        pieces = list(parts)
        arrays = [item.name for item in fields(RunResult) if item.name not in {"series_ids", "scores"}]
        joined = {name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in arrays}
        scores = [np.concatenate([getattr(p.scores, item.name) for p in pieces]) for item in fields(ScoreBatch)]
        order = np.lexsort((joined["series"], joined["origin"]))
        return RunResult(
            series_ids=pieces[0].series_ids,
            scores=ScoreBatch(*scores).take(order),
            **{name: array[order] for name, array in joined.items()},
        )


def forecast_origin(origin: Hour, *, history: History, forecaster: Forecaster) -> RunResult:
    """Forecast every series of a history at one origin, seeing nothing after it, and score.

    Series whose hour at the origin is missing are forecast all the same, as the service would at their newest hour.
    """
    parts = []
    for calendar, series in groups(history.calendar_of):
        origins = np.full(len(series), origin, np.int64)
        windows = WindowBatch(history.windows(series, origins), origins, history.calendars[calendar])
        parts.append(judge(history, series, windows, forecaster))
    return RunResult.join(parts)


def judge(history: History, series: NDArray[np.int64], windows: WindowBatch, forecaster: Forecaster) -> RunResult:
    """Forecast windows and score them against the 24 hours that follow in the history."""
    made = forecaster.forecast(windows)
    actual = history.targets(series, windows.origin)
    seen = np.concatenate([windows.values, actual], axis=1)
    return RunResult(
        history.series_ids,
        series,
        windows.origin,
        made.p10,
        made.p50,
        made.p90,
        made.rung,
        made.reasons,
        actual,
        weekly_naive(seen),
        daily_naive(seen),
        score(seen, made.p10, made.p50, made.p90),
    )


def backtest(
    history: History,
    forecaster: Forecaster,
    origins: Iterable[Hour],
    mapped: Callable[[Callable[[Hour], RunResult], Iterable[Hour]], Iterable[RunResult]] = map,
) -> RunResult:
    """Walk a forecaster through origins.

    Args:
        history: with the hours after the origins too: forecasts do not see them, scores do.
        forecaster: fitted on hours before the first origin, or the result flatters.
        origins: hours; each at least a day of the history's start.
        mapped: `map`, or that of a process pool or a Dask client's futures; each call is independent.
    """
    return RunResult.join(mapped(partial(forecast_origin, history=history, forecaster=forecaster), origins))


def origins_between(first: Hour, last: Hour, every_h: int) -> range:
    """Origins from `first` on, every so many hours, whose 24 hours end at or before hour `last`."""
    return range(first, last - LEADS + 1, every_h)
