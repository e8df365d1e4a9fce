"""Fit of the linear member that knows the weather: one ridge of the usual features and the weather's of each lead.

The usual features are the same for all leads, those of the weather belong to one lead each. So the equations of an hour
of the day are solved in blocks: once for the usual features with everything that stands on their right, and then for
each lead alone, a system of 18. Correcting the member without weather in a second stage is worse: it has already
guessed the weather from the load, and that guess must be taken back.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from dayahead.features.weather import WEATHER_FEATURES
from dayahead.horizon import DAY_LEADS
from dayahead.models.fitting.examples import CHUNK_ROWS
from dayahead.models.fitting.linear_table import HOURS, LinearTable
from dayahead.models.fitting.parts import Parts
from dayahead.models.settings import LinearSettings

PENALTIES = (0.03, 0.3, 3.0, 30.0)
"""Of the weather's coefficients, for rows of mean weight 1; a block of time left out chooses."""

FACTORS = (1.0, 4.0)
"""Times the penalty of the usual features that the member without weather has chosen: with the weather among the
features, less is left for them to learn."""

CASES = tuple(product(FACTORS, PENALTIES))
"""What is tried on blocks of time left out: factor and penalty."""

FIRST_PENALTY = 0.3
"""Of the passes before the last one."""

LEAST_COVERED_SHARE = 0.25
"""Share of the rows that the weather must reach at each lead of a day, or the day has no such member."""

WIDTH = len(WEATHER_FEATURES)


@dataclass(frozen=True)
class WeatherLinearFit:
    """Coefficients of the linear member that knows the weather.

    Attributes:
        coefficients: float32 [24, features, 24], of the usual features, from all rows.
        effects: float32 [24, 24, 18], of the weather's, by hour of the day and lead.
        without_block: float32 [blocks, 24, features, 24], each from all rows but those of one block.
        effects_without_block: float32 [blocks, 24, 24, 18].
        penalty: of the effects, that was chosen.
        optimism: root mean square error at the day's last lead on blocks left out, divided by that in sample.
    """

    coefficients: NDArray[np.float32]
    effects: NDArray[np.float32]
    without_block: NDArray[np.float32]
    effects_without_block: NDArray[np.float32]
    penalty: float
    optimism: float


def fit_weather_linear(
    table: LinearTable,
    penalty: float,
    holds: NDArray[np.float64],
    neighbours: tuple[float, ...],
    settings: LinearSettings,
    parts: Parts,
) -> WeatherLinearFit | None:
    """Fit the member on a table with weather; None where the weather reaches too few of its rows.

    Args:
        table: rows with their weather; its targets are not changed.
        penalty: of the usual features, that the member without weather has chosen.
        holds: float64 [blocks + 1, features], how each feature is held back: without each block, and with all.
        neighbours: weights of the rows of hours of the day one, two … hours off.
        settings: of the passes.
        parts: computes the hours of the day.
    """
    if table.weather is None:
        raise ValueError("the table has no weather")
    covered = table.weather.covered
    if len(covered) == 0 or (covered.mean(axis=0) < LEAST_COVERED_SHARE).any():
        return None
    work = _Work(table, ~covered | table.missing, penalty, holds, neighbours)
    for _ in range(settings.passes - 1):
        for hour, made in enumerate(parts.each(work.whole, range(HOURS))):
            work.take_in(hour, made)
        work.lower_weights(settings.robust_share)
    tried = list(parts.each(work.tried, range(HOURS)))
    losses = np.sum([one.losses for one in tried], axis=0)
    best = int(losses.argmin())
    unseen, seen = (np.sum([getattr(one, name)[best] for one in tried]) for name in ("unseen", "seen"))
    weights = np.stack([one.weights[best] for one in tried], axis=1)
    effects = np.stack([one.effects[best] for one in tried], axis=1)
    return WeatherLinearFit(
        weights[-1],
        effects[-1],
        weights[:-1],
        effects[:-1],
        CASES[best][1],
        float(np.sqrt(max(unseen / seen, 1.0))) if seen > 0 else 1.0,
    )


