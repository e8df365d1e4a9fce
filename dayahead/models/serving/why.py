"""Why a forecast is what it is: for each hour what every part of the model added, in the unit of the series.

The linear members are sums, so their parts are exact. The trees are taken apart by TreeSHAP, which LightGBM computes.
Sources: Lundberg, Erion & Lee, Consistent individualized feature attribution for tree ensembles, 2018.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import Rung
from dayahead.features.linear import anchor, linear_feature_names, linear_features, origin_context
from dayahead.features.state import describe
from dayahead.features.trees import TREE_FEATURES
from dayahead.features.weather import WEATHER_TREE_FEATURES
from dayahead.horizon import DAY_LEADS, days_of
from dayahead.hours import Hour
from dayahead.models.serving.blas import one_thread
from dayahead.models.serving.engine import Engine
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.linear_day import LinearDay
from dayahead.models.serving.plain_days import LAST_CORRECTED_DAY, AtOrigin, PlainDays
from dayahead.models.serving.trees import TreeModel
from dayahead.models.serving.weather_days import SeriesWeather, WeatherDays
from dayahead.models.serving.window import WindowBatch


class WhyPart(StrEnum):
    """A part of a forecast."""

    LEVEL = "level"
    """The same hour of the day and of the week before, and the intercept; all of a forecast without a model."""

    CALENDAR = "calendar"
    """Weekday, holidays and season, also times the recent level."""

    RECENT_LOAD = "recent_load"
    """The hours of the last week, and the target's hour in earlier weeks."""

    WEATHER = "weather"
    """What the linear member with weather adds for it."""

    TREES_CALENDAR = "trees_calendar"
    TREES_WEATHER = "trees_weather"
    TREES_ERRORS = "trees_recent_errors"
    """What the correction makes of the linear member's own recent errors."""

    TREES_OTHER = "trees_other"
    LIMITS = "limits"
    """What the limits of a forecast took away or added, and rounding."""


class WhyMember(StrEnum):
    """Who forecast an hour."""

    WEATHER = "weather"
    LOAD = "load"
    NO_MODEL = "no_model"


@dataclass(frozen=True)
class Why:
    """The parts of a forecast of one series.

    Attributes:
        origin: hour of the newest observation.
        p50: float64 [leads], in the unit of the series.
        parts: float64 [leads] each, in the unit of the series; their sum is p50.
        member: who forecast each lead.
    """

    origin: Hour
    p50: NDArray[np.float64]
    parts: Mapping[WhyPart, NDArray[np.float64]]
    member: tuple[WhyMember, ...]


def explain(forecaster: Forecaster, batch: WindowBatch) -> Why:
    """Explain the forecast of one series.

    Args:
        forecaster: that made it.
        batch: the window of the series, alone.

    Raises:
        ValueError: the batch holds more than one series, or none.
    """
    if len(batch) != 1:
        raise ValueError(f"one forecast is explained at a time, here are {len(batch)} windows")
    made = forecaster.forecast(batch)
    p50 = made.p50[0].astype(np.float64)
    parts = {part: np.zeros(batch.leads) for part in WhyPart}
    member = [WhyMember.NO_MODEL] * batch.leads
    engine = forecaster.engine_of(Rung(int(made.rung[0])))
    if engine is not None:
        with one_thread():
            _explain_days(engine, batch, int(made.floor_days[0]), parts, member)
    without_model = np.array([one is WhyMember.NO_MODEL for one in member])
    parts[WhyPart.LEVEL][without_model] = p50[without_model]
    parts[WhyPart.LIMITS] = p50 - np.sum([parts[part] for part in WhyPart], axis=0)
    return Why(int(batch.origin[0]), p50, parts, tuple(member))


def changed(newer: Why, older: Why) -> Why:
    """What a newer forecast changed: its parts minus those of an older one, for the hours that both have.

    Returns:
        The differences; leads count from the newer origin, and `member` is the newer one's.
    """
    skipped = newer.origin - older.origin
    hours = min(len(newer.p50), len(older.p50) - skipped)
    if skipped < 0 or hours <= 0:
        raise ValueError(f"the forecast of origin {newer.origin} and that of {older.origin} have no hour in common")
    mine, theirs = slice(0, hours), slice(skipped, skipped + hours)
    parts = {part: newer.parts[part][mine] - older.parts[part][theirs] for part in WhyPart}
    return Why(newer.origin, newer.p50[mine] - older.p50[theirs], parts, newer.member[mine])


