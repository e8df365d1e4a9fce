"""How large the errors of a weather source's runs are: what simulated errors are scaled to."""

from collections.abc import Mapping, Sequence

import numpy as np

from dayahead.weather.archived import best_known
from dayahead.weather.simulated import ForecastErrors
from dayahead.weather.values import WeatherKind, WeatherValues

LEADS = (12, 48)
"""Leads that are measured: earlier ones lie in the hours that the next runs start from, which are no truth."""

LEAST_RUNS = 20


def measured_factor(publications: Mapping[str, Sequence[WeatherValues]], errors: ForecastErrors) -> float | None:
    """Measure the errors of runs against what was observed later, or against the first hours of later runs.

    Args:
        publications: of each location, of one source and variable.
        errors: whose size counts as 1.

    Returns:
        Root mean square of the errors / that of `errors` with factor 1, over the same leads; None with fewer than
        LEAST_RUNS runs.
    """
    runs, squares, expected = 0, 0.0, 0.0
    unit = errors.scaled(1.0)
    for published in publications.values():
        made = [one for one in published if one.kind is WeatherKind.RUN]
        if not made:
            continue
        truth = best_known(published, min(one.first for one in made), max(one.end for one in made))
        newest = max(one.start for one in made)
        for one in made:
            leads = one.first - one.start + np.arange(len(one.values))
            actual = truth.values[one.first - truth.start : one.end - truth.start]
            # an hour from the newest start on is known from this run or another forecast, not from later
            later = (leads >= LEADS[0]) & (leads < LEADS[1]) & (one.start + leads < newest)
            known = later & np.isfinite(actual) & np.isfinite(one.values)
            if known.any():
                runs += 1
                squares += float(((one.values[known].astype(np.float64) - actual[known]) ** 2).sum())
                expected += float((unit.size(leads[known]) ** 2).sum())
    return float(np.sqrt(squares / expected)) if runs >= LEAST_RUNS else None
