"""Fit of the band: how far errors spread, and the quantiles of error / spread.

It is learnt on the newest blocks of time, from the errors of a correction that has not seen them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import DAY
from dayahead.features.quality import WANTED_HISTORY_H
from dayahead.features.trees import TREE_FEATURES, usual_error
from dayahead.horizon import DAY_LEADS
from dayahead.hours import Hour
from dayahead.models.fitting.boosting import train
from dayahead.models.fitting.parts import ALONE, Parts
from dayahead.models.fitting.tree_table import TreeTable
from dayahead.models.serving.trees import TreeModel
from dayahead.models.settings import BandSettings
from dayahead.quantiles import HIGH, LEVELS, LOW, MIDDLE, NORMAL

LEAST_DAYS = 10
"""Newest days of a short history that the band is learnt from even where their origins lack the four weeks that service
wants."""

LEAST_ERROR = 1e-4
"""Smaller errors, in units of the scale, count as this one: a constant series has no logarithm of its error."""

QUANTILES = (0.1, 0.9)

NEAR_LEADS = 2
"""Leads on each side that a quantile is taken over too: one lead alone has few rows."""

SHAPE_LEADS = 6
"""The same, of the shape: its outer levels are rare, and it changes little from lead to lead."""

NEAR_HOURS = 2
"""The same, of the hours of the day of the origin."""

DAYS_OF_DOUBT = 30.0
"""Days of errors at which half of what an hour of the day shows is believed: rows of one day have much in common."""

LEAST_MULTIPLIER = 1e-6

LEAST_ROWS = 40
"""Errors below which no spread is learnt, as where every series is 0 and has no scale: the usual error is the band."""


@dataclass(frozen=True)
class BandFit:
    """Spread model, and the quantiles of error / spread.

    Attributes:
        spread: of the usual size of an error.
        multipliers: float32 [24, 24, 2], 10 and 90 % quantiles by local hour of the origin and lead.
        shape: float32 [24, levels], by lead, as of `quantile_shape`.
    """

    spread: TreeModel
    multipliers: NDArray[np.float32]
    shape: NDArray[np.float32]


def first_judged_block(starts: NDArray[np.int64], begun: Hour, newest: Hour, days: float) -> int:
    """The block of time from which on the band is learnt: so many days back, or where origins are as in service.

    Origins with less than four weeks behind them are forecast worse, and left out where `LEAST_DAYS` remain.
    """
    since = max(settled_since(begun, newest), newest - days * DAY)
    return max(int(np.searchsorted(starts, since, side="right")) - 1, 0)


def settled_since(begun: Hour, newest: Hour) -> Hour:
    """First origin with four weeks behind it, as service wants; earlier in a short history, to leave `LEAST_DAYS`."""
    return min(begun + WANTED_HISTORY_H, newest - LEAST_DAYS * DAY)


def fit_bands(
    table: TreeTable,
    error: NDArray[np.float32],
    settings: BandSettings,
    seed: int,
    *,
    days: float,
    shrink: float,
    parts: Parts = ALONE,
) -> BandFit:
    """Spread model on log(|error| / usual error), and the quantiles of error / spread, cross-fitted by halves of time.

    Args:
        table: rows that the forecast behind `error` has not seen.
        error: float32 [n], actual - forecast in units of the scale.
        settings: size of the spread model.
        seed: of the trees.
        days: that the rows are from.
        shrink: how much smaller the errors of the release are than those of fits without a block.
        parts: computes the spread models.
    """
    if len(table) < LEAST_ROWS:
        nothing = np.zeros(0, np.int64)
        multipliers = band_multipliers(np.zeros(0), nothing, nothing, days=days)
        return BandFit(TreeModel(""), multipliers, quantile_shape(np.zeros(0), nothing, nothing, multipliers))
    usual = usual_error(table.features)
    target = np.log(np.maximum(np.abs(error), LEAST_ERROR) / usual)
    parameters = {
        "objective": "regression",
        "num_leaves": settings.leaves,
        "learning_rate": 0.1,
        "feature_fraction": 0.6,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "max_bin": 127,
        "min_data_in_leaf": int(np.clip(len(table) / 200, 20, 1000)),
    }
    half = np.arange(len(table)) * 2 // max(len(table), 1)

    def spread_of(part: int) -> NDArray[np.float64]:
        model = train(table.features[half != part], target[half != part], parameters, settings.trees, seed)
        return np.asarray(usual[half == part] * np.exp(model.predict(table.features[half == part])))

    whole = parts.begin(lambda: train(table.features, target, parameters, settings.trees, seed))
    spread = np.concatenate(list(parts.each(spread_of, (0, 1))))
    hour = (table.features[:, TREE_FEATURES.index("hour")].astype(np.int64) - table.lead) % DAY
    ratio = shrink * error / spread
    multipliers = band_multipliers(ratio, table.lead, hour, days=days)
    return BandFit(whole(), multipliers, quantile_shape(ratio, table.lead, hour, multipliers))


def shrink_of_all_rows(optimism: float, blocks: int) -> float:
    """How much smaller the errors of a fit on all blocks are on new hours than those of fits that leave one out.

    With p coefficients and n rows, squared errors of a regression are 1 - p/n of the noise in sample and 1 + p/n
    on new rows (Hastie, Tibshirani & Friedman 2009, section 7.4); a fit without a block has n (blocks - 1) / blocks
    rows. What is measured is the ratio of the last to the first, which gives p/n: the effective number of coefficients
    where they are penalised. Penalised too little they gain more than this says.

    Args:
        optimism: root mean square error on blocks left out / that in sample, at least 1.
        blocks: of time.

    Returns:
        Within 0 to 1; 1 where nothing is learnt by heart.
    """
    more = blocks / (blocks - 1)
    p_over_n = (optimism**2 - 1) / (optimism**2 + more)
    return float(np.sqrt((1 + p_over_n) / (1 + p_over_n * more)))


def band_multipliers(
    ratio: NDArray[np.float64], lead: NDArray[np.int64], hour: NDArray[np.int64], *, days: float
) -> NDArray[np.float32]:
    """Quantiles of error / spread by hour of the day and lead: those of the lead, times how the hour departs from them.

    Args:
        ratio: float64 [n], error / spread.
        lead: int64 [n], 1 to 24, of a day of the horizon.
        hour: int64 [n], local hour of the day of the origin.
        days: that the rows are from; the fewer, the less does an hour of the day count.

    Returns:
        float32 [24 hours, 24 leads, 2].
    """
    by_lead = np.array([_quantiles_near(ratio, lead, one) for one in range(1, DAY_LEADS + 1)])
    # How many times as wide as its lead's quantile a band must be to hold each error, on its own side.
    width = np.maximum(np.abs(by_lead[lead - 1]), LEAST_MULTIPLIER)
    below, above = -ratio / width[:, 0], ratio / width[:, 1]
    trust = days / (days + DAYS_OF_DOUBT)
    factors = np.ones((DAY, 1, 2))
    for one in range(DAY):
        off = np.abs(hour - one)
        near = np.minimum(off, DAY - off) <= NEAR_HOURS
        if near.any():
            wanted = np.quantile([below[near], above[near]], 1 - QUANTILES[0], axis=1)
            factors[one, 0] = np.maximum(wanted, LEAST_MULTIPLIER) ** trust
    return np.asarray(by_lead * factors, np.float32)


def quantile_shape(
    ratio: NDArray[np.float64], lead: NDArray[np.int64], hour: NDArray[np.int64], multipliers: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Where the other quantiles lie when the band is from -1 to +1, by lead (`dayahead/quantiles.py`).

    Args:
        ratio: float64 [n], error / spread.
        lead: int64 [n], 1 to 24, of a day of the horizon.
        hour: int64 [n], local hour of the day of the origin.
        multipliers: float32 [24 hours, 24 leads, 2], the band.

    Returns:
        float32 [24 leads, levels], rising with the level; -1, 0 and 1 at 0.1, 0.5 and 0.9.
    """
    low, high = np.abs(multipliers[hour, lead - 1].astype(np.float64)).T
    position = ratio / np.maximum(np.where(ratio < 0, low, high), LEAST_MULTIPLIER)
    return np.array([_shape_near(position, lead, one) for one in range(1, DAY_LEADS + 1)], np.float32)


