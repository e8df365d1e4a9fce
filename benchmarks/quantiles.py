"""Calibration of the quantiles between and beyond the three: `make benchmark B=quantiles`.

Prints how many hours lie within the central 50, 80, 90 and 98 %, by the shape of the release and by the normal shape
that stands in for it, and how many daily peaks lie within the central 80 %; then one JSON line a protocol.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import orjson
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy_methods import SEED
from benchmarks.accuracy_protocols import DAY, PROTOCOLS, DataAbsentError, Protocol
from dayahead.horizon import days_of
from dayahead.models.fitting.fit import fit_release
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from dayahead.models.serving.window import WindowBatch
from dayahead.models.settings import ModelSettings
from dayahead.quantiles import peak_of_day, quantile, shape_by_lead

SHARES = (0.5, 0.8, 0.9, 0.98)
PEAK_SHARE = 0.8
BATCH = 5_000
SHAPES = ("release", "normal")


@dataclass(frozen=True)
class Calibration:
    """What was measured on a protocol; shares, not per cent.

    Attributes:
        protocol: name of the protocol.
        hours: that were judged.
        coverage: by shape, share of hours within the central interval of each of `SHARES`.
        peaks: daily peaks that were judged.
        peak_coverage: share of them within the central 80 %.
        peak_hour_hit: share of days whose likeliest hour of the peak was the hour of the peak, or next to it.
        peak_hour_hit_of_median: the same of the greatest hour of the median.
    """

    protocol: str
    hours: int
    coverage: dict[str, dict[str, float]]
    peaks: int
    peak_coverage: float
    peak_hour_hit: float
    peak_hour_hit_of_median: float


def main(
    protocol: Annotated[list[str] | None, typer.Option(help="Protocols; by default de35 and vic-hourly")] = None,
    held_out: Annotated[
        int, typer.Option(help="Judge the period so many before the test instead, fitted before it")
    ] = 0,
) -> None:
    """Measure how well any quantile is calibrated."""
    console = Console(width=140)
    found = []
    for name in protocol or ["de35", "vic-hourly"]:
        try:
            chosen = earlier(PROTOCOLS[name](), held_out)
        except DataAbsentError as absent:
            console.print(f"{name}: skipped, {absent}")
            continue
        found.append(calibration(chosen, fit_release(chosen.training, ModelSettings(), SEED)))
    console.print(_table(found))
    for one in found:
        print(orjson.dumps(one).decode())


def earlier(protocol: Protocol, periods: int) -> Protocol:
    """The same protocol, so many of its periods before the test, so that a choice can be made without the test."""
    if not periods:
        return protocol
    back = periods * (int(protocol.origin.max() - protocol.origin.min()) + DAY)
    moved = protocol.origin - back
    training = replace(protocol.history.until(int(moved.min()) + 1), leads=protocol.leads)
    return replace(protocol, training=training, origin=moved)


def calibration(protocol: Protocol, release: Release) -> Calibration:
    """Judge the quantiles of a release on a protocol."""
    tails = [(1 - share) / 2 for share in SHARES]
    inside = np.zeros((len(SHAPES), len(SHARES)))
    hours = peaks = peaks_inside = hits = hits_of_median = 0
    for actual, (p10, p50, p90) in _forecasts(protocol, Forecaster(release)):
        known = np.isfinite(actual)
        hours += int(known.sum())
        shapes = [_shape(release if name == "release" else None, len(p50)) for name in SHAPES]
        for place, shape in enumerate(shapes):
            for number, tail in enumerate(tails):
                low, high = quantile(p10, p50, p90, shape, tail), quantile(p10, p50, p90, shape, 1 - tail)
                inside[place, number] += np.sum((actual >= low) & (actual <= high) & known)
        if known[:DAY].all():
            levels = ((1 - PEAK_SHARE) / 2, (1 + PEAK_SHARE) / 2)
            (low, high), chances = peak_of_day(p10[:DAY], p50[:DAY], p90[:DAY], shapes[0][:DAY], levels)
            size, hour = actual[:DAY].max(), int(actual[:DAY].argmax())
            peaks += 1
            peaks_inside += int(low <= size <= high)
            hits += int(abs(int(chances.argmax()) - hour) <= 1)
            hits_of_median += int(abs(int(p50[:DAY].argmax()) - hour) <= 1)
    coverage = {
        name: {f"{share:g}": float(inside[place, number] / hours) for number, share in enumerate(SHARES)}
        for place, name in enumerate(SHAPES)
    }
    return Calibration(
        protocol.name, hours, coverage, peaks, peaks_inside / peaks, hits / peaks, hits_of_median / peaks
    )


def _shape(release: Release | None, leads: int) -> NDArray[np.float64]:
    days = days_of(leads)
    if release is None:
        return shape_by_lead(None, [False] * days, leads)
    floors = [day in release.floor_days for day in range(1, days + 1)]
    return shape_by_lead(release.shape_by_day, floors, leads)


Quantiles = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def _forecasts(protocol: Protocol, forecaster: Forecaster) -> Iterator[tuple[NDArray[np.float64], Quantiles]]:
    """What was, NaN where it is not judged, and the three quantiles of each forecast; [leads] each."""
    judged = np.broadcast_to(protocol.judged, (len(protocol.origin), protocol.leads))
    for start in range(0, len(protocol.origin), BATCH):
        rows = slice(start, start + BATCH)
        series, origin = protocol.series[rows], protocol.origin[rows]
        made = forecaster.forecast(
            WindowBatch(protocol.history.windows(series, origin), origin, protocol.history.calendars[0], protocol.leads)
        )
        actual = np.where(judged[rows], protocol.history.targets(series, origin, protocol.leads), np.nan)
        for row, of_row in enumerate(actual):
            yield of_row, (made.p10[row], made.p50[row], made.p90[row])


def _table(found: list[Calibration]) -> Table:
    table = Table("protocol", "shape", *(f"{share:.0%}" for share in SHARES), "peak 80%", "peak hour +-1 h", "of p50")
    for one in found:
        for name in SHAPES:
            shares = [f"{100 * one.coverage[name][f'{share:g}']:.1f}" for share in SHARES]
            ours = name == "release"
            peaks = (one.peak_coverage, one.peak_hour_hit, one.peak_hour_hit_of_median) if ours else ()
            table.add_row(one.protocol, name, *shares, *(f"{100 * share:.1f}" for share in peaks))
    return table


if __name__ == "__main__":
    typer.run(main)