def _explain_days(
    engine: Engine,
    batch: WindowBatch,
    floor_days: int,
    parts: dict[WhyPart, NDArray[np.float64]],
    member: list[WhyMember],
) -> None:
    """Write the parts of every day of the horizon that a model forecast."""
    state = describe(batch.values, screened=engine.release.feature_spec.screened)
    scale = float(state.scale[0])
    if scale == 0:
        return
    here = engine.at_origin(state, batch.calendar, int(batch.origin[0]))
    plain = PlainDays(engine.plain, here)
    known = None
    described = engine.describe(batch.weather)
    if described is not None and batch.weather is not None and engine.weather is not None:
        known = WeatherDays(engine.weather, here, SeriesWeather(described, batch.weather.place), plain)
    for day in range(1, min(days_of(batch.leads), engine.release.days) + 1):
        if floor_days >> (day - 1) & 1:
            continue
        served = None if known is None else known.served(day)
        by_weather = np.zeros(DAY_LEADS, np.bool_) if served is None else served[0]
        if not by_weather.all() and day not in engine.plain.floor_days:
            linear = _linear_parts(engine.linear_day(day), here)
            trees = _tree_parts(engine.plain.correction, plain.tree_features(day), day)
            _write(parts, member, day, linear | trees, ~by_weather, scale, WhyMember.LOAD)
        if known is not None and by_weather.any():
            linear = _linear_parts(known.linear_day(day), here)
            linear[WhyPart.WEATHER] = known.weather_term(day)[0].astype(np.float64)
            trees = _tree_parts(known.correction, known.tree_features(day), day)
            _write(parts, member, day, linear | trees, by_weather, scale, WhyMember.WEATHER)


def _write(
    parts: dict[WhyPart, NDArray[np.float64]],
    member: list[WhyMember],
    day: int,
    made: Mapping[WhyPart, NDArray[np.float64]],
    leads: NDArray[np.bool_],
    scale: float,
    name: WhyMember,
) -> None:
    for lead in np.flatnonzero(leads).tolist():
        place = DAY_LEADS * (day - 1) + lead
        if place >= len(member):
            return
        member[place] = name
        parts[WhyPart.LEVEL][place] = scale
        for part, values in made.items():
            parts[part][place] += values[lead] * scale


def _linear_parts(linear: LinearDay, here: AtOrigin) -> dict[WhyPart, NDArray[np.float64]]:
    """Parts of a linear member in units of the scale; float64 [24] each."""
    context = origin_context(here.calendar, np.array([here.origin]), linear.day)
    features = linear_features(here.state.z, context, annual=linear.annual, day=linear.day)[0].astype(np.float64)
    terms = features[:, None] * linear.coefficients[here.hour].astype(np.float64)
    names = linear_feature_names(annual=linear.annual, day=linear.day)
    part_of = np.array([_part_of_feature(name) for name in names])
    made = {part: terms[part_of == part].sum(axis=0) for part in (WhyPart.LEVEL, WhyPart.CALENDAR, WhyPart.RECENT_LOAD)}
    made[WhyPart.LEVEL] = made[WhyPart.LEVEL] + anchor(here.state.z, linear.day)[0]
    return made


def _part_of_feature(name: str) -> WhyPart:
    if name == "intercept":
        return WhyPart.LEVEL
    return WhyPart.CALENDAR if name.startswith(("weekday_", "holiday_", "season_")) else WhyPart.RECENT_LOAD


def _tree_parts(
    correction: TreeModel, features: NDArray[np.float32] | None, day: int
) -> dict[WhyPart, NDArray[np.float64]]:
    """Parts of the correction in units of the scale; float64 [24] each; none on days without one."""
    if day > LAST_CORRECTED_DAY or features is None or not correction.text:
        return {}
    given = correction.contributions(features[0])
    names = [*TREE_FEATURES, *WEATHER_TREE_FEATURES][: features.shape[2]]
    part_of = np.array([*(_part_of_column(name) for name in names), WhyPart.TREES_OTHER])
    wanted = (WhyPart.TREES_CALENDAR, WhyPart.TREES_WEATHER, WhyPart.TREES_ERRORS, WhyPart.TREES_OTHER)
    return {part: given[:, part_of == part].sum(axis=1) for part in wanted}


def _part_of_column(name: str) -> WhyPart:
    if name in WEATHER_TREE_FEATURES:
        return WhyPart.TREES_WEATHER
    if name.startswith("error_"):
        return WhyPart.TREES_ERRORS
    if name in {"lead", "hour", "weekday"} or name.startswith("holiday"):
        return WhyPart.TREES_CALENDAR
    return WhyPart.TREES_OTHER
