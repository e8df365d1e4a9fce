"""Accuracy on public data, ours and its peers: `make benchmark B=accuracy ARGS='--protocol pjm-year'`.

Prints a table a protocol, then one JSON line a protocol and method. Shares, not per cent, in JSON.
"""

from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy_methods import Measured
from benchmarks.accuracy_protocols import DataAbsentError
from benchmarks.accuracy_run import ALL_PROTOCOLS, OF_WEATHER, OWN, SkippedError, run, with_seed
from benchmarks.peers.registry import MODULES, WITH_WEATHER
from benchmarks.weather_protocols import WEATHER_PROTOCOLS


def main(
    protocol: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(ALL_PROTOCOLS)}; repeatable")] = None,
    *,
    peers: Annotated[bool, typer.Option(help="Measure other libraries too, fitted in the same run")] = True,
    seeds: Annotated[int, typer.Option(min=1, help="Fit ours with so many seeds, to see how much chance there is")] = 1,
    peer_minutes: Annotated[float, typer.Option(help="A peer that needs more is skipped, in minutes")] = 10.0,
) -> None:
    """Measure our recipe, the seasonal naive and other libraries on public protocols."""
    console = Console(width=140)
    lines: list[Measured] = []
    for name in protocol or list(ALL_PROTOCOLS):
        if name not in ALL_PROTOCOLS:
            raise typer.BadParameter(f"{name!r} is no protocol: choose from {', '.join(ALL_PROTOCOLS)}")
        try:
            made = ALL_PROTOCOLS[name]()
        except DataAbsentError as absent:
            console.print(f"{name}: skipped, {absent}")
            continue
        console.print(f"{name}: {made.title}; {len(made.series)} forecasts")
        del made
        ours = [with_seed(seed) for seed in range(2, seeds + 1)]
        with_weather = list(OF_WEATHER) if name in WEATHER_PROTOCOLS else []
        measured = [run(name, method) for method in [*OWN, *with_weather, *ours]]
        others = [*MODULES, *(WITH_WEATHER if name in WEATHER_PROTOCOLS else [])]
        for method in others if peers else []:
            try:
                measured.append(run(name, method, peer_minutes * 60))
            except SkippedError as reason:
                console.print(f"  {method}: skipped, {reason}")
        console.print(_table(measured))
        by_name = {line.method: line for line in measured}
        console.print(_verdict_on_bands(by_name["dayahead"], by_name["static bands"]))
        if seeds > 1:
            console.print(_over_seeds([by_name[method] for method in ["dayahead", *ours]]))
        lines += measured
    for line in lines:
        print(orjson.dumps(line).decode())


def _verdict_on_bands(ours: Measured, static: Measured) -> str:
    assert ours.pinball is not None
    assert static.pinball is not None
    better = 1 - ours.pinball / static.pinball
    return (
        f"  pinball loss of our band {ours.pinball * 100:.3f} %, of static residual quantiles "
        f"{static.pinball * 100:.3f} %: {abs(better):.1%} {'better' if better > 0 else 'worse'}"
    )


def _over_seeds(lines: list[Measured]) -> str:
    def spread(name: str) -> str:
        values = [getattr(line, name) * 100 for line in lines]
        return f"{sum(values) / len(values):.2f} % ({min(values):.2f} to {max(values):.2f})"

    return f"  ours over {len(lines)} seeds: WAPE {spread('wape')}, mean of series {spread('wape_series_mean')}"


def _table(measured: list[Measured]) -> Table:
    table = Table(
        "method", "WAPE %", "mean of series %", "MASE", "coverage", "pinball %", "fit s", "us a series", "peak MB"
    )
    for line in sorted(measured, key=lambda line: line.wape):
        table.add_row(
            line.method,
            f"{line.wape * 100:.2f}",
            f"{line.wape_series_mean * 100:.2f}",
            f"{line.mase:.3f}",
            "-" if line.coverage is None else f"{line.coverage:.3f}",
            "-" if line.pinball is None else f"{line.pinball * 100:.3f}",
            f"{line.fit_s:.1f}",
            f"{line.us_per_series:.0f}",
            f"{line.peak_mb:.0f}",
        )
    return table


if __name__ == "__main__":
    typer.run(main)
