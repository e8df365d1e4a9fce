"""Which locations a series follows: those whose temperature explains best how it differs from the day and week before.

Load y and temperature T are compared as differences d f(u) = f(u) - (f(u - 24) + f(u - 168)) / 2: what repeats by the
day and the week drops out. The response is a hinge basis of the temperature and of its mean over a day, so that
heating, cooling and neither have slopes of their own. R2 is measured on blocks of time that its regression has not
seen: a location that explains nothing has an R2 of 0 or less, also in a few weeks.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

DAY, WEEK = 24, 168
KNOTS_C = (10.0, 15.0, 20.0, 25.0)
MOST_LOCATIONS = 5
BLOCKS = 5
LEAST_HOURS = 14 * DAY
"""Hours with load and temperature below which nothing is said about a series."""

CLIP = 3.0
"""Differences of the load beyond this many times their mean magnitude count as that: an outage decides nothing."""

WORTH_A_LOCATION = 0.002
"""R2 by which a mean of more locations must be better than a mean of fewer."""

HELPS_FROM = 0.05
"""R2 from which weather is worth its place: an industrial zone of GEFCom2012 has 0.02 and gains nothing."""

_RIDGE = 1e-3


@dataclass(frozen=True)
class Choice:
    """The proposed place of one series.

    Attributes:
        locations: rows of the temperatures whose mean it follows, in the order in which they were added, the best one
            first; empty where too few hours are known.
        r2: of the mean of those; NaN where too few hours are known.
        by_location: float64 [locations], R2 of each location alone.
        by_count: float64 [counts], R2 of the mean of the first 1, 2 … of `locations`.
        hours: hours with a known difference of the load.
    """

    locations: tuple[int, ...]
    r2: float
    by_location: NDArray[np.float64]
    by_count: NDArray[np.float64]
    hours: int

    @property
    def helps(self) -> bool:
        """Whether the location explains enough to be named."""
        return self.r2 >= HELPS_FROM


def choose(load: NDArray[np.float64], temperature: NDArray[np.float32], most: int = MOST_LOCATIONS) -> list[Choice]:
    """Choose the location of each series, or the mean of several.

    Args:
        load: float64 [n, hours], each series in its unit, NaN where an hour is missing.
        temperature: float32 [locations, hours] of the same hours, degrees Celsius, NaN where unknown.
        most: locations of a mean at most.

    Returns:
        A choice for each series, in order.

    Raises:
        ValueError: the arrays have different hours.
    """
    if load.shape[1] != temperature.shape[1]:
        raise ValueError(f"load has {load.shape[1]} hours and temperature {temperature.shape[1]}: give the same hours")
    changes = [_clipped(one) for one in difference(load)]
    singles = np.full((len(load), len(temperature)), np.nan)
    for place, one in enumerate(temperature):
        features = hinge_differences(one)
        singles[:, place] = [explained(change, features) for change in changes]
    found: dict[tuple[int, ...], NDArray[np.float64]] = {}
    return [_best(change, temperature, alone, most, found) for change, alone in zip(changes, singles, strict=True)]


def summed_by_area(load: NDArray[np.float64], area: NDArray[np.int64]) -> NDArray[np.float64]:
    """The load of each area: the sum of its series, NaN where more than a tenth of it is unknown.

    A missing hour of a series counts as its mean of the same hour a day and a week before, which changes no difference.

    Args:
        load: float64 [n, hours].
        area: int64 [n], 0 to areas - 1.

    Returns:
        float64 [areas, hours].
    """
    sums = np.zeros((int(area.max()) + 1, load.shape[1]))
    known = np.zeros_like(sums)
    size = np.zeros(len(sums))
    for one, place in zip(load, area, strict=True):
        seen = np.isfinite(one)
        if not seen.any():
            continue
        usual = float(np.abs(one[seen]).mean())
        sums[place] += np.where(seen, one, _usual_hours(one))
        known[place] += usual * seen
        size[place] += usual
    return np.where(known >= 0.9 * np.maximum(size, np.finfo(float).tiny)[:, None], sums, np.nan)


def difference(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each hour less the mean of the same hour a day and a week before; NaN where one of the three is unknown.

    Args:
        values: float64 [..., hours].
    """
    made = np.full(values.shape, np.nan)
    made[..., WEEK:] = values[..., WEEK:] - (values[..., WEEK - DAY : -DAY] + values[..., :-WEEK]) / 2
    return made


