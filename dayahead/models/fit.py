"""Fit of a release: the linear member, the trees that correct it, the bands."""

import numpy as np
from numpy.typing import NDArray

from dayahead.errors import NotEnoughHistoryError
from dayahead.models.arithmetic import one_thread
from dayahead.models.examples import find_rows
from dayahead.models.fit_linear import fit_linear
from dayahead.models.fit_trees import TreeTable, fit_bands, fit_correction, tree_table
from dayahead.models.history import History
from dayahead.models.release import FeatureSpec, Release
from dayahead.models.settings import ModelSettings


def fit_release(history: History, settings: ModelSettings, seed: int) -> Release:
    """Fit a release on a history; the same data, settings and seed make the same bytes.

    Args:
        history: hours of the series that the release will forecast; columns before the first observed hour and after
            the last one cost nothing.
        settings: of the fit.
        seed: of everything random.

    Raises:
        NotEnoughHistoryError: less than the two weeks that a fit needs.
    """
    observed = np.flatnonzero(np.isfinite(history.values).any(axis=0))
    hours = int(observed[-1] - observed[0]) + 1 if len(observed) else 0
    if hours < settings.least_history_h:
        raise NotEnoughHistoryError(
            f"a release is fitted on {settings.least_history_h} hours of history or more, here are {hours}: "
            "backfill earlier hours or wait"
        )
    rng = np.random.default_rng(seed)
    with one_thread():
        rows = find_rows(history, settings.linear.blocks)
        linear = fit_linear(history, rows, settings.linear, screened=settings.screen, rng=rng)
        table = tree_table(history, rows, linear, settings.trees, screened=settings.screen, rng=rng)
        correction = fit_correction(table, settings.trees, seed)
        newest = table.block == settings.linear.blocks - 1
        judged = table.where(newest)
        unseeing = fit_correction(table.where(~newest), settings.trees, seed)
        error = judged.residual - unseeing.predict(judged.features)
        bands = fit_bands(judged, error, settings.bands, seed)
    return Release(
        settings=settings,
        seed=seed,
        feature_spec=FeatureSpec.of(annual=linear.annual, screened=settings.screen),
        trained_from=history.start + int(observed[0]),
        trained_until=history.start + int(observed[-1]) + 1,
        data_fingerprint=history.fingerprint,
        coefficients=linear.coefficients,
        correction=correction.text,
        spread=bands.spread.text,
        band_multipliers=bands.multipliers,
        metrics=_metrics(judged, error, linear.penalty, len(rows)),
    )


def _metrics(judged: TreeTable, error: NDArray[np.float32], penalty: float, rows: int) -> dict[str, float]:
    absolute = float(np.abs(judged.actual).sum())
    missed = float(np.abs(error * judged.scale).sum())
    linear = float(np.abs(judged.residual * judged.scale).sum())
    naive = float(np.abs(judged.actual - judged.naive).sum())
    return {
        "held_out_wape": missed / absolute if absolute else 0.0,
        "held_out_wape_linear": linear / absolute if absolute else 0.0,
        "held_out_wape_naive": naive / absolute if absolute else 0.0,
        "penalty": penalty,
        "rows": float(rows),
    }
