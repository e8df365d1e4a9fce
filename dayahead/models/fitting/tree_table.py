"""The table that the trees learn from: rows and leads drawn from the history, as the linear member leaves them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dayahead.features.calendar import Calendar
from dayahead.features.fill import WEEK
from dayahead.features.lags import lagged
from dayahead.features.state import SeriesState, describe
from dayahead.features.weather import ResponsePrior
from dayahead.horizon import DAY_LEADS
from dayahead.models.fitting.examples import CHUNK_ROWS, Rows, block_starts
from dayahead.models.fitting.linear import LinearFit
from dayahead.models.fitting.weather_linear import WeatherLinearFit
from dayahead.models.history import History
from dayahead.models.serving.linear import PAST_OFFSETS, LinearMember, LinearOutlook
from dayahead.models.serving.plain_days import day_features
from dayahead.models.serving.weather_member import DescribedPlaces, WeatherLinear, responses_of, weather_day_features
from dayahead.models.settings import TreeSettings

LEAST_ORIGINS = 1_000
"""Origins that are drawn at least: many series at few origins would all have the same weather."""


KEPT_MEMBERS = 2
"""Members that are kept unpacked, 34 MB each: rows come by time, and so block by block."""


@dataclass(frozen=True)
class TreeTable:
    """Rows that the trees learn from: one (series, origin, lead) each.

    Attributes:
        features: float32 [n, 32], or [n, 38] of the member that knows the weather.
        residual: float32 [n], actual - out-of-block linear forecast, in units of the scale.
        block: int64 [n], block of time of the origin.
        lead: int64 [n], 1 to 24.
        actual: float64 [n], in the unit of the series.
        scale: float64 [n], of the series at the origin.
        size: float64 [n], mean magnitude of the series over the whole history.
        naive: float64 [n], the actual a week before, in the unit of the series.
    """

    features: NDArray[np.float32]
    residual: NDArray[np.float32]
    block: NDArray[np.int64]
    lead: NDArray[np.int64]
    actual: NDArray[np.float64]
    scale: NDArray[np.float64]
    size: NDArray[np.float64]
    naive: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.residual)

    def where(self, chosen: NDArray[np.bool_]) -> "TreeTable":
        """Some of the rows."""
        return TreeTable(*(getattr(self, item.name)[chosen] for item in fields(TreeTable)))

    @staticmethod
    def join(parts: "Sequence[TreeTable]") -> "TreeTable":
        """Tables one after the other."""
        return TreeTable(*(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(TreeTable)))


@dataclass(frozen=True)
class WeatherTreeTable:
    """The rows of a table that the weather is known for, as the member that knows it leaves them.

    Attributes:
        rows: bool [rows of the table], which these are.
        table: of these rows, with the columns of the weather.
    """

    rows: NDArray[np.bool_]
    table: TreeTable


def tree_table(
    history: History,
    rows: Rows,
    linear: LinearFit,
    settings: TreeSettings,
    *,
    screened: bool,
    rng: np.random.Generator,
    prior: ResponsePrior | None = None,
) -> tuple[TreeTable, WeatherTreeTable | None]:
    """Draw rows and leads, and compute what the trees see.

    Args:
        history: what the rows point into.
        rows: origins to draw from.
        linear: the linear member with its out-of-block coefficients.
        settings: how many rows and leads.
        screened: whether implausible values are set aside.
        rng: for the draw.
        prior: response of a series before its window says more, where the linear member has one that knows the weather.

    Returns:
        The table of the member without weather, and that of the member with weather where there is one.
    """
    members = UnseeingMembers(rows, linear)
    weather_members = None
    if linear.weather is not None and prior is not None:
        weather_members = UnseeingWeatherMembers(history, linear.weather, prior, annual=linear.annual)
    sizes = _sizes(history)
    parts: list[TreeTable] = []
    weather_parts: list[TreeTable] = []
    covered_parts: list[NDArray[np.bool_]] = []
    drawn = draw(rows, settings.rows, rng)
    # Where rows are few, each tells more of itself.
    leads_per_row = min(max(settings.rows * settings.leads_per_row // len(drawn), settings.leads_per_row), DAY_LEADS)
    for group, state in by_origin(history, drawn, screened=screened):
        calendar = history.calendars[history.calendar_of[group.series[0]]]
        origin = int(group.origin[0])
        outlook = members.outlook(state, calendar, origin, int(group.block[0]))
        features = day_features(state, outlook.forecast, outlook, calendar, origin)
        leads = rng.permuted(np.tile(np.arange(DAY_LEADS), (len(group), 1)), axis=1)[:, :leads_per_row]
        actual = np.take_along_axis(history.targets(group.series, group.origin), leads, axis=1)
        alive = np.where(state.scale > 0, state.scale, np.nan)[:, None]
        residual = (actual / alive - 1.0 - np.take_along_axis(outlook.forecast, leads, axis=1)).astype(np.float32)
        known = np.isfinite(residual)
        part = TreeTable(
            features[np.arange(len(group))[:, None], leads][known],
            residual[known],
            np.repeat(group.block[:1], int(known.sum())),
            leads[known] + 1,
            actual[known],
            np.broadcast_to(state.scale[:, None], leads.shape)[known],
            np.broadcast_to(sizes[group.series, None], leads.shape)[known],
            np.take_along_axis(lagged(state.values, WEEK), leads, axis=1)[known],
        )
        parts.append(part)
        if weather_members is not None:
            made, columns, covered = weather_members.at(group, state, calendar, outlook)
            missed = (actual / alive - 1.0 - np.take_along_axis(made, leads, axis=1)).astype(np.float32)
            covered_parts.append(np.take_along_axis(covered, leads, axis=1)[known])
            of_weather = replace(
                part,
                features=columns[np.arange(len(group))[:, None], leads][known],
                residual=missed[known],
            )
            weather_parts.append(of_weather.where(covered_parts[-1]))
    table = TreeTable.join(parts)
    if not weather_parts:
        return table, None
    return table, WeatherTreeTable(np.concatenate(covered_parts), TreeTable.join(weather_parts))


class UnseeingMembers:
    """The linear member as it would be had it not seen a row's block of time.

    In service a release soon meets hours that it was not fitted on, and that is how its past errors must look to the
    trees and to the band. Those of the row's own block are so; those of the blocks before it were fitted on, and are
    made as much larger as they should be.
    """

    def __init__(self, rows: Rows, linear: LinearFit) -> None:
        """Prepare.

        Args:
            rows: all rows that the member was fitted on.
            linear: the fit.
        """
        self._linear = linear
        self._member = lru_cache(maxsize=KEPT_MEMBERS)(self._without_block)
        self._starts = block_starts(rows)

    def _without_block(self, block: int) -> LinearMember:
        return LinearMember(self._linear.without_block[block], annual=self._linear.annual)

    def outlook(self, state: SeriesState, calendar: Calendar, origin: int, block: int) -> LinearOutlook:
        """As of LinearMember, for rows of one block at one origin."""
        made = self._member(block).outlook(state, calendar, origin)
        seen = origin - PAST_OFFSETS < self._starts[block]
        return LinearOutlook(made.forecast, made.errors * np.where(seen, self._linear.optimism, 1.0).astype(np.float32))


class UnseeingWeatherMembers:
    """The linear member that knows the weather as it would be had it not seen a row's block of time."""

    def __init__(
        self,
        history: History,
        linear: WeatherLinearFit,
        prior: ResponsePrior,
        *,
        annual: bool,
        day: int = 1,
        label: NDArray[np.int64] | None = None,
    ) -> None:
        """Prepare.

        Args:
            history: with weather.
            linear: the fit of a day of the horizon.
            prior: of the responses.
            annual: whether the season is among the features.
            day: of the horizon.
            label: int64 [blocks], place of each block in the fit, -1 where the block has no row; left out, its number.
        """
        self._history, self._linear, self._prior = history, linear, prior
        self._annual, self._day, self._label = annual, day, label
        self._member = lru_cache(maxsize=1)(self._without_block)

    def _without_block(self, block: int) -> WeatherLinear:
        label = block if self._label is None else int(self._label[block])
        parts = self._linear.coefficients, self._linear.effects
        if label >= 0:
            parts = self._linear.without_block[label], self._linear.effects_without_block[label]
        return WeatherLinear(*parts, annual=self._annual, day=self._day)

    def at(
        self, rows: Rows, state: SeriesState, calendar: Calendar, outlook: LinearOutlook
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
        """Forecast rows of one block at one origin, without having seen the block.

        Args:
            rows: of n series.
            state: of theirs.
            calendar: of their source.
            outlook: of the member without weather.

        Returns:
            Forecast, float32 [n, 24]; tree features, float32 [n, 24, 38]; for which leads they hold, bool [n, 24].
        """
        known = self._history.window_weather(rows.series, rows.origin)
        if known is None:
            raise ValueError("the history has no weather")
        origin = int(rows.origin[0])
        described = DescribedPlaces.of(known, self._prior)
        place = np.maximum(known.place, 0)
        slopes = responses_of(state, described, place)
        member = self._member(int(rows.block[0]))
        forecast = member.forecast(state, calendar, origin, described, place, slopes)
        covered = described.covered(self._day)[place] & (known.place >= 0)[:, None]
        if self._day == 1:  # as in service: the trees ask for the mean of the day
            forecast = np.where(covered, forecast, outlook.forecast)
        features = weather_day_features(state, forecast, outlook, calendar, origin, self._day, described, place)
        return forecast, features, covered


def _sizes(history: History) -> NDArray[np.float64]:
    """Mean magnitude of each series; [series]."""
    known = np.isfinite(history.values)
    total = np.abs(np.where(known, history.values, 0.0)).sum(axis=1)
    return np.asarray(total / np.maximum(known.sum(axis=1), 1))


def draw(rows: Rows, count: int, rng: np.random.Generator) -> Rows:
    """Draw about so many rows at random origins, and at least at `LEAST_ORIGINS` of them."""
    origins = np.unique(rows.origin)
    wanted = max(int(np.ceil(count * len(origins) / len(rows))), min(LEAST_ORIGINS, len(origins)))
    if wanted < len(origins):
        drawn = rng.choice(origins, wanted, replace=False)
        rows = rows.take(np.flatnonzero(np.isin(rows.origin, drawn)))
    if len(rows) > count:
        rows = rows.take(np.sort(rng.choice(len(rows), count, replace=False)))
    return rows


def by_origin(history: History, rows: Rows, *, screened: bool) -> Iterator[tuple[Rows, SeriesState]]:
    """Rows that share origin and calendar, and their states, oldest first."""
    calendar = history.calendar_of[rows.series]
    order = np.lexsort((rows.series, calendar, rows.origin))
    rows, calendar = rows.take(order), calendar[order]
    for start in range(0, len(rows), CHUNK_ROWS):
        part = np.arange(start, min(start + CHUNK_ROWS, len(rows)))
        chunk = rows.take(part)
        state = describe(history.windows(chunk.series, chunk.origin), screened=screened)
        changes = np.flatnonzero((np.diff(chunk.origin) != 0) | (np.diff(calendar[part]) != 0)) + 1
        for first, last in pairwise([0, *changes.tolist(), len(part)]):
            yield chunk.take(np.arange(first, last)), state.take(slice(first, last))
