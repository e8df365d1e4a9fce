"""Scores day products against what was observed, by the one function that scores forecasts."""

from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from dayahead.evaluation.score import ScoreBatch, score, score_hours
from dayahead.horizon import DAY_LEADS, leads_before
from dayahead.hours import Hour, to_hour
from dayahead.storage.tables.day_ahead import DayProduct

Read = Callable[[NDArray[np.int64], Hour, Hour], NDArray[np.float64]]
"""Reads the values of series from an hour up to another: float64 [n, hours], NaN where missing."""


def score_products(products: Sequence[DayProduct], read: Read) -> ScoreBatch:
    """Score day products: the sums of the parts that lie in each day of the horizon.

    The naives are those of `score`, from what was known at the origin of the forecast. `lead_error` is empty.

    Args:
        products: at least one.
        read: the values.
    """
    groups: dict[tuple[Hour, int, int], list[int]] = {}
    for place, one in enumerate(products):
        groups.setdefault((to_hour(one.origin), one.first_lead, len(one.p50)), []).append(place)
    parts = [_scored([products[place] for place in places], read) for places in groups.values()]
    places = np.array([place for group in groups.values() for place in group], np.int64)
    return ScoreBatch.join(parts).take(np.argsort(places))


def _scored(products: Sequence[DayProduct], read: Read) -> ScoreBatch:
    """Score day products of one origin with the same leads."""
    origin, first, count = to_hour(products[0].origin), products[0].first_lead, len(products[0].p50)
    days = range((first - 1) // DAY_LEADS + 1, (first + count - 2) // DAY_LEADS + 2)
    # two gates may have kept the same forecast of a series
    keys, rows = np.unique(np.array([one.series_key for one in products], np.int64), return_inverse=True)
    values = read(keys, origin + 1 - (score_hours() - DAY_LEADS), origin + 1 + DAY_LEADS * days[-1])[rows]
    scores = []
    for day in days:
        # the leads of this day of the horizon; those that are not of the product are NaN and do not count
        p10, p50, p90 = (
            np.stack([_leads_of(day, first, getattr(one, name)) for one in products]) for name in ("p10", "p50", "p90")
        )
        scores.append(score(values[:, : score_hours(day)], p10, p50, p90, day))
    return _added(scores)


def _leads_of(day: int, first: int, values: NDArray[np.float32]) -> NDArray[np.float32]:
    found = np.full(DAY_LEADS, np.nan, np.float32)
    start = first - leads_before(day) - 1
    inside = np.arange(len(values)) + start
    chosen = (inside >= 0) & (inside < DAY_LEADS)
    found[inside[chosen]] = values[chosen]
    return found


def _added(scores: Sequence[ScoreBatch]) -> ScoreBatch:
    """Add up the scores of the parts of each product."""
    summed = {
        item.name: np.sum([getattr(one, item.name) for one in scores], axis=0)
        for item in fields(ScoreBatch)
        if item.name != "lead_error"
    }
    return ScoreBatch(**summed, lead_error=np.empty((len(scores[0]), 0), np.float32))
