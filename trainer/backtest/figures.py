"""The figures of a backtest: accuracy by lead, hour, kind of day, area and time; the worst series."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import Rung
from dayahead.evaluation.backtest import RunResult
from dayahead.evaluation.metrics import Accuracy, figure_of, ratio, wape_by_group
from dayahead.grouping import groups
from dayahead.hours import Hour
from dayahead.models.history import History
from trainer.backtest.walk import Backtest

DAY_KINDS = ("Workday", "Saturday", "Sunday or holiday")
MOST_POINTS = 120
WORST_SHOWN = 8
SATURDAY, SUNDAY = 5, 6
OF_A_SLICE = ("wape", "bias", "coverage", "weekly_naive_wape", "daily_naive_wape")


@dataclass(frozen=True)
class Slice:
    """Accuracy of some of the forecast hours.

    Attributes:
        name: which hours.
        hours: how many have a known actual.
        wape: sum of |error| / sum of |actual|.
        bias: sum of (forecast - actual) / sum of |actual|.
        coverage: share within p10 to p90.
        weekly_naive_wape: WAPE of the value one week before, over the hours that both naives forecast.
        daily_naive_wape: WAPE of the value one day before, over the same hours.
        naive_wape: WAPE of whichever naive is better over all hours of the backtest.
    """

    name: str
    hours: int
    wape: float
    bias: float
    coverage: float
    weekly_naive_wape: float
    daily_naive_wape: float
    naive_wape: float


@dataclass(frozen=True)
class WorstSeries:
    """A series with a high WAPE, and its worst day.

    Attributes:
        name: its labels.
        accuracy: over all its forecasts.
        share_of_error: its share of the total error of all series.
        origin: of its worst forecast.
        p10: float32 [24].
        p50: float32 [24].
        p90: float32 [24].
        actual: float64 [24], NaN where unknown.
    """

    name: str
    accuracy: Accuracy
    share_of_error: float
    origin: Hour
    p10: NDArray[np.float32]
    p50: NDArray[np.float32]
    p90: NDArray[np.float32]
    actual: NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """All numbers in the tables and the report of a backtest.

    Attributes:
        accuracy: over all forecasts.
        wape_series_mean: mean of the WAPE of each series.
        mean_absolute_error: over all hours, in the unit of the series.
        series: number of series.
        whole: over all hours.
        by_area: by the first label.
        by_lead: every lead.
        by_horizon_day: each whole day of the horizon (leads 1 to 24, 25 to 48 and so on); other figures are of day 1.
        by_hour: local hours of the day, 0 to 23.
        by_day: workdays, Saturdays, Sundays and holidays.
        by_time: one slice per origin, or per group of consecutive origins; named by the first.
        below: share of actuals below p10, p50 and p90; ideally 0.1, 0.5 and 0.9.
        rungs: number of forecasts by rung.
        worst: the series with the greatest WAPE.
    """

    accuracy: Accuracy
    wape_series_mean: float
    mean_absolute_error: float
    series: int
    whole: Slice
    by_area: list[Slice]
    by_lead: list[Slice]
    by_horizon_day: list[Slice]
    by_hour: list[Slice]
    by_day: list[Slice]
    by_time: list[Slice]
    below: tuple[float, float, float]
    rungs: dict[str, int]
    worst: list[WorstSeries]


def figures_of(backtest: Backtest) -> Figures:
    """Compute the figures of a backtest."""
    whole = backtest.result
    result = whole.first_day
    accuracy = result.accuracy()
    daily = accuracy.daily_is_better
    hours = _Hours.of(result, daily=daily)
    local_hour, day_kind = _local_calendar(result, backtest.judged_by)
    areas, of_series = np.unique([unquote(name.split("/")[0]) for name in result.series_ids], return_inverse=True)
    area = of_series[result.series]
    rungs = Counter(result.rung.tolist())
    return Figures(
        accuracy=accuracy,
        wape_series_mean=result.wape_series_mean(),
        mean_absolute_error=ratio(float(result.scores.absolute_error.sum()), float(result.scores.hours.sum())),
        series=len(np.unique(result.series)),
        whole=slice_of("all", accuracy, daily=daily),
        by_area=[slice_of(str(areas[place]), result.accuracy(rows), daily=daily) for place, rows in groups(area)],
        by_lead=_by_lead(whole, daily=daily),
        by_horizon_day=[
            slice_of(f"day {day}", whole.accuracy(day=day), daily=whole.accuracy(day=day).daily_is_better)
            for day in range(1, whole.days + 1)
        ],
        by_hour=hours.slices(local_hour, [f"{hour:02d}:00" for hour in range(24)]),
        by_day=[part for part in hours.slices(day_kind, list(DAY_KINDS)) if part.hours],
        by_time=_by_time(backtest, daily=daily),
        below=hours.below(),
        rungs={Rung(rung).meaning: count for rung, count in sorted(rungs.items())},
        worst=_worst(result),
    )


def _by_lead(result: RunResult, *, daily: bool) -> list[Slice]:
    leads = result.p50.shape[1]
    names = [f"{lead} h" for lead in range(1, leads + 1)]
    return _Hours.of(result, daily=daily).slices(np.broadcast_to(np.arange(leads), result.p50.shape), names)


@dataclass(frozen=True)
class _Hours:
    """Forecast hours one by one; [n, leads]."""

    result: RunResult
    known: NDArray[np.bool_]
    daily: bool

    @classmethod
    def of(cls, result: RunResult, *, daily: bool) -> "_Hours":
        return cls(result, np.isfinite(result.actual) & np.isfinite(result.p50), daily)

    def slices(self, group: NDArray[np.integer], names: list[str]) -> list[Slice]:
        """One slice per name; `group` [n, leads] is the index of the name of each hour."""
        known, result, count = self.known, self.result, len(names)
        of = group[known]
        actual, p50 = result.actual[known], result.p50[known].astype(np.float64)
        error = p50 - actual
        compared = np.isfinite(result.weekly_naive[known])
        hourly = {
            "hours": np.ones(len(actual)),
            "absolute_error": np.abs(error),
            "absolute_actual": np.abs(actual),
            "signed_error": error,
            "covered": (actual >= result.p10[known]) & (actual <= result.p90[known]),
            "naive_actual": np.abs(actual) * compared,
            "naive_error": np.where(compared, np.abs(result.weekly_naive[known] - actual), 0.0),
            "daily_naive_error": np.where(compared, np.abs(result.daily_naive[known] - actual), 0.0),
        }
        sums = {name: np.bincount(of, values, count).tolist() for name, values in hourly.items()}
        slices = []
        for number, name in enumerate(names):
            mine = {key: values[number] for key, values in sums.items()}
            figures = {figure: figure_of(figure, mine) for figure in OF_A_SLICE}
            slices.append(_slice(name, int(mine["hours"]), figures, daily=self.daily))
        return slices

    def below(self) -> tuple[float, float, float]:
        actual = self.result.actual[self.known]
        shares = [
            ratio(float((actual < quantile[self.known]).sum()), float(len(actual)))
            for quantile in (self.result.p10, self.result.p50, self.result.p90)
        ]
        return shares[0], shares[1], shares[2]


def _local_calendar(result: RunResult, history: History) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Local hour of the day and kind of day of each forecast hour; [n, 24]."""
    hour, kind = np.zeros(result.p50.shape, np.int64), np.zeros(result.p50.shape, np.int64)
    valid = result.origin[:, None] + np.arange(1, result.p50.shape[1] + 1)
    for number, rows in groups(history.calendar_of[result.series]):
        fields = history.calendars[number].at(valid[rows])
        hour[rows] = fields.hour
        free = (fields.weekday == SUNDAY) | (fields.holiday > 0)
        kind[rows] = np.where(free, 2, np.where(fields.weekday == SATURDAY, 1, 0))
    return hour, kind


