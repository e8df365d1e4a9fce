"""Fit of the trees that correct the linear member.

The correction learns what the *out-of-block* linear forecast leaves over: what is left in sample is too small and
teaches the trees nothing but noise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import lightgbm
import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import LEADS
from dayahead.features.calendar import Calendar
from dayahead.features.state import SeriesState, describe
from dayahead.features.trees import TREE_FEATURES, tree_features
from dayahead.models.examples import CHUNK_ROWS, Rows, block_starts
from dayahead.models.fit_linear import LinearFit
from dayahead.models.history import History
from dayahead.models.linear import PAST_OFFSETS, LinearMember, LinearOutlook
from dayahead.models.settings import TreeSettings
from dayahead.models.trees import TreeModel

LEAST_ORIGINS = 1_000
"""Origins that are drawn at least: many series at few origins would all have the same weather."""

FARTHEST_SIZE = 1e3
"""A series counts as at most this many times larger or smaller than the median one."""


@dataclass(frozen=True)
class TreeTable:
    """Rows that the trees learn from: one (series, origin, lead) each.

    Attributes:
        features: float32 [n, 32].
        residual: float32 [n], actual - out-of-block linear forecast, in units of the scale.
        block: int64 [n], block of time of the origin.
        lead: int64 [n], 1 to 24.
        actual: float64 [n], in the unit of the series.
        scale: float64 [n], of the series at the origin.
        size: float64 [n], mean magnitude of the series over the whole history.
        naive: float64 [n], the actual a week before, in the unit of the series.
    """

    features: NDArray[np.float32]
    residual: NDArray[np.float32]
    block: NDArray[np.int64]
    lead: NDArray[np.int64]
    actual: NDArray[np.float64]
    scale: NDArray[np.float64]
    size: NDArray[np.float64]
    naive: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.residual)

    def where(self, chosen: NDArray[np.bool_]) -> "TreeTable":
        """Some of the rows."""
        return TreeTable(
            self.features[chosen],
            self.residual[chosen],
            self.block[chosen],
            self.lead[chosen],
            self.actual[chosen],
            self.scale[chosen],
            self.size[chosen],
            self.naive[chosen],
        )


def tree_table(
    history: History, rows: Rows, linear: LinearFit, settings: TreeSettings, *, screened: bool, rng: np.random.Generator
) -> TreeTable:
    """Draw rows and leads, and compute what the trees see.

    Args:
        history: what the rows point into.
        rows: origins to draw from.
        linear: the linear member with its out-of-block coefficients.
        settings: how many rows and leads.
        screened: whether implausible values are set aside.
        rng: for the draw.
    """
    members = _UnseeingMembers(rows, linear)
    sizes = _sizes(history)
    parts: list[TreeTable] = []
    drawn = _draw(rows, settings.rows, rng)
    # Where rows are few, each tells more of itself.
    leads_per_row = min(max(settings.rows * settings.leads_per_row // len(drawn), settings.leads_per_row), LEADS)
    for group, state in _by_origin(history, drawn, screened=screened):
        calendar = history.calendars[history.calendar_of[group.series[0]]]
        origin = int(group.origin[0])
        outlook = members.outlook(state, calendar, origin, int(group.block[0]))
        features = tree_features(
            state, outlook.forecast, outlook.one_step_errors, outlook.day_errors, outlook.week_error, calendar, origin
        )
        leads = rng.permuted(np.tile(np.arange(LEADS), (len(group), 1)), axis=1)[:, :leads_per_row]
        actual = np.take_along_axis(history.targets(group.series, group.origin), leads, axis=1)
        alive = np.where(state.scale > 0, state.scale, np.nan)[:, None]
        residual = (actual / alive - 1.0 - np.take_along_axis(outlook.forecast, leads, axis=1)).astype(np.float32)
        known = np.isfinite(residual)
        parts.append(
            TreeTable(
                features[np.arange(len(group))[:, None], leads][known],
                residual[known],
                np.repeat(group.block[:1], int(known.sum())),
                leads[known] + 1,
                actual[known],
                np.broadcast_to(state.scale[:, None], leads.shape)[known],
                np.broadcast_to(sizes[group.series, None], leads.shape)[known],
                np.take_along_axis(state.values[:, -168 : -168 + LEADS], leads, axis=1)[known],
            )
        )
    return TreeTable(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.residual for part in parts]),
        np.concatenate([part.block for part in parts]),
        np.concatenate([part.lead for part in parts]),
        np.concatenate([part.actual for part in parts]),
        np.concatenate([part.scale for part in parts]),
        np.concatenate([part.size for part in parts]),
        np.concatenate([part.naive for part in parts]),
    )


class _UnseeingMembers:
    """The linear member as it would be had it not seen a row's block of time.

    In service a release soon meets hours that it was not fitted on, and that is how its past errors must look to the
    trees and to the band. Those of the row's own block are so; those of the blocks before it were fitted on, and are
    made as much larger as they should be.
    """

    def __init__(self, rows: Rows, linear: LinearFit) -> None:
        self._members = [LinearMember(part, annual=linear.annual) for part in linear.without_block]
        self._starts = block_starts(rows)
        self._optimism = linear.optimism

    def outlook(self, state: SeriesState, calendar: Calendar, origin: int, block: int) -> LinearOutlook:
        """As of LinearMember, for rows of one block at one origin."""
        made = self._members[block].outlook(state, calendar, origin)
        seen = origin - PAST_OFFSETS < self._starts[block]
        return LinearOutlook(made.forecast, made.errors * np.where(seen, self._optimism, 1.0).astype(np.float32))


def fit_correction(table: TreeTable, settings: TreeSettings, seed: int) -> TreeModel:
    """L1 trees on the residual; squared error is clearly worse on heavy tails."""
    if settings.trees == 0 or len(table) == 0:
        return TreeModel("")
    parameters = {
        "objective": "regression_l1",
        "num_leaves": settings.leaves,
        "max_depth": settings.max_depth,
        "learning_rate": settings.learning_rate,
        "feature_fraction": settings.feature_fraction,
        "bagging_fraction": settings.bagging_fraction,
        "bagging_freq": 1,
        "lambda_l2": settings.lambda_l2,
        "max_bin": settings.max_bin,
        "min_data_in_leaf": int(np.clip(len(table) / settings.min_data_divisor, 20, 1000)),
    }
    weight = _weight_of_size(table.size, settings.size_power)
    return train(table.features, table.residual, parameters, settings.trees, seed, weight)


def _sizes(history: History) -> NDArray[np.float64]:
    """Mean magnitude of each series; [series]."""
    known = np.isfinite(history.values)
    total = np.abs(np.where(known, history.values, 0.0)).sum(axis=1)
    return np.asarray(total / np.maximum(known.sum(axis=1), 1))


def _weight_of_size(size: NDArray[np.float64], power: float) -> NDArray[np.float64] | None:
    """Weight of rows by the size of their series; mean 1; None where all count the same.

    Held within a factor of the median: whatever the units, no series is left out, and none stands for all.
    """
    if power == 0:
        return None
    share = np.clip(size / np.median(size), 1 / FARTHEST_SIZE, FARTHEST_SIZE) ** power
    return np.asarray(share / share.mean())


def train(
    features: NDArray[np.float32],
    target: NDArray[np.floating],
    parameters: dict[str, object],
    trees: int,
    seed: int,
    weight: NDArray[np.float64] | None = None,
) -> TreeModel:
    """Trees by LightGBM, on one thread and the same each time; parameters are LightGBM's own."""
    fixed = {"num_threads": 1, "deterministic": True, "force_row_wise": True, "seed": seed, "verbosity": -1}
    data = lightgbm.Dataset(
        features,
        label=target,
        weight=weight,
        feature_name=list(TREE_FEATURES),
        params={"max_bin": parameters["max_bin"], **fixed},
    )
    booster = lightgbm.train({**parameters, **fixed}, data, num_boost_round=trees)
    return TreeModel(booster.model_to_string())


