"""Fit of a release: the linear member, the trees that correct it, the bands."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dayahead.errors import NotEnoughHistoryError
from dayahead.evaluation.metrics import ratio
from dayahead.features.fill import DAY
from dayahead.horizon import days_of
from dayahead.models.fitting.bands import first_judged_block, fit_bands, settled_since, shrink_of_all_rows
from dayahead.models.fitting.correction import fit_correction, unseeing_corrections, unseeing_errors
from dayahead.models.fitting.examples import block_starts, find_rows
from dayahead.models.fitting.later_days import FirstDay, fit_later_days
from dayahead.models.fitting.linear import fit_linear
from dayahead.models.fitting.parts import no_report, parts_on
from dayahead.models.fitting.response import fit_response
from dayahead.models.fitting.tree_table import TreeTable, tree_table
from dayahead.models.fitting.weather_first_day import fit_weather_first_day
from dayahead.models.history import History
from dayahead.models.serving.blas import one_thread
from dayahead.models.serving.release import FeatureSpec, Release
from dayahead.models.serving.release_weather import ReleaseWeather
from dayahead.models.settings import ModelSettings

WEATHER_STREAM = 1_000
"""Of the seed's random numbers, what the weather draws from, so that it changes nothing for the member without."""


@dataclass(frozen=True)
class UnseenErrors:
    """What the band is learnt from: errors of forecasts for hours that the forecast was not fitted on, by time.

    Attributes:
        error: float32 [n], (actual - forecast) / scale of the series.
        lead: int64 [n], 1 to 24.
    """

    error: NDArray[np.float32]
    lead: NDArray[np.int64]


def fit_release(
    history: History,
    settings: ModelSettings,
    seed: int,
    *,
    threads: int = 1,
    on_part: Callable[[], None] = no_report,
) -> Release:
    """Fit a release on a history; the same data, settings and seed make the same bytes, on any number of threads.

    Args and errors as of `fit_with_errors`.
    """
    return fit_with_errors(history, settings, seed, threads=threads, on_part=on_part)[0]


def fit_with_errors(
    history: History,
    settings: ModelSettings,
    seed: int,
    *,
    threads: int = 1,
    on_part: Callable[[], None] = no_report,
) -> tuple[Release, UnseenErrors]:
    """Fit a release, and keep the errors that its band was learnt from.

    Args:
        history: hours of the series that the release will forecast; columns before the first observed hour and after
            the last one cost nothing.
        settings: of the fit.
        seed: of everything random.
        threads: parts of the fit that are computed at the same time; each keeps about 100 MB more.
        on_part: called after each part, from any of the threads; may raise to give up.

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
    with one_thread(rescan=True), parts_on(threads, on_part) as parts:
        rows = find_rows(history, settings.linear.blocks_of(hours))
        weather_rng = np.random.default_rng([seed, WEATHER_STREAM])
        prior = fit_response(history, rows, screened=settings.screen, rng=weather_rng)
        linear = fit_linear(
            history, rows, settings.linear, screened=settings.screen, rng=rng, parts=parts, weather=prior
        )
        table, weather_table = tree_table(
            history, rows, linear, settings.trees, screened=settings.screen, rng=rng, prior=prior
        )
        correction = parts.begin(lambda: fit_correction(table, settings.trees, seed))
        starts, newest = block_starts(rows), int(rows.origin.max())
        begun = history.start + int(observed[0])
        first = first_judged_block(starts, begun, newest, settings.bands.days)
        judged = table.where(table.block >= first)
        days = float(newest - starts[first]) / DAY
        shrink = shrink_of_all_rows(linear.optimism, len(starts))
        held_out = judged.block == judged.block.max(initial=0)
        corrections = unseeing_corrections(table, np.unique(judged.block).tolist(), settings.trees, seed, parts)
        error = unseeing_errors(judged, corrections)
        bands = fit_bands(judged, error, settings.bands, seed, days=days, shrink=shrink, parts=parts)
        weather = None
        if prior is not None and linear.weather is not None and weather_table is not None:
            weather = fit_weather_first_day(
                linear.weather,
                prior,
                weather_table,
                table.block >= first,
                error,
                settings,
                seed,
                days=days,
                parts=parts,
            )
        since = settled_since(begun, newest)
        first_day = FirstDay(rows, linear, corrections, bands.spread, days, since=since, weather=weather)
        later = fit_later_days(history, first_day, days_of(history.leads), settings, seed, parts)
    release = Release(
        settings=settings,
        seed=seed,
        feature_spec=FeatureSpec.of(annual=linear.annual, screened=settings.screen, days=1 + len(later.days)),
        trained_from=history.start + int(observed[0]),
        trained_until=history.start + int(observed[-1]) + 1,
        data_fingerprint=history.fingerprint,
        coefficients=linear.coefficients,
        optimism=linear.optimism,
        correction=correction().text,
        spread=bands.spread.text,
        band_multipliers=bands.multipliers,
        metrics=_metrics(judged.where(held_out), error[held_out], linear.penalty, len(rows)) | later.metrics,
        later_days=later.days,
        quantile_shape=bands.shape,
    )
    if history.weather is not None and weather is not None:
        release = replace(
            release,
            metrics=release.metrics | weather.metrics | later.weather_metrics,
            weather=ReleaseWeather(
                basis=history.weather.basis,
                slopes=weather.prior.slopes,
                strength=weather.prior.strength,
                correction=weather.correction.text,
                spread=weather.spread.text,
                days=(weather.parts, *later.weather_days),
            ),
        )
    return release, UnseenErrors(error, judged.lead)


def _metrics(judged: TreeTable, error: NDArray[np.float32], penalty: float, rows: int) -> dict[str, float]:
    """What was measured on the held-out block; a WAPE that is not defined there is left out."""
    absolute = float(np.abs(judged.actual).sum())
    errors = {
        "held_out_wape": error * judged.scale,
        "held_out_wape_linear": judged.residual * judged.scale,
        "held_out_wape_naive": judged.actual - judged.naive,
    }
    wapes = {name: ratio(float(np.abs(values).sum()), absolute) for name, values in errors.items()}
    known = {name: value for name, value in wapes.items() if np.isfinite(value)}
    return {**known, "penalty": penalty, "rows": float(rows)}
