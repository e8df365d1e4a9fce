"""Walk a release through past origins: forecasts as they would have been made, with the actuals.

Windows know nothing of each other: `forecast_origin` is a pure function that a process pool or Dask may map, in any
order, with the same result.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dayahead.evaluation.metrics import Accuracy, accuracy, wape_by_group
from dayahead.evaluation.score import ScoreBatch, daily_naive, score, weekly_naive
from dayahead.features.fill import DAY
from dayahead.grouping import groups
from dayahead.horizon import DAY_LEADS, days_of, leads_before
from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.models.serving.forecaster import ForecastBatch, Forecaster
from dayahead.models.serving.window import WindowBatch


@dataclass(frozen=True)
class RunResult:
    """Forecasts of past origins and their scores, one row a series and origin.

    Attributes:
        series_ids: names; `series` points into them.
        series: int64 [n].
        origin: int64 [n], hours.
        p10: float32 [n, leads], by lead, in the unit of the series.
        p50: float32 [n, leads].
        p90: float32 [n, leads].
        rung: int8 [n], of day 1.
        floor_days: int32 [n], as of ForecastBatch.
        reasons: int32 [n].
        actual: float64 [n, leads], NaN where not observed.
        weekly_naive: float64 [n, leads], the newest same hour of the week that was known, NaN where there is none.
        daily_naive: float64 [n, leads], the newest same hour of the day.
        scores: of the n rows, over day 1.
        later_scores: of the n rows, over day 2 of the horizon, day 3 and so on; a last day of fewer than 24 leads has
            none.
    """

    series_ids: tuple[str, ...]
    series: NDArray[np.int64]
    origin: NDArray[np.int64]
    p10: NDArray[np.float32]
    p50: NDArray[np.float32]
    p90: NDArray[np.float32]
    rung: NDArray[np.int8]
    floor_days: NDArray[np.int32]
    reasons: NDArray[np.int32]
    actual: NDArray[np.float64]
    weekly_naive: NDArray[np.float64]
    daily_naive: NDArray[np.float64]
    scores: ScoreBatch
    later_scores: tuple[ScoreBatch, ...] = ()

    def __len__(self) -> int:
        return len(self.series)

    @property
    def days(self) -> int:
        """Whole days of the horizon."""
        return 1 + len(self.later_scores)

    @property
    def first_day(self) -> "RunResult":
        """The same without the leads of later days."""
        by_lead = {name: getattr(self, name)[:, :DAY_LEADS] for name in _BY_LEAD}
        return replace(self, later_scores=(), **by_lead)

    def scores_of(self, day: int) -> ScoreBatch:
        """Scores of the n rows over a day of the horizon."""
        return self.scores if day == 1 else self.later_scores[day - 2]

    def accuracy(self, rows: NDArray[np.bool_] | NDArray[np.int64] | None = None, day: int = 1) -> Accuracy:
        """Accuracy of a day of the horizon, over all rows or over some."""
        scores = self.scores_of(day)
        return accuracy(scores if rows is None else scores.take(rows))

    def by_series(self, day: int = 1) -> dict[str, Accuracy]:
        """Accuracy of each series that has a row."""
        return {self.series_ids[number]: self.accuracy(rows, day) for number, rows in groups(self.series)}

    def wape_series_mean(self, day: int = 1) -> float:
        """Mean over the series of each one's WAPE; series without consumption are left out."""
        found = wape_by_group(self.scores_of(day), self.series, len(self.series_ids))
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
        arrays = [item.name for item in fields(RunResult) if item.name not in _NO_ARRAYS]
        joined = {name: np.concatenate([getattr(piece, name) for piece in pieces]) for name in arrays}
        order = np.lexsort((joined["series"], joined["origin"]))
        first, *later = (
            ScoreBatch.join([piece.scores_of(day) for piece in pieces]).take(order)
            for day in range(1, pieces[0].days + 1)
        )
        return RunResult(
            series_ids=pieces[0].series_ids,
            scores=first,
            later_scores=tuple(later),
            **{name: array[order] for name, array in joined.items()},
        )


_BY_LEAD = ("p10", "p50", "p90", "actual", "weekly_naive", "daily_naive")
_NO_ARRAYS = {"series_ids", "scores", "later_scores"}


def forecast_origin(origin: Hour, *, history: History, forecaster: Forecaster) -> RunResult:
    """Forecast every series of a history at one origin, seeing nothing after it, and score.

    Series whose hour at the origin is missing are forecast all the same, as the service would at their newest hour.
    """
    parts = []
    for calendar in np.unique(history.calendar_of).tolist():
        series, windows = history.batch(origin, calendar)
        parts.append(judge(history, series, windows, forecaster))
    return RunResult.join(parts)


def judge(history: History, series: NDArray[np.int64], windows: WindowBatch, forecaster: Forecaster) -> RunResult:
    """Forecast windows and score them against the hours that follow in the history."""
    made = forecaster.forecast(windows)
    days = range(1, windows.leads // DAY_LEADS + 1)
    actual = history.targets(series, windows.origin, windows.leads)
    seen = np.concatenate([windows.values, actual], axis=1)
    until = {day: seen[:, : windows.values.shape[1] + leads_before(day + 1)] for day in days}
    quantiles = {day: _of_day(made, day) for day in days}
    first, *later = (score(until[day], *quantiles[day], day=day) for day in days)
    return RunResult(
        history.series_ids,
        series,
        windows.origin,
        made.p10,
        made.p50,
        made.p90,
        made.rung,
        made.floor_days,
        made.reasons,
        actual,
        _by_lead(weekly_naive, windows),
        _by_lead(daily_naive, windows),
        first,
        tuple(later),
    )


def _of_day(made: ForecastBatch, day: int) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    columns = slice(leads_before(day), leads_before(day + 1))
    return made.p10[:, columns], made.p50[:, columns], made.p90[:, columns]


def _by_lead(
    naive: Callable[[NDArray[np.float64], int], NDArray[np.float64]], windows: WindowBatch
) -> NDArray[np.float64]:
    """A naive of all days of the horizon; [n, leads]."""
    days = [naive(windows.values, day) for day in range(1, days_of(windows.leads) + 1)]
    return np.concatenate(days, axis=1)[:, : windows.leads]


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


def origins_between(first: Hour, last: Hour, every_h: int, leads: int = DAY_LEADS) -> range:
    """Origins from `first` on, every so many hours, whose leads end at or before hour `last`."""
    return range(first, last - leads + 1, every_h)
