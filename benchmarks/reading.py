"""Rows a second from a CSV file to checked hourly values: `make benchmark B=reading ARGS='--rows 5150000'`.

A made-up file of hourly values of many series, in the order of time, is read as a training or a backtest reads it:
every record is checked, each series and hour is kept once. Compared with polars, which parses the same file into
columns of time, text and numbers, groups it by series and hour, and checks nothing. Each runs in a process of its own,
from the start of the interpreter to the result. Prints a sentence, then a JSON line.
"""

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib import import_module
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import typer

from benchmarks.peak_memory import peak_mb
from dayahead.reading.converter import convert_answer
from dayahead.reading.kinds.file import FileSource
from dayahead.source import Source

START = np.datetime64("2010-01-01T00", "h")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SOURCE = Source(
    name="made-up-file",
    kind="file",
    title="Made-up load",
    time_column="time",
    key_columns=["meter"],
    value_column="value",
    unit="kWh",
)


def main(
    rows: Annotated[int, typer.Option(min=1000, help="Records")] = 5_150_000,
    series: Annotated[int, typer.Option(min=1, max=100_000, help="Series")] = 100,
    reader: Annotated[str, typer.Option(hidden=True)] = "",
    path: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure reading."""
    if path is not None:
        sys.meta_path.insert(0, _WithoutPandas())
        found = _by_polars(path) if reader == "polars" else _by_dayahead(path)
        print(orjson.dumps({"hours": found, "peak_mb": round(peak_mb())}).decode())
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "load.csv"
        written = _write(file, rows, series)
        ours, theirs = _elsewhere(file, "dayahead"), _elsewhere(file, "polars")
        size_mb = file.stat().st_size / 1e6
    if not ours["hours"] == theirs["hours"] == written:
        raise SystemExit(f"{written:,} hours were written, Dayahead read {ours['hours']:,}, polars {theirs['hours']:,}")
    print(
        f"{written:,} records of {series:,} series ({size_mb:.0f} MB) in {ours['seconds']:.1f} s, "
        f"{written / ours['seconds']:,.0f} a second, {ours['peak_mb']:,.0f} MB at most; polars alone "
        f"{theirs['seconds']:.1f} s, {theirs['peak_mb']:,.0f} MB: "
        f"{ours['seconds'] / theirs['seconds']:.1f} times the time"
    )
    print(
        orjson.dumps(
            {
                "benchmark": "reading",
                "rows": written,
                "series": series,
                "seconds": round(ours["seconds"], 2),
                "cpu_seconds": round(ours["cpu_seconds"], 2),
                "peak_mb": ours["peak_mb"],
                "polars_seconds": round(theirs["seconds"], 2),
                "polars_cpu_seconds": round(theirs["cpu_seconds"], 2),
                "polars_peak_mb": theirs["peak_mb"],
            }
        ).decode()
    )


def _write(file: Path, rows: int, series: int) -> int:
    """Write a file of about as many records; returns how many."""
    rng = np.random.default_rng(1)
    names = [f"m{number:05d}" for number in range(series)]
    hours = max(1, rows // series)
    with file.open("w") as out:
        out.write("time,meter,value\n")
        for hour in range(hours):
            time_text = f"{START + hour}:00Z"
            values = rng.normal(100, 20, series)
            out.write("".join(f"{time_text},{name},{value:.2f}\n" for name, value in zip(names, values, strict=True)))
    return hours * series


def _elsewhere(file: Path, reader: str) -> dict[str, float]:
    """Read in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.reading", "--reader", reader, "--path", str(file)]
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - started, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {**orjson.loads(done.stdout), "seconds": seconds, "cpu_seconds": cpu}


def _by_dayahead(file: Path) -> int:
    return len(convert_answer(FileSource(SOURCE, file).read(0, None), SOURCE, NOW).hours)


def _by_polars(file: Path) -> int:
    pl: Any = import_module("polars")  # only in the environment of the benchmarks
    table = pl.read_csv(file, schema_overrides={"time": pl.String})
    table = table.with_columns(pl.col("time").str.to_datetime("%Y-%m-%dT%H:%MZ", time_zone="UTC"))
    return int(table.group_by("meter", "time").agg(pl.col("value").sum()).height)


class _WithoutPandas(MetaPathFinder):
    """Hides pandas: Arrow imports it where it is installed, as for the peers here; the service has none."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


if __name__ == "__main__":
    typer.run(main)
