"""The one function that forecasts: the best rung that a series' window allows, never silently a lower one."""

from dataclasses import dataclass, fields

import numpy as np
import structlog
from numpy.typing import NDArray

from dayahead.contracts import Reason, Rung
from dayahead.features.fill import WEEK
from dayahead.features.last_week import last_week
from dayahead.features.quality import reasons
from dayahead.features.snapshot import SNAPSHOT_NAMES, snapshot
from dayahead.features.state import SeriesState, describe
from dayahead.horizon import DAY_LEADS, days_of, leads_before
from dayahead.models.serving.engine import Engine, Quantiles
from dayahead.models.serving.floor import FloorForecast, last_value, later_profile, profile
from dayahead.models.serving.release import Release
from dayahead.models.serving.weather_days import SeriesWeather
from dayahead.models.serving.weather_member import DescribedPlaces
from dayahead.models.serving.window import WindowBatch

LEAST_MODEL_HISTORY_H = WEEK + 24
"""Hours of history from which the model forecasts; before, the profile does."""

LEAST_MODEL_SHARE = 0.5
"""Share of the last week that must have been observed for the model to forecast."""

CAPACITY_FACTOR = 3.0
"""A forecast beyond this many times the greatest magnitude of the last five weeks is rejected."""

NEGATIVE_SHARE = 0.01
"""Readings below 0 by no more than this share of the window's mean magnitude are noise of the meter."""

