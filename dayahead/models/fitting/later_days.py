"""Fit of the later days of the horizon: a linear member each, quantiles by lead, and whether it beats the naives.

Day 1's trees and spread model are not fitted again: they serve day 2 as they are, and gain nothing after it. What is
measured is measured on blocks of time that the members, and the corrections, have not seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dayahead.evaluation.score import daily_naive, weekly_naive
from dayahead.features.calendar import Calendar
from dayahead.features.state import SeriesState
from dayahead.features.trees import TREE_FEATURES, usual_error
from dayahead.horizon import DAY_LEADS
from dayahead.hours import Hour
from dayahead.models.fitting.bands import band_multipliers, quantile_shape, shrink_of_all_rows
from dayahead.models.fitting.examples import Rows, rows_of_day
from dayahead.models.fitting.linear import LinearFit, fit_linear
from dayahead.models.fitting.parts import Parts
from dayahead.models.fitting.tree_table import UnseeingMembers, UnseeingWeatherMembers, by_origin, draw
from dayahead.models.fitting.weather_first_day import WeatherFirstDay
from dayahead.models.history import History
from dayahead.models.serving.floor import later_profile
from dayahead.models.serving.linear import LinearOutlook
from dayahead.models.serving.linear_day import LinearDay
from dayahead.models.serving.plain_days import LAST_CORRECTED_DAY, day_features, rows_of, spread_of
from dayahead.models.serving.release import LaterDay
from dayahead.models.serving.release_weather import WeatherDayParts
from dayahead.models.serving.trees import TreeModel
from dayahead.models.settings import ModelSettings

LEAST_BLOCKS = 3
"""Blocks of time with rows of a day, below which leaving one out says too little."""

JUDGED_ROWS = 6_000
"""Rows (series and origin) that the later days are measured on, at all 24 leads of each day."""


@dataclass(frozen=True)
class FirstDay:
    """What the later days build on.

    Attributes:
        rows: all rows of day 1.
        linear: its member.
        corrections: by block, the correction that has not seen it; of the blocks that are judged.
        spread: the spread model.
        days: that the judged blocks span.
        since: first origin with as much history behind it as in service, for days that no correction is needed for.
        weather: the member of day 1 that knows the weather; None without.
    """

    rows: Rows
    linear: LinearFit
    corrections: Mapping[int, TreeModel]
    spread: TreeModel
    days: float
    since: Hour
    weather: WeatherFirstDay | None = None

    @property
    def all_days(self) -> float:
        """Days from the first such origin to the newest."""
        return float(self.rows.origin.max() - self.since) / DAY_LEADS


@dataclass(frozen=True)
class LaterDays:
    """Days 2, 3 … of the horizon.

    Attributes:
        days: as they stand in a release.
        metrics: what was measured of them.
        weather_days: of the members that know the weather, as far as it reaches.
        weather_metrics: what was measured of these.
    """

    days: tuple[LaterDay, ...] = ()
    metrics: dict[str, float] = field(default_factory=dict)
    weather_days: tuple[WeatherDayParts, ...] = ()
    weather_metrics: dict[str, float] = field(default_factory=dict)


def fit_later_days(
    history: History,
    first: FirstDay,
    days: int,
    settings: ModelSettings,
    seed: int,
    parts: Parts,
) -> LaterDays:
    """Fit days 2, 3 … of the horizon; fewer where the history is too short for more.

    Args:
        history: what the rows point into.
        first: the fit of day 1.
        days: of the horizon.
        settings: of the fit.
        seed: of everything random.
        parts: computes the solutions.
    """
    fits: dict[int, _DayFit] = {}
    for day in range(2, days + 1):
        fit = _fit_day(history, first, day, settings, seed, parts)
        if fit is None:
            break
        fits[day] = fit
    if not fits:
        return LaterDays()
    weather = None if first.weather is None else _WeatherJudge(history, first.weather, fits)
    judged = _judge(history, first, fits, settings, seed, weather)
    metrics: dict[str, float] = {}
    later = []
    for day, fit in fits.items():
        multipliers, shape, beats_naive = _verdict(judged[day], fit.shrink, first, day, "", metrics)
        later.append(LaterDay(fit.linear.coefficients, multipliers, beats_naive, shape))
    weather_days: list[WeatherDayParts] = []
    weather_metrics: dict[str, float] = {}
    for day, errors in ({} if weather is None else weather.errors).items():
        made = fits[day].linear.weather
        if made is None:
            break
        shrink = shrink_of_all_rows(made.optimism, len(made.without_block))
        multipliers, shape, serves = _verdict(errors, shrink, first, day, "weather_", weather_metrics)
        weather_days.append(WeatherDayParts(made.coefficients, made.effects, multipliers, shape, serves))
    return LaterDays(tuple(later), metrics, tuple(weather_days), weather_metrics)


def _verdict(
    errors: "_Errors", shrink: float, first: FirstDay, day: int, prefix: str, metrics: dict[str, float]
) -> tuple[NDArray[np.float32], NDArray[np.float32], bool]:
    """Band and shape of a day, and whether its member is better than all that it is compared with; metrics grow."""
    days = first.days if day <= LAST_CORRECTED_DAY else first.all_days
    ratio = errors.ratio * shrink
    multipliers = band_multipliers(ratio, errors.lead, errors.hour, days=days)
    shape = quantile_shape(ratio, errors.lead, errors.hour, multipliers)
    if not errors.measured:
        return multipliers, shape, False
    wape, other_wape, better = errors.against_others()
    other = "without" if prefix else "naive"
    metrics |= {f"day_{day}_{prefix}held_out_wape": wape, f"day_{day}_{prefix}held_out_wape_{other}": other_wape}
    return multipliers, shape, better


@dataclass(frozen=True)
class _DayFit:
    """The member of a day.

    Attributes:
        linear: the fit.
        label: of each block of time, its place in `linear.without_block`; -1 where the block has no row of the day.
        shrink: how much smaller the errors of the release are than those of fits without a block.
    """

    linear: LinearFit
    label: NDArray[np.int64]
    shrink: float

    def without(self, block: int) -> NDArray[np.float32]:
        """Coefficients that have not seen a block."""
        label = self.label[block]
        return self.linear.coefficients if label < 0 else self.linear.without_block[label]


def _fit_day(
    history: History,
    first: FirstDay,
    day: int,
    settings: ModelSettings,
    seed: int,
    parts: Parts,
) -> _DayFit | None:
    rows = rows_of_day(history, first.rows, day)
    blocks, block = np.unique(rows.block, return_inverse=True)
    if len(blocks) < LEAST_BLOCKS:
        return None
    linear = fit_linear(
        history,
        Rows(rows.series, rows.origin, rows.hour, block),
        settings.linear,
        screened=settings.screen,
        rng=np.random.default_rng([seed, day]),
        parts=parts,
        day=day,
        annual=first.linear.annual,
        weather=None if first.weather is None else first.weather.prior,
    )
    label = np.full(len(first.linear.without_block), -1)
    label[blocks] = np.arange(len(blocks))
    return _DayFit(linear, label, shrink_of_all_rows(linear.optimism, len(blocks)))


@dataclass
class _Errors:
    """Errors of a day on hours that nothing was fitted on."""

    parts: list[tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=list)
    sums: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def add(
        self,
        series: NDArray[np.int64],
        hour: int,
        actual: NDArray[np.float64],
        forecasts: Mapping[str, NDArray[np.float64]],
        unit: NDArray[np.float64],
        count: int,
    ) -> None:
        """Add the rows of one origin.

        Args:
            series: int64 [n].
            hour: of the day at the origin, local.
            actual: float64 [n, 24], NaN where not known.
            forecasts: of the model, by name `model`, and of the naives; float64 [n, 24] in the unit of the series.
            unit: float64 [n, 24], the spread of the model in the unit of the series; NaN where it has none.
            count: number of all series.
        """
        known = np.isfinite(actual) & np.isfinite(unit)
        ratio = ((actual - forecasts["model"]) / unit)[known]
        lead = np.broadcast_to(np.arange(1, DAY_LEADS + 1), actual.shape)[known]
        self.parts.append((ratio, lead, np.full(len(ratio), hour, np.int64)))
        for name, made in {**forecasts, "actual": np.zeros_like(actual)}.items():
            missed = np.where(known, np.abs(actual - made), 0.0).sum(axis=1)
            total = self.sums.setdefault(name, np.zeros(count))
            np.add.at(total, series, np.nan_to_num(missed))

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Error / spread; [m]."""
        return np.concatenate([np.empty(0), *(part[0] for part in self.parts)])

    @property
    def lead(self) -> NDArray[np.int64]:
        """1 to 24, of the day; [m]."""
        return np.concatenate([np.empty(0, np.int64), *(part[1] for part in self.parts)])

    @property
    def hour(self) -> NDArray[np.int64]:
        """Local hour of the day at the origin; [m]."""
        return np.concatenate([np.empty(0, np.int64), *(part[2] for part in self.parts)])

    @property
    def measured(self) -> bool:
        """Whether there is anything to measure by: a series of zeros alone has no consumption."""
        return bool((self.sums.get("actual", np.zeros(1)) > 0).any())

    def against_others(self) -> tuple[float, float, bool]:
        """WAPE of the model, WAPE of the best of the others, and whether the model is better.

        Better is a matter of WAPE and of the mean of the series' own WAPE alike: the product of the two is compared.
        """
        actual = self.sums["actual"]
        live = actual > 0

        def judged(name: str) -> tuple[float, float]:
            missed = self.sums[name]
            wape = float(missed.sum() / actual.sum())
            return wape * float(np.mean(missed[live] / actual[live])), wape

        model, wape = judged("model")
        other, other_wape = min(judged(name) for name in self.sums if name not in {"model", "actual"})
        return wape, other_wape, model < other


