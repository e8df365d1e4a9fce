"""Seconds and memory that a fit takes: `make benchmark B=training`.

Two sizes, each fitted with the shipped settings in its own process on one thread: a country's industries over five
years, and ten thousand meters over four weeks. The load is made up with a fixed seed (a day, a week and noise, a level
for each series): what a fit costs depends on its size and hardly on its content. Prints a sentence a size, then JSON
lines.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Annotated

import orjson
import typer

from benchmarks.made_up_load import SOURCE, START, Load
from benchmarks.peak_memory import peak_mb
from dayahead.models.fitting.fit import fit_release
from dayahead.models.history import History
from dayahead.models.settings import ModelSettings

SEED = 1


@dataclass(frozen=True)
class Fitted:
    """What one fit took.

    Attributes:
        series: series of the history.
        days: days of it.
        cpu_s: processor seconds of the fit.
        wall_s: seconds by the clock; what other programs took is in it.
        peak_mb: peak memory of the process, libraries and data included.
        data_mb: of the history itself, which is held during the fit.
        release_kb: bytes of the artifact.
    """

    series: int
    days: int
    cpu_s: float
    wall_s: float
    peak_mb: float
    data_mb: float
    release_kb: float


def main(
    size: Annotated[list[str] | None, typer.Option(help="Series x days, repeatable")] = None,
    *,
    here: Annotated[bool, typer.Option(help="Fit in this process, and print the JSON line alone")] = False,
) -> None:
    """Measure fits."""
    sizes = [(int(one.split("x")[0]), int(one.split("x")[1])) for one in size or ["76x1826", "10000x28"]]
    lines = [_fit(*one) if here else _elsewhere(*one) for one in sizes]
    for line in lines:
        if not here:
            print(
                f"{line.series} series x {line.days} days: {line.cpu_s:.0f} s of processor time on one thread, "
                f"{line.peak_mb / 1000:.2f} GB at most, {line.data_mb / 1000:.2f} GB of it the history"
            )
    for line in lines:
        print(orjson.dumps(line).decode())


def _fit(series: int, days: int) -> Fitted:
    load = Load(series)
    history = History(
        tuple(load.ids),
        START,
        load.values(START, START + days * 24),
        (SOURCE.calendar,),
    )
    began, clock = time.process_time(), time.perf_counter()
    release = fit_release(history, ModelSettings(), SEED)
    return Fitted(
        series,
        days,
        round(time.process_time() - began, 1),
        round(time.perf_counter() - clock, 1),
        round(peak_mb()),
        round(history.values.nbytes / 1e6),
        round(len(release.to_bytes()) / 1e3),
    )


def _elsewhere(series: int, days: int) -> Fitted:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-m", "benchmarks.training", "--size", f"{series}x{days}", "--here"]
    ended = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=os.environ | threads)
    return Fitted(**orjson.loads(ended.stdout.splitlines()[-1]))


if __name__ == "__main__":
    typer.run(main)
