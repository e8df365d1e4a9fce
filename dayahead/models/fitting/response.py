"""Fit of the thermal response that all series start from; each one's own window says more at every origin."""

import numpy as np
from numpy.typing import NDArray

from dayahead.features.state import describe
from dayahead.features.weather import SLOPES, ResponsePrior, describe_places, response_changes
from dayahead.models.fitting.examples import Rows
from dayahead.models.history import History
from dayahead.models.serving.window import WINDOW_HOURS

WINDOWS = 1_500
"""Windows (series and origin) that are drawn."""

PASSES = 3
ROBUST_FACTOR = 1.5
"""An hour that is missed by more than this many times the window's median loses weight."""

LEAST_STRENGTH = 1e-3
"""Added to the strength of each slope, so that one without any weather to read it from stays where it is."""


def fit_response(history: History, rows: Rows, *, screened: bool, rng: np.random.Generator) -> ResponsePrior | None:
    """Pool the response of all series; None where no row has weather.

    A robust regression of the changes of load within a week on those of the hinges; each window counts by the inverse
    square of what it is missed by.

    Args:
        history: with weather.
        rows: to draw from.
        screened: whether implausible values are set aside.
        rng: for the draw.
    """
    if history.weather is None:
        return None
    rows = rows.take(np.flatnonzero(history.weather.place_of[rows.series] >= 0))
    if len(rows) > WINDOWS:
        rows = rows.take(np.sort(rng.choice(len(rows), WINDOWS, replace=False)))
    known = history.window_weather(rows.series, rows.origin)
    if known is None or not len(rows):
        return None
    slopes, strength = np.zeros(len(SLOPES)), np.eye(len(SLOPES))
    described = describe_places(known.temperature, WINDOW_HOURS, ResponsePrior(*_as_f32(slopes, strength)))
    usable = np.flatnonzero(described.usable[known.place] & ~known.stale[known.place])
    state = describe(history.windows(rows.series[usable], rows.origin[usable]), screened=screened)
    change, hinges = response_changes(state.z, described, known.place[usable])
    alive = np.abs(change).mean(axis=1) > 0
    change, hinges = change[alive], hinges[alive]
    if not len(change):
        return None
    strength = np.einsum("nhi,nhj->ij", hinges, hinges, optimize=True) / change.size
    strength += LEAST_STRENGTH * np.eye(len(SLOPES))
    for _ in range(PASSES):
        missed = np.abs(change - hinges @ slopes)
        usual = np.maximum(missed.mean(axis=1, keepdims=True), 1e-12)
        middle = np.median(missed, axis=1, keepdims=True)
        weight = np.minimum(1.0, ROBUST_FACTOR * middle / np.maximum(missed, 1e-12)) / usual**2
        weight /= weight.mean()
        left = np.einsum("nh,nhi,nhj->ij", weight, hinges, hinges, optimize=True)
        right = np.einsum("nh,nhi,nh->i", weight, hinges, change, optimize=True)
        slopes = np.linalg.solve(left + LEAST_STRENGTH * change.shape[1] * np.eye(len(SLOPES)), right)
    return ResponsePrior(*_as_f32(slopes, strength))


def _as_f32(
    slopes: NDArray[np.float64], strength: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return slopes.astype(np.float32), strength.astype(np.float32)
