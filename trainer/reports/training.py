"""The rows of the report of a training: the held-out hours against those before, and the held-out forecasts."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dayahead.features.fill import WEEK
from dayahead.features.snapshot import SNAPSHOT_NAMES, snapshot
from dayahead.features.state import describe
from dayahead.grouping import groups
from dayahead.horizon import DAY_LEADS
from dayahead.hours import Hour
from dayahead.models.history import History
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from trainer.reports.rows import ReportRows
from trainer.settings import ReportSettings

WINDOWS_AT_ONCE = 1000
"""Windows in memory at the same time, 7 kB each."""


def training_rows(
    observed: History, cut: Hour, rehearsal: Release, areas: Mapping[str, str], settings: ReportSettings, seed: int
) -> ReportRows:
    """Sample the held-out hours, with the forecasts of the fit that has not seen them, and the hours before.

    Args:
        observed: as observed: what the quarantine leaves out of a fit may be the drift.
        cut: first held-out hour.
        rehearsal: fitted on the hours before.
        areas: by series_id.
        settings: number of rows, length of the reference.
        seed: of the sample.
    """
    start = max(cut - settings.reference_days * 24, observed.start + WEEK)
    draw = np.random.default_rng(seed)
    reference = _drawn(draw, observed, start - 1, cut - DAY_LEADS, settings.rows)
    current = _drawn(draw, observed, cut - 1, observed.end - DAY_LEADS, settings.rows)
    series, origin, lead = (np.concatenate(pair) for pair in zip(reference, current, strict=True))
    is_current = np.arange(len(series)) >= len(reference[0])
    features, forecast = _known(observed, rehearsal, series, origin, is_current)
    of_lead = forecast[np.arange(len(series)), lead - 1]
    before = observed.until(cut).since(start)
    known = np.isfinite(before.values)
    total = np.where(known, np.abs(before.values), 0.0).sum(axis=1)
    level = np.divide(total, known.sum(axis=1), out=np.full(len(total), np.nan), where=known.any(axis=1))
    return ReportRows.scaled(
        (start, cut, observed.end),
        np.array([areas[name] for name in observed.series_ids], np.str_)[series],
        is_current,
        features,
        observed.values[series, origin + lead - observed.start],
        of_lead,
        level[series],
        is_current,
    )


def _drawn(
    draw: np.random.Generator, observed: History, first: Hour, last: Hour, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Series, origins from `first` to before `last`, and leads of a day: each series and origin once."""
    rows = len(observed.series_ids)
    there = max(0, last - first) * rows
    picked = np.sort(draw.choice(there, min(count, there), replace=False)) if there else np.empty(0, np.int64)
    lead = draw.integers(1, DAY_LEADS + 1, len(picked))
    return picked % rows, first + picked // rows, lead


def _known(
    observed: History,
    rehearsal: Release,
    series: NDArray[np.int64],
    origin: NDArray[np.int64],
    is_current: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Rolling features, and the forecast of the current rows; [n, 12] and [n, 24]."""
    features = np.full((len(series), len(SNAPSHOT_NAMES)), np.nan, np.float32)
    forecast = np.full((len(series), DAY_LEADS), np.nan, np.float32)
    forecaster = Forecaster(rehearsal)
    for _, mine in groups(observed.calendar_of[series] * 2 + is_current):
        for first in range(0, len(mine), WINDOWS_AT_ONCE):
            rows = mine[first : first + WINDOWS_AT_ONCE]
            if is_current[rows[0]]:
                made = forecaster.forecast(observed.window_batch(series[rows], origin[rows]))
                features[rows], forecast[rows] = made.features, made.p50[:, :DAY_LEADS]
            else:
                windows = observed.windows(series[rows], origin[rows])
                features[rows] = snapshot(describe(windows, screened=rehearsal.feature_spec.screened))
    return features, forecast
