"""Fit of the linear member: Gram matrices per hour of the day and block of time, ridge, robust passes.

With the Gram matrices of blocks of time at hand, leaving a block out is a subtraction: the penalty, and from how far
around the clock an hour of the day learns, are chosen by leave-one-block-out without touching the data again, and the
out-of-block coefficients come for free.

The ridge is an adaptive one: a plain ridge says first what each feature is worth to all hours of the day and all leads
together, and then a feature is held back by the inverse of that. Source: Hoerl and Kennard, Ridge regression, 1970
(generalized ridge); Zou, The adaptive lasso and its oracle properties, 2006 (weights from a first fit).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from dayahead.features.weather import ResponsePrior
from dayahead.horizon import DAY_LEADS
from dayahead.models.fitting.examples import CHUNK_ROWS, Rows
from dayahead.models.fitting.linear_table import HOURS, LinearTable
from dayahead.models.fitting.parts import ALONE, Parts
from dayahead.models.fitting.weather_linear import WeatherLinearFit, fit_weather_linear
from dayahead.models.history import History
from dayahead.models.settings import LinearSettings

NEIGHBOURS: tuple[tuple[float, ...], ...] = ((), (0.2,), (0.5, 0.25))
"""Ways to learn from neighbour hours: weights of the rows of an hour of the day that lies one, two … hours off."""

FIRST_PENALTY = 0.03
"""Of the plain ridge that says what the features are worth."""

FARTHEST_WORTH = 300.0
"""A feature is held back at most so many times more or less than the usual one."""

HARDLY_WORSE = 1.01
"""Times the least error on blocks left out, up to which a larger penalty is preferred."""


@dataclass(frozen=True)
class LinearFit:
    """Coefficients of the linear member.

    Attributes:
        coefficients: float32 [24, features, 24], from all rows.
        without_block: float32 [blocks, 24, features, 24], each from all rows but those of one block.
        penalty: the ridge penalty that was chosen.
        neighbours: weights of the rows of hours of the day one, two … hours off.
        optimism: root mean square error at the day's last lead on blocks left out, divided by that in sample.
        annual: whether the season is among the features.
        weather: the member that knows the weather; None without weather.
    """

    coefficients: NDArray[np.float32]
    without_block: NDArray[np.float32]
    penalty: float
    neighbours: tuple[float, ...]
    optimism: float
    annual: bool
    weather: WeatherLinearFit | None = None


def fit_linear(
    history: History,
    rows: Rows,
    settings: LinearSettings,
    *,
    screened: bool,
    rng: np.random.Generator,
    parts: Parts = ALONE,
    day: int = 1,
    annual: bool | None = None,
    weather: ResponsePrior | None = None,
) -> LinearFit:
    """Fit the linear member of a day of the horizon on rows of a history.

    Args:
        history: what the rows point into.
        rows: origins to learn from; more than `max_rows` are thinned at random.
        settings: penalties, blocks, passes.
        screened: whether implausible values are set aside.
        rng: for thinning.
        parts: computes the solutions.
        day: of the horizon.
        annual: whether the season is among the features; left out, where the rows span enough days.
        weather: response of a series before its window says more, to fit the member that knows the weather too. It
            changes nothing of the one that does not.
    """
    if len(rows) > settings.max_rows:
        rows = rows.take(np.sort(rng.choice(len(rows), settings.max_rows, replace=False)))
    if annual is None:
        annual = int(rows.origin.max() - rows.origin.min()) >= settings.annual_from_days * 24
    table = LinearTable.read(history, rows, settings, annual=annual, screened=screened, day=day, weather=weather)
    weight = table.weight
    grams = _grams(table, weight)
    few = grams.rows.sum() < settings.rows_per_feature * table.features.shape[1] * HOURS
    solution = _solve(grams, NEIGHBOURS if few else ((),), settings.penalties, parts)
    for _ in range(settings.passes - 1):
        miss, predicted = table.misses(solution.coefficients)
        table.impute(predicted)
        miss = miss * np.sqrt(weight)
        usual = np.median(miss)
        weight = weight * np.minimum(1.0, settings.robust_share * usual / np.maximum(miss, 1e-12)).astype(np.float32)
        grams = _grams(table, weight)
        solution = _solve(grams, (solution.neighbours,), settings.penalties, parts)
    return LinearFit(
        solution.coefficients.astype(np.float32),
        solution.without_block.astype(np.float32),
        solution.penalty,
        solution.neighbours,
        _optimism(grams, solution),
        annual,
        fit_weather_linear(table, solution.penalty, solution.holds, solution.neighbours, settings, parts)
        if table.weather is not None
        else None,
    )


@dataclass(frozen=True)
class _Grams:
    """Weighted products per hour of the day and block: X'X, X'Y, Y'Y (diagonal), and the rows behind them."""

    xx: NDArray[np.float64]
    xy: NDArray[np.float64]
    yy: NDArray[np.float64]
    rows: NDArray[np.float64]


