"""Fit of what the first day of the horizon needs besides its linear member with weather: trees, band, and a verdict."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dayahead.evaluation.metrics import ratio
from dayahead.features.weather import ResponsePrior
from dayahead.models.fitting.bands import fit_bands, shrink_of_all_rows
from dayahead.models.fitting.correction import fit_correction, unseeing_corrections, unseeing_errors
from dayahead.models.fitting.parts import Parts
from dayahead.models.fitting.tree_table import WeatherTreeTable
from dayahead.models.fitting.weather_linear import WeatherLinearFit
from dayahead.models.serving.release_weather import WeatherDayParts
from dayahead.models.serving.trees import TreeModel
from dayahead.models.settings import ModelSettings

LEAST_ROWS = 1_000
"""Rows (series, origin and lead) with weather, below which a release does without."""


@dataclass(frozen=True)
class WeatherFirstDay:
    """The member of day 1 that knows the weather.

    Attributes:
        prior: the response that every series starts from.
        parts: of the day, as they stand in a release.
        correction: the trees that correct it.
        corrections: by block, the correction that has not seen it; of the blocks that are judged.
        spread: the spread model.
        metrics: what was measured on hours that it had not seen.
    """

    prior: ResponsePrior
    parts: WeatherDayParts
    correction: TreeModel
    corrections: Mapping[int, TreeModel]
    spread: TreeModel
    metrics: dict[str, float]


def fit_weather_first_day(
    linear: WeatherLinearFit,
    prior: ResponsePrior,
    rows: WeatherTreeTable,
    judged: NDArray[np.bool_],
    plain_error: NDArray[np.float32],
    settings: ModelSettings,
    seed: int,
    *,
    days: float,
    parts: Parts,
) -> WeatherFirstDay | None:
    """Fit trees and band, and compare with the member without weather; None where too few rows have weather.

    Args:
        linear: the linear member with weather.
        prior: of the responses.
        rows: rows with weather of the table of the member without.
        judged: bool, rows of that table that are judged.
        plain_error: float32, errors of the member without weather on the judged rows.
        settings: of the fit.
        seed: of everything random.
        days: that the judged rows span.
        parts: computes the trees.
    """
    table = rows.table
    if len(table) < LEAST_ROWS:
        return None
    held_out = table.where(judged[rows.rows])
    if not len(held_out):
        return None
    correction = parts.begin(lambda: fit_correction(table, settings.trees, seed))
    blocks = np.unique(held_out.block).tolist()
    corrections = unseeing_corrections(table, blocks, settings.trees, seed, parts)
    error = unseeing_errors(held_out, corrections)
    shrink = shrink_of_all_rows(linear.optimism, len(linear.without_block))
    bands = fit_bands(held_out, error, settings.bands, seed, days=days, shrink=shrink, parts=parts)
    plain = plain_error[rows.rows[judged]]
    better = _missed(error, held_out.scale) < _missed(plain, held_out.scale)
    day = WeatherDayParts(linear.coefficients, linear.effects, bands.multipliers, bands.shape, better)
    actual = float(np.abs(held_out.actual).sum())
    wapes = {
        "weather_held_out_wape": ratio(float(np.abs(error * held_out.scale).sum()), actual),
        "weather_held_out_wape_without": ratio(float(np.abs(plain * held_out.scale).sum()), actual),
    }
    metrics = {name: value for name, value in wapes.items() if np.isfinite(value)}
    metrics |= {"weather_penalty": linear.penalty, "weather_rows": float(len(table))}
    return WeatherFirstDay(prior, day, correction(), corrections, bands.spread, metrics)


def _missed(error: NDArray[np.float32], scale: NDArray[np.float64]) -> float:
    """What is compared: neither a large series nor a wild one decides alone."""
    return float(np.abs(error * scale).sum()) * float(np.abs(error).sum(dtype=np.float64))
