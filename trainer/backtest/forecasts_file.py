"""Every forecast hour of a backtest as a row of a Parquet file."""

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from dayahead.contracts import Rung
from dayahead.horizon import DAY_LEADS
from dayahead.hours import HOUR_S
from trainer.backtest.walk import Backtest

FORECASTS_FILE = "forecasts.parquet"
ROWS_AT_ONCE = 10_000
"""Forecasts written as hourly rows in one batch: bounds the memory."""

Column: TypeAlias = "pa.Array[Any]"
_MOMENT = pa.timestamp("s", tz="UTC")
_FIELDS: list[tuple[str, pa.DataType]] = [
    ("series_id", pa.string()),
    ("origin", _MOMENT),
    ("lead", pa.int16()),
    ("valid_time", _MOMENT),
    ("p10", pa.float32()),
    ("p50", pa.float32()),
    ("p90", pa.float32()),
    ("rung", pa.int8()),
    ("release", pa.string()),
    ("actual", pa.float64()),
]
SCHEMA = pa.schema(_FIELDS)


def write_forecasts(backtest: Backtest, folder: Path) -> Path:
    """Write `forecasts.parquet` atomically.

    Returns:
        The file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file, partial = folder / FORECASTS_FILE, folder / f"{FORECASTS_FILE}.partial"
    with pq.ParquetWriter(partial, SCHEMA, compression="zstd") as writer:
        for start in range(0, len(backtest.result), ROWS_AT_ONCE):
            writer.write_table(_rows(backtest, slice(start, start + ROWS_AT_ONCE)))
    return partial.replace(file)


def _rows(backtest: Backtest, part: slice) -> pa.Table:
    result = backtest.result
    leads = result.p50.shape[1]
    series, origins = np.repeat(result.series[part], leads), np.repeat(result.origin[part], leads)
    lead = np.tile(np.arange(1, leads + 1, dtype=np.int16), len(result.origin[part]))
    firsts = np.array(list(backtest.releases), np.int64)
    names = np.array([release.release_id for release in backtest.releases.values()], object)
    columns: list[Column] = [
        pa.array(np.array(result.series_ids, object)[series]),
        _times(origins),
        pa.array(lead),
        _times(origins + lead),
        # a forecast that was not made is null, as is an hour that was not observed
        pa.array(result.p10[part].ravel(), from_pandas=True),
        pa.array(result.p50[part].ravel(), from_pandas=True),
        pa.array(result.p90[part].ravel(), from_pandas=True),
        pa.array(_rungs(result.rung[part], result.floor_days[part], leads).ravel()),
        pa.array(names[np.searchsorted(firsts, origins + 1, side="right") - 1]),
        pa.array(result.actual[part].ravel(), from_pandas=True),
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _rungs(rung: NDArray[np.int8], floor_days: NDArray[np.int32], leads: int) -> NDArray[np.int8]:
    """Rung of each forecast hour: that of its day of the horizon."""
    day = np.arange(leads) // DAY_LEADS
    return np.where(floor_days[:, None] >> day & 1, np.int8(Rung.PROFILE), rung[:, None])


def _times(hours: NDArray[np.int64]) -> Column:
    return pa.array(hours * HOUR_S, pa.int64()).cast(_MOMENT)