def _grams(table: LinearTable, weight: NDArray[np.float32]) -> _Grams:
    width = table.features.shape[1]
    blocks = (len(table.bounds) - 1) // HOURS
    shape = (HOURS, blocks)
    grams = _Grams(
        np.zeros((*shape, width, width)),
        np.zeros((*shape, width, DAY_LEADS)),
        np.zeros((*shape, DAY_LEADS)),
        np.zeros(shape),
    )
    for number in range(HOURS * blocks):
        place = divmod(number, blocks)
        for start in range(table.bounds[number], table.bounds[number + 1], CHUNK_ROWS):
            part = slice(start, min(start + CHUNK_ROWS, table.bounds[number + 1]))
            root = np.sqrt(weight[part])[:, None]
            # In double: sums of lags are among the features, and a rounded Gram matrix would not be definite.
            x = (table.features[part] * root).astype(np.float64)
            y = (table.target[part] * root).astype(np.float64)
            grams.xx[place] += x.T @ x
            grams.xy[place] += x.T @ y
            grams.yy[place] += np.sum(y * y, axis=0)
        grams.rows[place] = table.bounds[number + 1] - table.bounds[number]
    return grams


def _pool(grams: _Grams, neighbours: tuple[float, ...]) -> _Grams:
    """Let the hours of the day learn from their neighbours."""
    if not neighbours:
        return grams

    def pooled(array: NDArray[np.float64]) -> NDArray[np.float64]:
        total = array.copy()
        for distance, weight in enumerate(neighbours, start=1):
            for shift in (distance, -distance):
                total += weight * np.roll(array, shift, axis=0)
        return total

    return _Grams(pooled(grams.xx), pooled(grams.xy), pooled(grams.yy), pooled(grams.rows))


@dataclass(frozen=True)
class _Solution:
    coefficients: NDArray[np.float64]
    without_block: NDArray[np.float64]
    penalty: float
    neighbours: tuple[float, ...]
    holds: NDArray[np.float64]


@dataclass(frozen=True)
class _Sums:
    """Gram matrices of all rows, what is taken off them for a block left out, and how each feature is held back."""

    xx: NDArray[np.float64]
    xy: NDArray[np.float64]
    less_xx: NDArray[np.float64]
    less_xy: NDArray[np.float64]
    holds: NDArray[np.float64]

    @classmethod
    def of(cls, grams: _Grams) -> list["_Sums"]:
        """Without each block, and then with all."""
        xx, xy = grams.xx.sum(axis=1), grams.xy.sum(axis=1)
        blocks = range(grams.xx.shape[1])
        less = [(grams.xx[:, block], grams.xy[:, block]) for block in blocks]
        less.append((np.zeros((HOURS, 1, 1)), np.zeros((HOURS, 1, 1))))
        even = np.ones(xx.shape[-1])
        plain = (cls(xx, xy, *one, even).coefficients(FIRST_PENALTY) for one in less)
        return [cls(xx, xy, *one, _holds(first)) for one, first in zip(less, plain, strict=True)]

    def coefficients(self, penalty: float) -> NDArray[np.float64]:
        """Generalized ridge for each hour of the day; [24, features, 24]."""
        parts = zip(self.xx, self.xy, self.less_xx, self.less_xy, strict=True)
        return np.stack(
            [_ridge(xx - less_xx, xy - less_xy, penalty * self.holds) for xx, xy, less_xx, less_xy in parts]
        )


