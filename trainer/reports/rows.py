"""The rows that a report compares: a sample of series and hours, with what was known, forecast and observed."""

import io
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from dayahead.features.snapshot import SNAPSHOT_NAMES
from dayahead.hours import Hour

OBSERVED_SHARE = SNAPSHOT_NAMES.index("observed_share_168h")


@dataclass(frozen=True)
class ReportRows:
    """Hours of a sample, one a series and origin.

    Attributes:
        reference_from: first hour of the reference.
        current_from: hour after its last, and first current one.
        current_until: hour after the last current one.
        area: str [n], first label of the series.
        is_current: bool [n], whether a row is of the current hours, or else of the reference.
        features: float64 [n, 12], rolling features at the origin in the order of SNAPSHOT_NAMES; all but the last in
            units of `level`.
        actual: float64 [n], what was observed, in units of `level`.
        forecast: float64 [n], the median of the forecast in units of `level`, NaN where there was none.
        level: float64 [n], mean |value| of the series in the reference, in its unit.
        own: bool [n], whether the release of the report made the forecast.
    """

    reference_from: Hour
    current_from: Hour
    current_until: Hour
    area: NDArray[np.str_]
    is_current: NDArray[np.bool_]
    features: NDArray[np.float64]
    actual: NDArray[np.float64]
    forecast: NDArray[np.float64]
    level: NDArray[np.float64]
    own: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.area)

    @classmethod
    def scaled(
        cls,
        window: tuple[Hour, Hour, Hour],
        area: NDArray[np.str_],
        is_current: NDArray[np.bool_],
        features: NDArray[np.float32],
        actual: NDArray[np.float64],
        forecast: NDArray[np.float32],
        level: NDArray[np.float64],
        own: NDArray[np.bool_],
    ) -> "ReportRows":
        """Rows in units of the levels of their series; those without an actual or a level are left out.

        Args:
            window: first hour of the reference, first current hour, hour after the last.
            area: str [n].
            is_current: bool [n].
            features: float32 [n, 12], in the units of the series.
            actual: float64 [n], likewise.
            forecast: float32 [n], likewise.
            level: float64 [n], likewise.
            own: bool [n].
        """
        known = np.isfinite(actual) & np.isfinite(level) & (level > 0) & np.isfinite(features).all(axis=1)
        unit = np.where(known, level, 1.0)
        relative = features / unit[:, None]
        relative[:, OBSERVED_SHARE] = features[:, OBSERVED_SHARE]
        return cls(*window, area, is_current, relative, actual / unit, forecast / unit, level, own).take(known)

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> "ReportRows":
        """Some of the rows."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _ARRAYS})

    def to_bytes(self) -> bytes:
        """The rows for another process."""
        file = io.BytesIO()
        np.savez(file, **{item.name: getattr(self, item.name) for item in fields(self)})
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> "ReportRows":
        """Rows that another process wrote by `to_bytes`."""
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            window = (int(stored[name]) for name in ("reference_from", "current_from", "current_until"))
            reference_from, current_from, current_until = window
            return cls(reference_from, current_from, current_until, *(stored[name] for name in _ARRAYS))


_ARRAYS = ("area", "is_current", "features", "actual", "forecast", "level", "own")
