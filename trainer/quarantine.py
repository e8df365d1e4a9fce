"""Excludes observed values from training, by explicit rules, each with the numbers that decided.

The rules are conservative: the fit is robust to outliers, so only values that can hardly be measurements are excluded,
and a rule that would exclude too many values of a series is not applied to it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import ABSURD_MAGNITUDE
from dayahead.hours import Hour
from dayahead.source import Source
from dayahead.storage.tables.series import RegisteredSeries
from dayahead.storage.tables.training_quarantine import QuarantinedRange
from trainer.settings import QuarantineSettings

DAY = 24
WEEK = 168
TINY = 1e-12

USUAL_STEPS = 0.99
"""Quantile of the changes at an hour of the day up to which a change is usual."""

STEEPER = 1.25
"""Factor of the largest usual change up to which a change to zero is usual."""

IMPOSSIBLE_VALUE = "impossible_value"
IMPLAUSIBLE_ZERO = "implausible_zero"
STUCK_METER = "stuck_meter"
SPIKE = "spike"
LEVEL_BREAK = "level_break"
RULES = {
    IMPOSSIBLE_VALUE: "outside the limits of the source, or beyond any meter",
    IMPLAUSIBLE_ZERO: "exactly 0 in a series that is never near 0: a lost reading",
    STUCK_METER: "the same value for many hours in a series that otherwise changes",
    SPIKE: "far from the same hour of the days and weeks before and after",
    LEVEL_BREAK: "before a permanent change of level",
}


@dataclass(frozen=True)
class Run:
    """Columns of one series that a rule excludes.

    Attributes:
        first: first column.
        last: column after the last.
        rule: the rule.
        reason: why, in a sentence with numbers.
    """

    first: int
    last: int
    rule: str
    reason: str


@dataclass(frozen=True)
class Cleaned:
    """The remaining training data, and what was excluded.

    Attributes:
        values: float64 [n, hours], NaN where missing or excluded.
        ranges: what was excluded.
    """

    values: NDArray[np.float64]
    ranges: list[QuarantinedRange]


def clean(
    values: NDArray[np.float64],
    start: Hour,
    series: list[RegisteredSeries],
    source: Source,
    settings: QuarantineSettings,
) -> Cleaned:
    """Exclude values from training. Each rule is applied to the result of the one before.

    Args:
        values: float64 [n, hours] in the unit of the series, NaN where missing; it is not changed.
        start: hour of column 0.
        series: the n series.
        source: of the series; gives the plausible limits.
        settings: the thresholds.
    """
    cleaned = values.copy()
    ranges: list[QuarantinedRange] = []
    for row, member in zip(cleaned, series, strict=True):
        for run in _judge(row, source, settings):
            known = np.isfinite(row[run.first : run.last])
            row[run.first : run.last] = np.nan
            ranges.append(
                QuarantinedRange(
                    member.series_key,
                    member.series_id,
                    start + run.first,
                    start + run.last,
                    run.rule,
                    int(known.sum()),
                    run.reason,
                )
            )
    return Cleaned(cleaned, ranges)


def _judge(row: NDArray[np.float64], source: Source, settings: QuarantineSettings) -> Iterator[Run]:
    yield from impossible_values(row, source)
    yield from implausible_zeros(row, settings)
    yield from stuck_meters(row, settings)
    yield from spikes(row, settings)
    yield from level_breaks(row, settings)


def impossible_values(row: NDArray[np.float64], source: Source) -> list[Run]:
    """Values outside the source's limits, or beyond what any hour of any series can be."""
    low = -ABSURD_MAGNITUDE if source.minimum is None else source.minimum
    high = ABSURD_MAGNITUDE if source.maximum is None else source.maximum
    with np.errstate(invalid="ignore"):
        wrong = (row < low) | (row > high) | np.isinf(row)
    return [
        Run(
            first,
            last,
            IMPOSSIBLE_VALUE,
            f"{row[first]:.6g} {source.unit} at first is outside {low:.6g} to {high:.6g}, which source {source.name} "
            "allows",
        )
        for first, last in runs_of(wrong)
    ]


def implausible_zeros(row: NDArray[np.float64], settings: QuarantineSettings) -> list[Run]:
    """Zeros in a series with hardly any zero, whose lowest other values are far from 0, and that are reached by a jump.

    A zero is no jump if the changes to and from it are no larger than usual at that hour of the day, such as
    net load at noon, which solar power brings to 0 on a few days of spring. Zeros for days are a closure.
    """
    zeros = row == 0
    others = np.abs(row[np.isfinite(row) & ~zeros])
    share = float(zeros.sum()) / max(1, len(others))
    if not zeros.any() or share > settings.usual_zeros:
        return []
    low, middle = (float(part) for part in np.quantile(others, [0.01, 0.5]))
    if low < settings.zero_distance * middle:
        return []
    return [
        Run(
            first,
            last,
            IMPLAUSIBLE_ZERO,
            f"0 in a series that is above {low:.4g} in 99 % of its other hours",
        )
        for first, last in _sudden_zeros(row, zeros)
        if last - first <= settings.zeros_longest_h
    ]


