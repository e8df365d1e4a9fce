"""One method on one protocol in its own process: its memory is its own, and it can be ended in time."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Annotated

import orjson
import typer

from benchmarks.accuracy_bands import StaticBands
from benchmarks.accuracy_methods import (
    SEED,
    Dayahead,
    Measured,
    Method,
    NoForecastError,
    OverTimeError,
    SeasonalNaive,
    measure,
)
from benchmarks.accuracy_protocols import PROTOCOLS
from benchmarks.peers.registry import MODULES, WITH_WEATHER, make_peer
from benchmarks.weather_methods import WeatherLightGBM, WithoutWeather, WithPerfectWeather
from benchmarks.weather_protocols import WEATHER_PROTOCOLS
from dayahead.features.fill import DAY, WEEK

OWN: dict[str, Callable[[], Method]] = {
    f"seasonal naive {DAY}": lambda: SeasonalNaive(DAY),
    f"seasonal naive {WEEK}": lambda: SeasonalNaive(WEEK),
    Dayahead.name: Dayahead,
    StaticBands.name: StaticBands,
}
OF_WEATHER: dict[str, Callable[[], Method]] = {
    one.name: one for one in (WithoutWeather, WithPerfectWeather, WeatherLightGBM)
}
"""Measured on the protocols with weather alone."""

ALL_PROTOCOLS = PROTOCOLS | WEATHER_PROTOCOLS
SEEDED = re.compile(rf"{Dayahead.name}, seed (\d+)")
PATIENCE = 3
"""Times its bound, which counts processor time, at which a method that keeps no bound is ended by the clock."""

SKIPPED = 3
"""Exit status of a method that says why it has no result."""


def with_seed(seed: int) -> str:
    """Name of our method with a seed other than the shipped one."""
    return Dayahead.name if seed == SEED else f"{Dayahead.name}, seed {seed}"


class SkippedError(Exception):
    """A method has no result on a protocol, and why."""


def run(protocol: str, method: str, limit_s: float = float("inf")) -> Measured:
    """Measure a method on a protocol in a new process, on one thread.

    Raises:
        SkippedError: it would take too long, or it failed; the message says which.
    """
    command = [sys.executable, "-m", "benchmarks.accuracy_run", protocol, method, str(limit_s)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        ended = subprocess.run(
            command,
            capture_output=True,
            check=False,
            env=os.environ | threads,
            timeout=None if limit_s == float("inf") else limit_s * PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise SkippedError(f"did not end within {PATIENCE} x {limit_s / 60:.0f} minutes (--peer-minutes)") from None
    last = (ended.stdout.splitlines() or [b""])[-1]
    if ended.returncode == SKIPPED:
        raise SkippedError(last.decode())
    if ended.returncode != 0:
        raise SkippedError(f"failed: {(ended.stderr.decode().splitlines() or ['without a word'])[-1]}")
    return Measured(**orjson.loads(last))


def main(
    protocol: Annotated[str, typer.Argument(help=f"One of {', '.join(ALL_PROTOCOLS)}")],
    method: Annotated[str, typer.Argument(help=f"One of {', '.join([*OWN, *OF_WEATHER, *MODULES, *WITH_WEATHER])}")],
    limit_s: Annotated[float, typer.Argument(help="Processor seconds that it may take")] = float("inf"),
) -> None:
    """Measure one method on one protocol; the last line is JSON."""
    try:
        measured = measure(ALL_PROTOCOLS[protocol](), make_method(method, limit_s), limit_s)
    except (OverTimeError, NoForecastError) as reason:
        print(reason)
        raise typer.Exit(SKIPPED) from reason
    print(orjson.dumps(measured).decode())


def make_method(name: str, limit_s: float = float("inf")) -> Method:
    """A method by its name in the tables, not yet fitted.

    Args:
        name: of `OWN`, `OF_WEATHER`, `MODULES` or `WITH_WEATHER`, or ours with another seed.
        limit_s: seconds that it may take on a protocol; a peer that searches stops searching in time.
    """
    if seeded := SEEDED.fullmatch(name):
        made: Method = Dayahead(int(seeded[1]))
        made.name = name
        return made
    own = OWN | OF_WEATHER
    return own[name]() if name in own else make_peer(name, limit_s)


if __name__ == "__main__":
    typer.run(main)