PIECE_ROWS = 256
"""Series that are computed together: their windows fit the processor's cache."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ForecastBatch:
    """Forecasts of n series, in the unit of each; column h is lead h + 1.

    Attributes:
        p50: float32 [n, leads], median; NaN on rung 5 and nowhere else.
        p10: float32 [n, leads], never above p50.
        p90: float32 [n, leads], never below p50.
        rung: int8 [n], dayahead.contracts.Rung of day 1 of the horizon.
        floor_days: int32 [n], bit d - 1 is set where a model forecasts day 1 and the profile forecasts day d.
        reasons: int32 [n], flags of dayahead.contracts.Reason.
        features: float32 [n, 12], in the order of SNAPSHOT_NAMES.
    """

    p50: NDArray[np.float32]
    p10: NDArray[np.float32]
    p90: NDArray[np.float32]
    rung: NDArray[np.int8]
    floor_days: NDArray[np.int32]
    reasons: NDArray[np.int32]
    features: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.rung)


class Forecaster:
    """A release and what stands behind it.

    Attributes:
        release: the champion, or None before the first promotion: then the floor forecasts.
        previous: the champion before, which takes over where the champion fails.
    """

    def __init__(self, release: Release | None, previous: Release | None = None) -> None:
        self.release = release
        self.previous = previous
        self._engines = [
            (engine, rung)
            for engine, rung in (
                (Engine(release) if release else None, Rung.FULL),
                (Engine(previous) if previous else None, Rung.PREVIOUS_RELEASE),
            )
            if engine is not None
        ]

    def prepare(self) -> None:
        """Do before the first forecast what it would have to wait for."""
        for engine, _ in self._engines:
            engine.prepare()

    def engine_of(self, rung: Rung) -> Engine | None:
        """The release at work that makes forecasts of a rung; None where no release does."""
        wanted = Rung.FULL if rung is Rung.DEGRADED_INPUT else rung
        return next((engine for engine, of in self._engines if of is wanted), None)

    def forecast(self, batch: WindowBatch) -> ForecastBatch:
        """Forecast a batch; each series' result depends on its own window alone, bit for bit.

        Never raises for what is in the windows, and gives finite, ordered quantiles on rungs 0 to 4.
        """
        described = self._describe(batch)
        pieces = [
            self._forecast_piece(batch.take(slice(start, start + PIECE_ROWS)), described)
            for start in range(0, max(len(batch), 1), PIECE_ROWS)
        ]
        if len(pieces) == 1:
            return pieces[0]
        return ForecastBatch(
            *(np.concatenate([getattr(piece, item.name) for piece in pieces]) for item in fields(ForecastBatch))
        )

    def _describe(self, batch: WindowBatch) -> DescribedPlaces | None:
        """The places of a batch as the champion describes them, once for all pieces."""
        return self._engines[0][0].describe(batch.weather) if self._engines else None

    def _forecast_piece(self, batch: WindowBatch, described: DescribedPlaces | None) -> ForecastBatch:
        screened = self.release.feature_spec.screened if self.release else True
        state = describe(batch.values, screened=screened)
        week = last_week(state)
        draft = _Draft(state, reasons(state, week, batch.calendar), batch.leads)
        modelled = (state.history_h >= LEAST_MODEL_HISTORY_H) & (week.observed >= LEAST_MODEL_SHARE * WEEK)
        for place, (engine, rung) in enumerate(self._engines):
            if (rows := np.flatnonzero(draft.open & modelled)).size:
                of_engine = described if place == 0 else engine.describe(batch.weather)
                self._try_engine(engine, rung, batch, draft, rows, of_engine)
        if self.release is None:
            draft.flag(draft.open, Reason.NO_RELEASE)
        for rung in (Rung.PROFILE, Rung.LAST_VALUE):
            if draft.open.any():
                draft.accept_floor(rung)
        return draft.finish()

    def _try_engine(
        self,
        engine: Engine,
        rung: Rung,
        batch: WindowBatch,
        draft: "_Draft",
        rows: NDArray[np.int64],
        described: DescribedPlaces | None,
    ) -> None:
        spec = engine.release.feature_spec
        state = draft.state
        if self.release is not None and spec.screened != self.release.feature_spec.screened:
            state = describe(batch.values, screened=spec.screened)
        try:
            part = state if len(rows) == len(state) else state.take(rows)
            weather = None
            if described is not None and batch.weather is not None:
                weather = SeriesWeather(described, batch.weather.place[rows])
            made = engine.quantiles(part, batch.calendar, batch.origin[rows], batch.leads, weather)
        except (FloatingPointError, ValueError, IndexError) as error:
            _log.exception("model_failed", release=engine.release.release_id, error=str(error))
            draft.flag(_as_mask(rows, len(batch)), Reason.MODEL_FAILED)
            return
        reasons_of_weather = None if weather is None else engine.weather_reasons(weather, batch.leads)
        draft.accept_model(made, rows, rung, reasons_of_weather)


class _Draft:
    """Forecasts while they are being made: each row is open until a rung's result passes the checks."""

    def __init__(self, state: SeriesState, flags: NDArray[np.int32], leads: int) -> None:
        count = len(state)
        self.state = state
        self._leads = leads
        self.open = np.ones(count, np.bool_)
        self._flags = flags
        self._rung = np.full(count, Rung.NONE, np.int8)
        self._floor_days = np.zeros(count, np.int32)
        self._quantiles = np.full((3, count, leads), np.nan, np.float32)
        lowest, highest = state.values.min(axis=1), state.values.max(axis=1)
        self._limit = CAPACITY_FACTOR * np.maximum(highest, -lowest)
        # A series that was never below 0, but for noise, has no reason to be forecast there; another one goes no
        # farther down than its lowest hour gives reason for.
        self._least = np.zeros(count)
        below = np.flatnonzero(lowest < 0)
        noise = NEGATIVE_SHARE * np.abs(state.values[below]).mean(axis=1)
        self._least[below] = np.where(lowest[below] >= -noise, 0.0, CAPACITY_FACTOR * lowest[below])

    def flag(self, rows: NDArray[np.bool_], reason: Reason) -> None:
        """Give some rows a reason."""
        self._flags[rows] |= int(reason)

    def accept_model(
        self, made: Quantiles, rows: NDArray[np.int64], rung: Rung, flags: NDArray[np.int32] | None = None
    ) -> None:
        """Take a model's quantiles for the rows where day 1 passes the output checks, each later day by itself.

        Args:
            made: of some series.
            rows: int64 [n], which series these are.
            rung: that they have earned.
            flags: int32 [n], reasons that the model itself gives.
        """
        sound = np.isfinite(made.p10) & np.isfinite(made.p90) & (np.abs(made.p50) <= self._limit[rows, None])
        accepted = sound[:, :DAY_LEADS].all(axis=1)
        self.flag(_as_mask(rows[~accepted], len(self.open)), Reason.OUTPUT_REJECTED)
        if flags is not None:
            self._flags[rows[accepted]] |= flags[accepted]
        rows, made, sound = rows[accepted], made.take(accepted), sound[accepted]
        self._keep(rows, made, rung)
        for day in range(2, days_of(self._leads) + 1):
            unsound = rows[~sound[:, _leads_of(day)].all(axis=1)]
            if len(unsound):
                self._floor_days[unsound] |= 1 << (day - 1)
                self._keep_day(unsound, day, self._profile(day).take(unsound))

    def accept_floor(self, rung: Rung) -> None:
        """Take a forecast without a model for the rows that are still open: the profile, or the last value."""
        windows = self.state.values, self.state.observed, self.state.history_h
        made = last_value(*windows) if rung is Rung.LAST_VALUE else self._profile(1)
        chosen = np.flatnonzero(self.open & made.usable)
        for day in range(1, days_of(self._leads) + 1):
            of_day = self._profile(day) if rung is Rung.PROFILE else made
            self._keep_day(chosen, day, of_day.take(chosen))
        self._rung[chosen] = rung
        self.open[chosen] = False

    def _profile(self, day: int) -> FloorForecast:
        windows = self.state.values, self.state.observed, self.state.history_h
        return profile(*windows) if day == 1 else later_profile(*windows, day)

    def finish(self) -> ForecastBatch:
        """The result; what is still open has no forecast."""
        degraded = (self._rung == Rung.FULL) & (self._flags != 0)
        rung = np.where(degraded, np.int8(Rung.DEGRADED_INPUT), self._rung)
        p10, p50, p90 = self._quantiles
        return ForecastBatch(p50, p10, p90, rung, self._floor_days, self._flags, snapshot(self.state))

    def _keep(self, rows: NDArray[np.int64], made: Quantiles, rung: Rung) -> None:
        self._write(rows, slice(0, self._leads), made)
        self._rung[rows] = rung
        self.open[rows] = False

    def _keep_day(self, rows: NDArray[np.int64], day: int, made: FloorForecast) -> None:
        leads = _leads_of(day)
        width = made.half_width[:, None]
        p50 = made.p50[:, : self._leads - leads.start]
        self._write(rows, leads, Quantiles(p50 - width, p50, p50 + width))

    def _write(self, rows: NDArray[np.int64], leads: slice, made: Quantiles) -> None:
        """Write quantiles in order and within the limits of their series."""
        limit, least = self._limit[rows, None], self._least[rows, None]
        p10, p50, p90 = (np.clip(part, least, limit) for part in (made.p10, made.p50, made.p90))
        self._quantiles[0, rows, leads] = np.minimum(p10, p50)
        self._quantiles[1, rows, leads] = p50
        self._quantiles[2, rows, leads] = np.maximum(p90, p50)


def _leads_of(day: int) -> slice:
    """Columns of a day of the horizon; of the last one there may be fewer."""
    return slice(leads_before(day), leads_before(day) + DAY_LEADS)


def _as_mask(rows: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, np.bool_)
    mask[rows] = True
    return mask


__all__ = ["SNAPSHOT_NAMES", "ForecastBatch", "Forecaster"]
