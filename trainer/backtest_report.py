"""A backtest as tables on a terminal and as a Parquet file with every forecast."""

from collections import Counter
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from dayahead.contracts import LEADS, Rung
from dayahead.evaluation.backtest import RunResult
from dayahead.evaluation.metrics import Accuracy
from dayahead.hours import HOUR_S
from trainer.backtest import Backtest

LEAD_GROUPS = ((1, 6), (7, 12), (13, 18), (19, 24))
FORECASTS_FILE = "forecasts.parquet"
Column: TypeAlias = "pa.Array[Any]"


def print_backtest(console: Console, backtest: Backtest) -> None:
    """Accuracy in all, by area, by lead."""
    result = backtest.result
    table = Table(
        "", "forecasts", "WAPE", "naive", "skill", "MAPE", "bias", "in 10-90 % band", "pinball",
        title=f"{len(backtest.origins)} origins, {len(np.unique(result.series))} series, {backtest.release.release_id}",
    )  # fmt: skip
    table.add_row("all", *_cells(result.accuracy()), end_section=True)
    areas = np.array([name.split("/")[0] for name in result.series_ids])[result.series]
    for area in np.unique(areas):
        table.add_row(str(area), *_cells(result.accuracy(areas == area)))
    console.print(table)
    console.print(f"Mean over the series of each one's WAPE: {result.wape_series_mean():.2%}", highlight=False)
    leads = Table("lead", "mean absolute error / mean actual")
    for first, last in LEAD_GROUPS:
        leads.add_row(f"{first} to {last} h", f"{_wape_of_leads(result, first, last):.2%}")
    console.print(leads)
    rungs = Counter(result.rung.tolist())
    told = ", ".join(f"{count:,} {Rung(rung).meaning}" for rung, count in sorted(rungs.items()))
    console.print(f"Rungs: {told}", highlight=False, soft_wrap=True)


def write_forecasts(backtest: Backtest, folder: Path) -> Path:
    """Write every forecast hour as a row of `forecasts.parquet`.

    Returns:
        The file.
    """
    result = backtest.result
    folder.mkdir(parents=True, exist_ok=True)
    lead = np.tile(np.arange(1, LEADS + 1, dtype=np.int16), len(result))
    origin = np.repeat(result.origin, LEADS)
    columns: dict[str, Column] = {
        "series_id": pa.array(np.array(result.series_ids, object)[np.repeat(result.series, LEADS)]),
        "origin": _times(origin),
        "lead": pa.array(lead),
        "valid_time": _times(origin + lead),
        "p10": pa.array(result.p10.ravel()),
        "p50": pa.array(result.p50.ravel()),
        "p90": pa.array(result.p90.ravel()),
        "rung": pa.array(np.repeat(result.rung, LEADS)),
        "release": pa.array(np.full(len(lead), backtest.release.release_id, object)),
        "actual": pa.array(result.actual.ravel(), from_pandas=True),
    }
    table = pa.table(columns)
    file = folder / FORECASTS_FILE
    pq.write_table(table, file)
    return file


def _cells(accuracy: Accuracy) -> list[str]:
    shares = (accuracy.wape, accuracy.naive_wape, accuracy.skill, accuracy.mape, accuracy.bias)
    return [
        f"{accuracy.forecasts:,}",
        *(f"{share:.2%}" for share in shares),
        f"{accuracy.coverage:.1%}",
        f"{accuracy.pinball:.2%}",
    ]


def _wape_of_leads(result: RunResult, first: int, last: int) -> float:
    part = slice(first - 1, last)
    error = result.scores.lead_error[:, part].astype(np.float64)
    known = np.isfinite(error)
    actual = np.abs(np.where(known, result.actual[:, part], 0.0)).sum()
    return float(error[known].sum() / actual) if actual else float("nan")


def _times(hours: NDArray[np.int64]) -> Column:
    return pa.array(hours * HOUR_S, pa.int64()).cast(pa.timestamp("s", tz="UTC"))