def _holds(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much more than the usual feature each one is held back, from coefficients of a plain ridge; [features]."""
    worth = np.square(coefficients).mean(axis=(0, 2))
    share = worth / max(float(np.median(worth)), 1e-30)
    return np.asarray(1 / np.clip(share, 1 / FARTHEST_WORTH, FARTHEST_WORTH))


def _solve(
    grams: _Grams, ways: Sequence[tuple[float, ...]], penalties: Sequence[float], parts: Parts = ALONE
) -> _Solution:
    """Ridge for every way to learn from neighbours and every penalty; what forecasts left-out blocks best.

    Whatever an hour of the day learns from, it is judged on its own rows. Of the penalties the largest is taken that is
    hardly worse than the best: a block left out has known hours on both sides, the future has not.
    """
    pooled = dict(zip(ways, parts.each(lambda way: _Sums.of(_pool(grams, way)), ways), strict=True))
    tries = list(product(ways, penalties))
    losses = parts.each(lambda one: _loss(grams, _without_block(pooled[one[0]][:-1], one[1])), tries)
    tried = dict(zip(tries, losses, strict=True))
    (way, _), least = min(tried.items(), key=lambda one: one[1])
    penalty = max(one for where, one in tried if where == way and tried[where, one] <= HARDLY_WORSE * least)
    *without, whole = pooled[way]
    holds = np.stack([one.holds for one in pooled[way]])
    return _Solution(whole.coefficients(penalty), _without_block(without, penalty), penalty, way, holds)


def _without_block(sums: list[_Sums], penalty: float) -> NDArray[np.float64]:
    """Coefficients without each block; [blocks, 24, features, 24]."""
    return np.stack([one.coefficients(penalty) for one in sums])


def _loss(grams: _Grams, without: NDArray[np.float64]) -> float:
    """Weighted squared error on the blocks left out."""
    blocks, hours = without.shape[:2]
    places = product(range(hours), range(blocks))
    return sum(float(_squared_errors(grams, hour, block, without[block, hour]).sum()) for hour, block in places)


def _squared_errors(grams: _Grams, hour: int, block: int, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted sum of squared errors of coefficients on the rows of an hour of the day and a block; [24] by lead."""
    cross = np.sum(coefficients * grams.xy[hour, block], axis=0)
    square = np.sum(coefficients * (grams.xx[hour, block] @ coefficients), axis=0)
    found: NDArray[np.float64] = grams.yy[hour, block] - 2 * cross + square
    return found


def _optimism(grams: _Grams, solution: _Solution) -> float:
    """How much larger 24-hour errors are on blocks left out than in sample; at least 1."""
    hours, blocks = grams.xx.shape[:2]
    places = list(product(range(hours), range(blocks)))
    seen = sum(float(_squared_errors(grams, *place, solution.coefficients[place[0]])[-1]) for place in places)
    unseen = sum(
        float(_squared_errors(grams, hour, block, solution.without_block[block, hour])[-1]) for hour, block in places
    )
    return float(np.sqrt(max(unseen / seen, 1.0))) if seen > 0 else 1.0


def _ridge(xx: NDArray[np.float64], xy: NDArray[np.float64], penalties: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(cho_solve(cho_factor(xx + np.diag(penalties)), xy))