def _by_time(backtest: Backtest, *, daily: bool) -> list[Slice]:
    origins = np.array(backtest.origins, np.int64)
    together = -(-len(origins) // MOST_POINTS)
    bins = np.searchsorted(origins, backtest.result.origin) // together
    return [
        slice_of(str(int(origins[number * together])), backtest.result.accuracy(rows), daily=daily)
        for number, rows in groups(bins)
    ]


def slice_of(name: str, accuracy: Accuracy, *, daily: bool) -> Slice:
    """Accuracy as a slice.

    Args:
        name: which hours.
        accuracy: over them.
        daily: whether the same hour of the day before is the better naive over all hours of the backtest.
    """
    return _slice(name, accuracy.hours, {figure: getattr(accuracy, figure) for figure in OF_A_SLICE}, daily=daily)


def _slice(name: str, hours: int, figures: Mapping[str, float], *, daily: bool) -> Slice:
    return Slice(name, hours, naive_wape=figures["daily_naive_wape" if daily else "weekly_naive_wape"], **figures)


def _worst(result: RunResult) -> list[WorstSeries]:
    scores, count = result.scores, len(result.series_ids)
    error = np.bincount(result.series, scores.absolute_error, count)
    wape = wape_by_group(scores, result.series, count)
    chosen = [int(series) for series in np.argsort(-wape, kind="stable")[:WORST_SHOWN] if wape[series] > 0]
    total = float(error.sum())
    return [_worst_day(result, series, ratio(float(error[series]), total)) for series in chosen]


def _worst_day(result: RunResult, series: int, share: float) -> WorstSeries:
    rows = np.flatnonzero(result.series == series)
    row = rows[np.argmax(result.scores.absolute_error[rows])]
    return WorstSeries(
        " / ".join(unquote(part) for part in result.series_ids[series].split("/")),
        result.accuracy(result.series == series),
        share,
        int(result.origin[row]),
        result.p10[row],
        result.p50[row],
        result.p90[row],
        result.actual[row],
    )