@dataclass(frozen=True)
class _Sums:
    """Weighted products of some rows: X the usual features, F the weather's of each lead, Y the targets.

    Attributes:
        xx: float64 [p, p].
        xf: float64 [p, 24, 18].
        xy: float64 [p, 24].
        ff: float64 [24, 18, 18].
        fy: float64 [24, 18].
        yy: float64 [24], of each lead with itself.
    """

    xx: NDArray[np.float64]
    xf: NDArray[np.float64]
    xy: NDArray[np.float64]
    ff: NDArray[np.float64]
    fy: NDArray[np.float64]
    yy: NDArray[np.float64]

    def plus(self, other: "_Sums", times: float) -> "_Sums":
        """Add the products of other rows, weighted."""
        return _Sums(*(mine + times * theirs for mine, theirs in zip(self, other, strict=True)))

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        return iter((self.xx, self.xf, self.xy, self.ff, self.fy, self.yy))

    def solve(
        self, penalties: NDArray[np.float64], tried: tuple[float, ...]
    ) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Coefficients of X, [p, 24], and of F, [24, 18], for each penalty of F.

        Args:
            penalties: float64 [p], of X.
            tried: of F.
        """
        width = len(self.xx)
        right = np.concatenate([self.xy, self.xf.reshape(width, -1)], axis=1)
        solved = cho_solve(cho_factor(self.xx + np.diag(penalties)), right)
        plain, taken = solved[:, :DAY_LEADS], solved[:, DAY_LEADS:].reshape(width, DAY_LEADS, WIDTH)
        by_lead = self.xf.transpose(1, 2, 0)
        left = self.ff - by_lead @ taken.transpose(1, 0, 2)
        known = self.fy - (by_lead @ plain.T[:, :, None])[..., 0]
        found = []
        for penalty in tried:
            effects = np.linalg.solve(left + penalty * np.eye(WIDTH), known[..., None])[..., 0]
            found.append((plain - (taken * effects).sum(axis=2), effects))
        return found

    def squared_errors(self, weights: NDArray[np.float64], effects: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted sum of squared errors by lead, [24]."""
        cross = np.sum(weights * self.xy, axis=0) + np.sum(effects * self.fy, axis=1)
        both = np.sum(weights * (self.xf * effects).sum(axis=2), axis=0)
        square = np.sum(weights * (self.xx @ weights), axis=0) + 2 * both
        square += (effects[:, None, :] @ self.ff @ effects[:, :, None])[:, 0, 0]
        found: NDArray[np.float64] = self.yy - 2 * cross + square
        return found


@dataclass(frozen=True)
class _Tried:
    """What an hour of the day gives for each case.

    Attributes:
        losses: float64 [cases], weighted squared error on blocks left out.
        unseen: float64 [cases], that of the last lead.
        seen: float64 [cases], that of the last lead in sample.
        weights: float32 [cases, blocks + 1, features, 24]; the last one is from all rows.
        effects: float32 [cases, blocks + 1, 24, 18].
    """

    losses: NDArray[np.float64]
    unseen: NDArray[np.float64]
    seen: NDArray[np.float64]
    weights: NDArray[np.float32]
    effects: NDArray[np.float32]