def _shape_near(position: NDArray[np.float64], leads: NDArray[np.int64], lead: int) -> NDArray[np.float64]:
    near = position[np.abs(leads - lead) <= SHAPE_LEADS]
    if len(near) < LEAST_ROWS:
        return NORMAL
    shape = np.quantile(near, LEVELS)
    for side, reference in ((slice(0, MIDDLE), LOW), (slice(MIDDLE + 1, None), HIGH)):
        width = abs(shape[reference])
        shape[side] = shape[side] / width if width > LEAST_MULTIPLIER else NORMAL[side]
    shape[MIDDLE] = 0.0
    shape[:LOW], shape[LOW] = np.minimum(shape[:LOW], -1.0), -1.0
    shape[LOW + 1 : MIDDLE] = np.clip(shape[LOW + 1 : MIDDLE], -1.0, 0.0)
    shape[MIDDLE + 1 : HIGH] = np.clip(shape[MIDDLE + 1 : HIGH], 0.0, 1.0)
    shape[HIGH], shape[HIGH + 1 :] = 1.0, np.maximum(shape[HIGH + 1 :], 1.0)
    return np.asarray(shape)


def _quantiles_near(ratio: NDArray[np.float64], leads: NDArray[np.int64], lead: int) -> NDArray[np.float64]:
    near = ratio[np.abs(leads - lead) <= NEAR_LEADS]
    low, high = np.quantile(near, QUANTILES) if len(near) else (-1.0, 1.0)
    return np.array([min(low, 0.0), max(high, 0.0)])
