"""Forecasts series of a partition: takes windows from its state, and returns forecast rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from dayahead.contracts import Rung
from dayahead.grouping import groups
from dayahead.hours import to_microseconds
from dayahead.models.serving.forecaster import ForecastBatch, Forecaster
from dayahead.models.serving.window import WindowBatch
from dayahead.source import Source
from dayahead.storage.tables.forecast import ForecastRows
from stream.partition.metrics import FORECASTING_SECONDS
from stream.partition.state import PartitionState

SERIES_AT_ONCE = 2_000
"""Series whose windows are copied at once: 15 MB, a few times that during computation."""


@dataclass(frozen=True)
class Made:
    """Forecasts and their features.

    Attributes:
        series: int64 [n], indices of the series.
        rows: n rows.
        features: float32 [n, k], in the order of SNAPSHOT_NAMES.
    """

    series: NDArray[np.int64]
    rows: ForecastRows
    features: NDArray[np.float32]


class Forecasting:
    """Forecasts series with one release; each release has its own object.

    Attributes:
        release: id of the champion, None before the first promotion.
    """

    def __init__(self, forecaster: Forecaster) -> None:
        self._forecaster = forecaster
        self.release = forecaster.release.release_id if forecaster.release else None
        previous = forecaster.previous.release_id if forecaster.previous else None
        self._release_of_rung = np.full(len(Rung), None, object)
        self._release_of_rung[[Rung.FULL, Rung.DEGRADED_INPUT]] = self.release
        self._release_of_rung[Rung.PREVIOUS_RELEASE] = previous

    def make(
        self,
        state: PartitionState,
        sources: Mapping[int, Source],
        series: NDArray[np.int64],
        message_offset: NDArray[np.int64],
        now: datetime,
    ) -> Made | None:
        """Forecast series at their newest hours.

        Args:
            state: of the partition.
            sources: by source_key.
            series: int64 [n], indices, each with an observed hour.
            message_offset: int64 [n], the message that caused each forecast.
            now: when they are issued.

        Returns:
            The n forecasts in the order of their sources, or None where n is 0.
        """
        parts = []
        for source_key, of_source in groups(state.source_keys[series]):
            source = sources[source_key]
            for start in range(0, len(of_source), SERIES_AT_ONCE):
                chosen = of_source[start : start + SERIES_AT_ONCE]
                origin = state.newest[series[chosen]]
                with FORECASTING_SECONDS.labels("windows").time():
                    windows = self._windows(state, source_key, source, series[chosen], origin)
                with FORECASTING_SECONDS.labels("forecast").time():
                    made = self._forecaster.forecast(windows)
                rows = self._rows(made, state.keys[series[chosen]], origin, message_offset[chosen], now)
                parts.append(Made(series[chosen], rows, made.features))
        if not parts:
            return None
        return Made(
            np.concatenate([part.series for part in parts]),
            ForecastRows.joined([part.rows for part in parts]),
            np.concatenate([part.features for part in parts]),
        )

    @staticmethod
    def _windows(
        state: PartitionState,
        source_key: int,
        source: Source,
        series: NDArray[np.int64],
        origin: NDArray[np.int64],
    ) -> WindowBatch:
        weather = None
        if source.weather is not None:
            weather = state.weather.windows(
                source_key,
                source.weather,
                series,
                lambda index: state.series[index].series_id,
                origin,
                source.leads,
            )
        return WindowBatch(state.windows(series, origin), origin, source.calendar, source.leads, weather)

    def _rows(
        self,
        made: ForecastBatch,
        keys: NDArray[np.int64],
        origin: NDArray[np.int64],
        message_offset: NDArray[np.int64],
        now: datetime,
    ) -> ForecastRows:
        return ForecastRows(
            series_key=keys,
            origin=origin,
            issued_us=np.full(len(keys), to_microseconds(now), np.int64),
            release=self._release_of_rung[made.rung],
            rung=made.rung,
            reasons=made.reasons,
            floor_days=made.floor_days,
            message_offset=message_offset,
            leads=np.where(made.rung == Rung.NONE, 0, made.p50.shape[1]).astype(np.int16),
            p50=made.p50,
            p10=made.p10,
            p90=made.p90,
        )