class _Work:
    """The rows with their weights and targets, which each pass changes."""

    def __init__(
        self,
        table: LinearTable,
        missing: NDArray[np.bool_],
        penalty: float,
        holds: NDArray[np.float64],
        neighbours: tuple[float, ...],
    ) -> None:
        self._table, self._missing = table, missing
        self._penalty, self._holds, self._neighbours = penalty, holds, neighbours
        self._target = np.where(missing, np.float32(0), table.target)
        weight = table.weight * (~missing).mean(axis=1, dtype=np.float32)
        self._weight = weight / max(float(weight[weight > 0].mean()) if (weight > 0).any() else 1.0, 1e-30)
        self._predicted = np.empty_like(self._target)

    def whole(self, hour: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Coefficients of an hour of the day from all rows, for the first penalty."""
        total = self._total(self._sums_by_block(hour))
        return total.solve(self._penalty * self._holds[-1], (FIRST_PENALTY,))[0]

    def take_in(self, hour: int, made: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
        """Forecast the rows of an hour of the day."""
        weights, effects = (part.astype(np.float32) for part in made)
        part = self._table.of_hour(hour)
        for start in range(part.start, part.stop, CHUNK_ROWS):
            rows = slice(start, min(start + CHUNK_ROWS, part.stop))
            effect = (self._features(rows) * effects).sum(axis=2)
            self._predicted[rows] = self._table.features[rows] @ weights + effect

    def lower_weights(self, robust_share: float) -> None:
        """Let rows that were missed by much count for less, and hours without a target pull at nothing."""
        miss = np.abs(np.where(self._missing, 0.0, self._target - self._predicted)).sum(axis=1)
        miss = (miss / np.maximum((~self._missing).sum(axis=1), 1)).astype(np.float32) * np.sqrt(self._weight)
        self._target = np.where(self._missing, self._predicted, self._target)
        counted = self._weight > 0
        usual = np.median(miss[counted]) if counted.any() else 0.0
        self._weight = self._weight * np.minimum(1.0, robust_share * usual / np.maximum(miss, 1e-12)).astype(np.float32)

    def tried(self, hour: int) -> _Tried:
        """Coefficients of an hour of the day without each block and with all, and how well they do."""
        own = self._sums_of(hour)
        blocks = self._pooled(hour, own)
        total = self._total(blocks)
        left_out = [
            self._cases(total.plus(block, -1.0), holds) for block, holds in zip(blocks, self._holds[:-1], strict=True)
        ]
        whole = self._cases(total, self._holds[-1])
        count = len(CASES)
        losses, unseen, seen = np.zeros(count), np.zeros(count), np.zeros(count)
        for place in range(count):
            for block, solutions in zip(own, left_out, strict=True):
                errors = block.squared_errors(*solutions[place])
                losses[place] += errors.sum()
                unseen[place] += errors[-1]
                seen[place] += block.squared_errors(*whole[place])[-1]
        solved = [[*(solutions[place] for solutions in left_out), whole[place]] for place in range(count)]
        weights = np.array([[one[0] for one in row] for row in solved], np.float32)
        effects = np.array([[one[1] for one in row] for row in solved], np.float32)
        return _Tried(losses, unseen, seen, weights, effects)

    def _cases(self, sums: _Sums, holds: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Coefficients for every case."""
        return [made for factor in FACTORS for made in sums.solve(factor * self._penalty * holds, PENALTIES)]

    def _sums_by_block(self, hour: int) -> list[_Sums]:
        return self._pooled(hour, self._sums_of(hour))

    def _pooled(self, hour: int, own: list[_Sums]) -> list[_Sums]:
        """Let an hour of the day learn from its neighbours."""
        pooled = own
        for distance, weight in enumerate(self._neighbours, start=1):
            for near in (hour - distance, hour + distance):
                others = self._sums_of(near % HOURS)
                pooled = [mine.plus(theirs, weight) for mine, theirs in zip(pooled, others, strict=True)]
        return pooled

    @staticmethod
    def _total(blocks: list[_Sums]) -> _Sums:
        total = blocks[0]
        for block in blocks[1:]:
            total = total.plus(block, 1.0)
        return total

    def _sums_of(self, hour: int) -> list[_Sums]:
        """Products of the rows of an hour of the day, by block."""
        first = hour * self._table.blocks
        return [
            self._sums(*self._table.bounds[first + block : first + block + 2].tolist())
            for block in range(self._table.blocks)
        ]

    def _sums(self, begin: int, end: int) -> _Sums:
        width = self._table.features.shape[1]
        total = _Sums(
            np.zeros((width, width)),
            np.zeros((width, DAY_LEADS, WIDTH)),
            np.zeros((width, DAY_LEADS)),
            np.zeros((DAY_LEADS, WIDTH, WIDTH)),
            np.zeros((DAY_LEADS, WIDTH)),
            np.zeros(DAY_LEADS),
        )
        for start in range(begin, end, CHUNK_ROWS):
            rows = slice(start, min(start + CHUNK_ROWS, end))
            root = np.sqrt(self._weight[rows])
            x = (self._table.features[rows] * root[:, None]).astype(np.float64)
            y = (self._target[rows] * root[:, None]).astype(np.float64)
            f = (self._features(rows) * root[:, None, None]).astype(np.float64)
            by_lead = np.ascontiguousarray(f.transpose(1, 2, 0))
            total.xx[:] += x.T @ x
            total.xf[:] += (x.T @ f.reshape(len(f), -1)).reshape(total.xf.shape)
            total.xy[:] += x.T @ y
            total.ff[:] += by_lead @ f.transpose(1, 0, 2)
            total.fy[:] += (by_lead @ y.T[:, :, None])[..., 0]
            total.yy[:] += np.sum(y * y, axis=0)
        return total

    def _features(self, rows: slice) -> NDArray[np.float32]:
        if self._table.weather is None:
            raise ValueError("the table has no weather")
        return self._table.weather.features(rows)
