"""Errors of the past forecasts of the linear member of day 1."""

import numpy as np
from numpy.typing import NDArray

from dayahead.machine_code import MachineFunction, compiled

PAST_FORECASTS = 56
"""Past forecasts whose errors the corrections ask for."""

PAST_ERRORS = MachineFunction(
    "past_errors",
    (int, int, np.float32, np.float64, np.bool_, *3 * (np.float32,), *2 * (np.int64,), np.float32),
)


@compiled
def judge_past(
    raw: NDArray[np.float32],
    past_scales: NDArray[np.float64],
    observed: NDArray[np.bool_],
    z: NDArray[np.float32],
    constant: NDArray[np.float32],
    growth: NDArray[np.float32],
    offsets: NDArray[np.int64],
    targets: NDArray[np.int64],
    errors: NDArray[np.float32],
) -> None:
    """Errors of the past forecasts of one series, in single precision throughout.

    Args:
        raw: float32 [80], outputs of the product with the intercept, the past forecasts behind the 24 leads.
        past_scales: float64 [193], as of `SeriesState`.
        observed: bool [hours].
        z: float32 [864].
        constant: float32 [56], what the forecasts of a window of zeros are above -1.
        growth: float32 [56], as of `_Plan`.
        offsets: int64 [56], hours from each past origin to the origin.
        targets: int64 [56], column of `z` of the hour that each forecast was for.
        errors: float32 [56], written; 0 for an hour that was not observed.
    """
    leads, before = len(raw) - len(errors), len(observed) - len(z)
    for place in range(len(errors)):
        target = targets[place]
        rescale = np.float32(past_scales[offsets[place]] - 1.0)
        past = raw[leads + place] + rescale * constant[place]
        error = z[target] - past if observed[before + target] else np.float32(0)
        errors[place] = error * growth[place]