class _WeatherJudge:
    """Errors of the later days' members that know the weather, by the same rows as those of the members without.

    Attributes:
        errors: by day, for the days that the weather reaches; compared with the member without and with the naives.
    """

    def __init__(self, history: History, first: WeatherFirstDay, fits: "Mapping[int, _DayFit]") -> None:
        self._first, self._count = first, len(history.series_ids)
        self._members: dict[int, UnseeingWeatherMembers] = {}
        for day, fit in fits.items():
            if fit.linear.weather is None:
                break
            self._members[day] = UnseeingWeatherMembers(
                history, fit.linear.weather, first.prior, annual=fit.linear.annual, day=day, label=fit.label
            )
        self.errors = {day: _Errors() for day in self._members}
        self._spread: NDArray[np.float64] = np.empty((0, DAY_LEADS))

    def add(
        self,
        day: int,
        rows: Rows,
        state: SeriesState,
        calendar: Calendar,
        outlook: LinearOutlook,
        actual: NDArray[np.float64],
        others: Mapping[str, NDArray[np.float64]] | None,
    ) -> None:
        """Forecast the rows of one origin without having seen their block; days come in ascending order.

        Args:
            day: of the horizon.
            rows: of n series.
            state: of theirs.
            calendar: of their source.
            outlook: of the member of day 1 without weather.
            actual: float64 [n, 24].
            others: forecasts to compare with, float64 [n, 24] in the unit of the series; None where only the spread is
                needed, for later days.
        """
        if day not in self._members:
            return
        linear, features, covered = self._members[day].at(rows, state, calendar, outlook)
        block = int(rows.block[0])
        if day <= LAST_CORRECTED_DAY:
            self._spread = spread_of(self._first.spread, features)
            if block in self._first.corrections:
                linear = linear + self._first.corrections[block].predict(rows_of(features)).reshape(linear.shape)
        if others is None:
            return
        scale = np.where(state.scale > 0, state.scale, np.nan)[:, None]
        forecasts = {**others, "model": np.asarray((linear.astype(np.float64) + 1.0) * scale)}
        unit = np.where(covered, self._spread * scale, np.nan)
        self.errors[day].add(rows.series, int(rows.hour[0]), actual, forecasts, unit, self._count)


