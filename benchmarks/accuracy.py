"""Accuracy on public data: `make benchmark B=accuracy ARGS='--protocol pjm-year'`.

Prints a table, then one JSON line a protocol and method. Shares, not per cent, in JSON.
"""

import time
from dataclasses import asdict, dataclass
from typing import Annotated

import numpy as np
import orjson
import typer
from accuracy_protocols import PROTOCOLS, DataAbsentError, Protocol
from rich.console import Console
from rich.table import Table

from dayahead.evaluation.backtest import RunResult, judge
from dayahead.evaluation.score import score
from dayahead.features.fill import DAY, WEEK, fill
from dayahead.models.fit import fit_release
from dayahead.models.forecaster import Forecaster
from dayahead.models.naive import lagged
from dayahead.models.settings import ModelSettings
from dayahead.models.window import WindowBatch

SEED = 1
BATCH = 5_000


@dataclass(frozen=True)
class Measured:
    """One method on one protocol; `us_per_series` is the time of a forecast of 24 leads, one thread."""

    protocol: str
    method: str
    wape: float
    wape_series_mean: float
    mase: float
    coverage: float | None
    pinball: float | None
    fit_s: float
    us_per_series: float


def measure_dayahead(protocol: Protocol) -> Measured:
    """Fit our release and walk it through the protocol."""
    started = time.perf_counter()
    release = fit_release(protocol.training, ModelSettings(), SEED)
    fit_s = time.perf_counter() - started
    forecaster = Forecaster(release)
    result, seconds = _walk(protocol, forecaster)
    return _measured(protocol, "dayahead", result, fit_s, seconds)


def measure_naive(protocol: Protocol, lag: int) -> Measured:
    """The same hour `lag` hours before; it has no band."""
    parts = []
    started = time.perf_counter()
    for series, windows in _batches(protocol):
        p50 = lagged(fill(windows.values).values, lag).astype(np.float32)
        actual = protocol.history.targets(series, windows.origin)
        scores = score(np.concatenate([windows.values, actual], axis=1), p50, p50, p50)
        flags = np.zeros(len(series), np.int32)
        parts.append(
            RunResult(
                protocol.history.series_ids,
                series,
                windows.origin,
                p50,
                p50,
                p50,
                flags.astype(np.int8),
                flags,
                actual,
                scores,
            )
        )
    seconds = time.perf_counter() - started
    return _measured(protocol, f"seasonal naive {lag}", RunResult.join(parts), 0.0, seconds, band=False)


def _walk(protocol: Protocol, forecaster: Forecaster) -> tuple[RunResult, float]:
    parts = []
    started = time.perf_counter()
    for series, windows in _batches(protocol):
        parts.append(judge(protocol.history, series, windows, forecaster))
    return RunResult.join(parts), time.perf_counter() - started


def _batches(protocol: Protocol) -> "list[tuple[np.typing.NDArray[np.int64], WindowBatch]]":
    order = np.lexsort((protocol.series, protocol.origin))
    return [
        (
            protocol.series[part],
            WindowBatch(
                protocol.history.windows(protocol.series[part], protocol.origin[part]),
                protocol.origin[part],
                protocol.history.calendars[0],
            ),
        )
        for part in (order[start : start + BATCH] for start in range(0, len(order), BATCH))
    ]


def _measured(
    protocol: Protocol, method: str, result: RunResult, fit_s: float, seconds: float, *, band: bool = True
) -> Measured:
    total = result.accuracy()
    return Measured(
        protocol.name,
        method,
        total.wape,
        result.wape_series_mean(),
        result.mase_series_mean(protocol.training),
        total.coverage if band else None,
        total.pinball if band else None,
        fit_s,
        seconds / len(result) * 1e6,
    )


def main(
    protocol: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(PROTOCOLS)}; repeatable")] = None,
) -> None:
    """Measure our recipe and the seasonal naive on public protocols."""
    console = Console(width=140)
    lines: list[Measured] = []
    for name in protocol or list(PROTOCOLS):
        if name not in PROTOCOLS:
            raise typer.BadParameter(f"{name!r} is no protocol: choose from {', '.join(PROTOCOLS)}")
        try:
            made = PROTOCOLS[name]()
        except DataAbsentError as absent:
            console.print(f"{name}: skipped, {absent}")
            continue
        console.print(f"{name}: {made.title}; {len(made.series)} forecasts")
        measured = [measure_naive(made, DAY), measure_naive(made, WEEK), measure_dayahead(made)]
        console.print(_table(measured))
        lines += measured
    for line in lines:
        print(orjson.dumps(asdict(line)).decode())


def _table(measured: list[Measured]) -> Table:
    table = Table("method", "WAPE %", "mean of series %", "MASE", "coverage", "pinball %", "fit s", "us a series")
    for line in measured:
        table.add_row(
            line.method,
            f"{line.wape * 100:.2f}",
            f"{line.wape_series_mean * 100:.2f}",
            f"{line.mase:.3f}",
            "-" if line.coverage is None else f"{line.coverage:.3f}",
            "-" if line.pinball is None else f"{line.pinball * 100:.3f}",
            f"{line.fit_s:.1f}",
            f"{line.us_per_series:.0f}",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