def _sudden_zeros(row: NDArray[np.float64], zeros: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of zeros that differ from the hour before or after by more than the usual change at that hour of the day."""
    step = np.abs(np.diff(np.where(zeros, np.nan, row), prepend=np.nan))
    hour = np.arange(len(row)) % DAY
    usual = np.full(DAY, -1.0)
    for one in range(DAY):
        off = np.abs(hour - one)
        near = step[np.minimum(off, DAY - off) <= 1]  # one hour of tolerance for clock changes
        near = near[np.isfinite(near)]
        if len(near):
            usual[one] = STEEPER * np.quantile(near, USUAL_STEPS)

    def sudden(first: int, last: int) -> bool:
        into = abs(row[first - 1]) if first > 0 else np.nan
        out_of = abs(row[last]) if last < len(row) else np.nan
        led = [bool(gap <= usual[at % DAY]) for gap, at in ((into, first), (out_of, last)) if np.isfinite(gap)]
        return not led or not all(led)

    return [run for run in runs_of(zeros) if sudden(*run)]


def stuck_meters(row: NDArray[np.float64], settings: QuarantineSettings) -> list[Run]:
    """Long runs of one value. The first hour of a run is kept: it may have been measured.

    A still longer run is accepted, of zeros sooner: so does the worker (dayahead/features/stuck.py), and a
    load that is now constant, or has ended, must be forecast and judged.
    """
    with np.errstate(invalid="ignore"):
        repeats = np.zeros(len(row), bool)
        repeats[1:] = row[1:] == row[:-1]
    long_runs = [run for run in runs_of(repeats) if run[1] - run[0] >= settings.stuck_h - 1]
    if not long_runs:
        return []
    elsewhere = np.isfinite(row)
    for first, last in long_runs:
        elsewhere[first - 1 : last] = False
    at_fault = [
        (first, last)
        for first, last in long_runs
        if last - first < (settings.stuck_longest_h if row[first] else settings.zeros_longest_h)
    ]
    usual = float(repeats[elsewhere].mean()) if elsewhere.any() else 1.0
    if usual > settings.usual_repeats:
        return []
    return [
        Run(
            first,
            last,
            STUCK_METER,
            f"{row[first]:.6g} for {last - first + 1} hours in a row, where {usual:.1%} of the other hours repeat the "
            "hour before",
        )
        for first, last in at_fault
    ]


def spikes(row: NDArray[np.float64], settings: QuarantineSettings) -> list[Run]:
    """Values that differ from every neighbour: the same hour a day and a week before and after.

    A change that lasts more than a day has a similar neighbour and is accepted.
    """
    if np.isfinite(row).sum() < 2 * WEEK:
        return []
    distance = np.full(len(row), np.nan)
    for lag in (DAY, WEEK):
        gap = np.abs(row[lag:] - row[:-lag])
        distance[lag:] = np.fmin(distance[lag:], gap)
        distance[:-lag] = np.fmin(distance[:-lag], gap)
    day_change = np.abs(row[DAY:] - row[:-DAY])
    day_change = day_change[np.isfinite(day_change)]
    if not len(day_change):
        return []
    # The mean, so that the limit is high for a series that often jumps; its spikes must not raise it.
    usual = float(np.minimum(day_change, np.quantile(day_change, 0.98)).mean())
    magnitude = float(np.nanmedian(np.abs(row)))
    threshold = max(settings.spike_factor * usual, settings.spike_floor * magnitude, TINY)
    with np.errstate(invalid="ignore"):
        wrong = distance > threshold
    if wrong.sum() > settings.most_spikes * np.isfinite(row).sum():
        return []
    return [
        Run(
            first,
            last,
            SPIKE,
            f"{row[first]:.6g} at first is {distance[first]:.4g} away from the same hour of the days and weeks around "
            f"it; usual is {usual:.4g}, the limit {threshold:.4g}",
        )
        for first, last in runs_of(wrong)
    ]


def level_breaks(row: NDArray[np.float64], settings: QuarantineSettings) -> list[Run]:
    """Everything before the newest permanent change of level: another meter, or other consumers.

    Exact zeros are no level but a rest (closed, or out of season), after which the level from before may return.
    """
    days = len(row) // DAY
    side = settings.level_days
    if days < 2 * side:
        return []
    offset = len(row) - days * DAY  # whole days, counted from the newest hour
    by_day = row[offset:].reshape(days, DAY)
    known = np.isfinite(by_day).sum(axis=1)
    level = np.where(known >= DAY // 2, np.nansum(by_day, axis=1) / np.maximum(known, 1), np.nan)
    for day in range(days - side, side - 1, -1):
        before, after = level[day - side : day], level[day : day + side]
        if np.isnan(before).sum() > side // 2 or np.isnan(after).sum() > side // 2:
            continue
        low, high = sorted((np.nanmedian(before), np.nanmedian(after)))
        if low <= 0 or high < TINY or high < settings.level_factor * low:
            continue
        # The sides are separate: no day of one is nearer to the other.
        middle = (low + high) / 2
        rises = np.nanmedian(after) > np.nanmedian(before)
        upper, lower = (after, before) if rises else (before, after)
        if np.nanmin(upper) > middle > np.nanmax(lower):
            column = offset + day * DAY
            return [
                Run(
                    0,
                    column,
                    LEVEL_BREAK,
                    f"a day's mean went from {np.nanmedian(before):.4g} to {np.nanmedian(after):.4g} and stayed for "
                    f"{side} days",
                )
            ]
    return []


def runs_of(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs of True as (first, after the last)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]