def _judge(
    history: History,
    first: FirstDay,
    fits: Mapping[int, _DayFit],
    settings: ModelSettings,
    seed: int,
    weather: _WeatherJudge | None,
) -> dict[int, _Errors]:
    """Forecast drawn rows without having seen them, and collect the errors of each day.

    Days that are corrected by the trees are judged on the blocks whose corrections have not seen them, the newest year;
    the others on all: errors of far days last for weeks, and a year holds few of them.
    """
    errors = {day: _Errors() for day in fits}
    recent = np.isin(first.rows.block, list(first.corrections))
    settled = first.rows.origin >= first.since
    for place, (rows, corrected) in enumerate(((recent, True), (settled, False))):
        wanted = {day: errors[day] for day in fits if (day <= LAST_CORRECTED_DAY) is corrected}
        if wanted and rows.any():
            drawn = draw(first.rows.take(np.flatnonzero(rows)), JUDGED_ROWS, np.random.default_rng([seed, 0, place]))
            _collect(history, drawn, first, fits, settings, wanted, weather)
    return errors


def _collect(
    history: History,
    drawn: Rows,
    first: FirstDay,
    fits: Mapping[int, _DayFit],
    settings: ModelSettings,
    errors: Mapping[int, _Errors],
    weather: _WeatherJudge | None,
) -> None:
    members = UnseeingMembers(first.rows, first.linear)
    # later days take their spread from the last corrected one
    needed = sorted({*errors, *(day for day in fits if day <= LAST_CORRECTED_DAY)})
    days: dict[int, LinearDay] = {}
    current = -1
    for rows, state in by_origin(history, drawn, screened=settings.screen):
        block, origin = int(rows.block[0]), int(rows.origin[0])
        calendar = history.calendars[history.calendar_of[rows.series[0]]]
        if block != current:
            current = block
            days = {day: LinearDay(fits[day].without(block), annual=fits[day].linear.annual, day=day) for day in needed}
        outlook = members.outlook(state, calendar, origin, block)
        scale = np.where(state.scale > 0, state.scale, np.nan)[:, None]
        spread: NDArray[np.float64] = np.empty((len(rows), DAY_LEADS))
        for day, member in days.items():
            linear = member.forecast(state, calendar, origin)
            actual = history.targets(rows.series, rows.origin, day=day)
            if day <= LAST_CORRECTED_DAY:
                features = day_features(state, linear, outlook, calendar, origin, day).reshape(-1, len(TREE_FEATURES))
                spread = (usual_error(features) * np.exp(first.spread.predict(features))).reshape(linear.shape)
                if day not in errors:
                    if weather is not None:
                        weather.add(day, rows, state, calendar, outlook, actual, None)
                    continue
                linear = linear + first.corrections[block].predict(features).reshape(linear.shape)
            forecasts: dict[str, NDArray[np.float64]] = dict(
                _naives(state.values, state.observed, state.history_h, day)
            )
            forecasts["model"] = np.asarray((linear.astype(np.float64) + 1.0) * scale)
            errors[day].add(
                rows.series,
                int(rows.hour[0]),
                actual,
                forecasts,
                spread * scale,
                len(history.series_ids),
            )
            if weather is not None:
                forecasts["without"] = forecasts.pop("model")
                weather.add(day, rows, state, calendar, outlook, actual, forecasts)


def _naives(
    values: NDArray[np.float64], observed: NDArray[np.bool_], history_h: NDArray[np.int64], day: int
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    yield "daily", daily_naive(values, day)
    yield "weekly", weekly_naive(values, day)
    yield "profile", later_profile(values, observed, history_h, day).p50