def hinge_differences(temperature: NDArray[np.float32]) -> NDArray[np.float64]:
    """Differences of the hinge basis of the temperature and of its mean over 24 hours, in tens of kelvin.

    Args:
        temperature: float32 [hours], degrees Celsius.

    Returns:
        float64 [10, hours], NaN where unknown.
    """
    hours = temperature.astype(np.float64)
    basis = []
    for one in (hours, _mean_of_day(hours)):
        basis += [one, *(np.maximum(one - knot, 0.0) for knot in KNOTS_C)]
    return difference(np.stack(basis)) / 10


def explained(change: NDArray[np.float64], features: NDArray[np.float64]) -> float:
    """R2 of a regression on features, each block of time forecast from the others.

    Args:
        change: float64 [hours], NaN where unknown.
        features: float64 [k, hours], NaN where unknown.

    Returns:
        1 - squared error / squared changes; NaN with fewer than LEAST_HOURS known.
    """
    known = np.isfinite(change) & np.isfinite(features).all(axis=0)
    if known.sum() < LEAST_HOURS:
        return float("nan")
    x, y = features[:, known], change[known]
    edges = np.linspace(0, len(y), BLOCKS + 1).astype(int)
    blocks = [slice(begin, end) for begin, end in pairwise(edges)]
    grams = np.stack([x[:, block] @ x[:, block].T for block in blocks])
    moments = np.stack([x[:, block] @ y[block] for block in blocks])
    error = 0.0
    for number, block in enumerate(blocks):
        gram, moment = grams.sum(axis=0) - grams[number], moments.sum(axis=0) - moments[number]
        ridge = _RIDGE * np.diag(np.diag(gram) + len(y) * 1e-6)
        error += float(((y[block] - np.linalg.solve(gram + ridge, moment) @ x[:, block]) ** 2).sum())
    total = float((y**2).sum())
    return 1 - error / total if total > 0 else float("nan")


def _best(
    change: NDArray[np.float64],
    temperature: NDArray[np.float32],
    alone: NDArray[np.float64],
    most: int,
    found: dict[tuple[int, ...], NDArray[np.float64]],
) -> Choice:
    """Begin with the best location, and add the one that helps the mean most, as long as it helps."""
    hours = int(np.isfinite(change).sum())
    usable = np.flatnonzero(np.isfinite(alone))
    ranked = usable[np.argsort(-alone[usable], kind="stable")]
    if not len(ranked):
        return Choice((), float("nan"), alone, np.empty(0), hours)
    chosen, by_count = [int(ranked[0])], [float(alone[ranked[0]])]
    while len(chosen) < min(most, len(ranked)):
        others = [place for place in ranked.tolist() if place not in chosen]
        means = {place: explained(change, _mean_features(temperature, [*chosen, place], found)) for place in others}
        added = max(means, key=lambda place: np.nan_to_num(means[place], nan=-np.inf))
        if not means[added] > by_count[-1] + WORTH_A_LOCATION:
            break
        chosen.append(added)
        by_count.append(means[added])
    return Choice(tuple(chosen), by_count[-1], alone, np.array(by_count), hours)


def _mean_features(
    temperature: NDArray[np.float32], members: list[int], found: dict[tuple[int, ...], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """The features of a mean of locations, computed once for all series."""
    key = tuple(sorted(members))
    if key not in found:
        found[key] = hinge_differences(temperature[list(key)].mean(axis=0))
    return found[key]


def _clipped(change: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(change)
    if not known.any():
        return change
    limit = CLIP * float(np.abs(change[known]).mean())
    return np.clip(change, -limit, limit)


def _mean_of_day(hours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each hour and the 23 before it; NaN where one is unknown."""
    made = np.full(len(hours), np.nan)
    if len(hours) >= DAY:
        made[DAY - 1 :] = np.lib.stride_tricks.sliding_window_view(hours, DAY).mean(axis=1)
    return made


def _usual_hours(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the same hour a day and a week before; the mean of all hours where those are unknown."""
    mean = float(values[np.isfinite(values)].mean())
    made = np.full(len(values), mean)
    made[WEEK:] = (values[WEEK - DAY : -DAY] + values[:-WEEK]) / 2
    return np.where(np.isfinite(made), made, mean)