def _draw(rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    origins = np.unique(rows.origin)
    wanted = max(int(np.ceil(count * len(origins) / len(rows))), min(LEAST_ORIGINS, len(origins)))
    if wanted < len(origins):
        drawn = rng.choice(origins, wanted, replace=False)
        rows = rows.take(np.flatnonzero(np.isin(rows.origin, drawn)))
    if len(rows) > count:
        rows = rows.take(np.sort(rng.choice(len(rows), count, replace=False)))
    return rows


def _by_origin(history: History, rows: Rows, *, screened: bool) -> Iterator[tuple[Rows, SeriesState]]:
    """Rows that share origin and calendar, and their states, oldest first."""
    calendar = history.calendar_of[rows.series]
    order = np.lexsort((rows.series, calendar, rows.origin))
    rows, calendar = rows.take(order), calendar[order]
    for start in range(0, len(rows), CHUNK_ROWS):
        part = np.arange(start, min(start + CHUNK_ROWS, len(rows)))
        chunk = rows.take(part)
        state = describe(history.windows(chunk.series, chunk.origin), screened=screened)
        changes = np.flatnonzero((np.diff(chunk.origin) != 0) | (np.diff(calendar[part]) != 0)) + 1
        for first, last in pairwise([0, *changes.tolist(), len(part)]):
            yield chunk.take(np.arange(first, last)), state.take(slice(first, last))
