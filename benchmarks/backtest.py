"""How much sooner a backtest is done by several processes: `make benchmark B=backtest`.

The same command on the shipped sample's file, once in its own process and once on a Dask cluster of this machine: an
origin every hour of the last week, refitted every two days. The forecasts must be the same, bit for bit. Prints a
sentence, then a JSON line.
"""

import os
import resource
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import pyarrow
import typer
from pyarrow import parquet

from benchmarks.running_worker import SERVICE

CHECKOUT = Path(__file__).parents[1]
DATA = CHECKOUT / "ingest" / "sample" / "ConsumptionDE35Hour.parquet"
SOURCE = CHECKOUT / "ingest" / "sources" / "consumption-de35-hour.yaml"


@dataclass(frozen=True)
class Run:
    """One run of the command.

    Attributes:
        total_s: from the command to its report, the fit included.
        cpu_s: processor time, the workers' too.
        forecasts: every forecast that it wrote.
    """

    total_s: float
    cpu_s: float
    forecasts: pyarrow.Table


def main(
    first: Annotated[str, typer.Option("--from", help="First forecast hour")] = "2023-01-18T00",
    data: Annotated[Path, typer.Option(help="CSV or Parquet file", exists=True, dir_okay=False)] = DATA,
    source: Annotated[Path, typer.Option(help="Its source file", exists=True, dir_okay=False)] = SOURCE,
    every: Annotated[str, typer.Option(help="From one origin to the next")] = "1h",
    refit: Annotated[str, typer.Option(help="From one fit to the next; empty fits once")] = "48h",
    workers: Annotated[int, typer.Option(min=2, help="Processes of the cluster")] = max(os.cpu_count() or 2, 2),
) -> None:
    """Measure a backtest in one process and in several."""
    asked = ["--data", str(data), "--source", str(source), "--from", first, "--every", every]
    asked += ["--refit", refit] if refit else []
    alone, together = _run([*asked, "--workers", "1"]), _run([*asked, "--workers", str(workers)])
    if not alone.forecasts.equals(together.forecasts):
        raise SystemExit("the forecasts of the cluster are not those of one process")
    line = {
        "forecasts": int((alone.forecasts["lead"].to_numpy() == 1).sum()),
        "workers": workers,
        "alone_s": round(alone.total_s, 2),
        "together_s": round(together.total_s, 2),
        "speed_up": round(alone.total_s / together.total_s, 2),
        "alone_cpu_s": round(alone.cpu_s, 2),
        "together_cpu_s": round(together.cpu_s, 2),
        "peak_rss_gb": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6, 2),
        "load_before": round(os.getloadavg()[0], 1),
    }
    print(
        f"{line['forecasts']} forecasts in {line['alone_s']} s by one process and in {line['together_s']} s by "
        f"{workers}, the same bit for bit"
    )
    print(orjson.dumps(line).decode())


def _run(options: list[str]) -> Run:
    with tempfile.TemporaryDirectory() as folder:
        used = _cpu_s()
        began = time.perf_counter()
        subprocess.run([SERVICE, "backtest", *options, "--out", folder], check=True, stdout=subprocess.DEVNULL)
        taken = time.perf_counter() - began
        return Run(taken, _cpu_s() - used, parquet.read_table(Path(folder) / "forecasts.parquet"))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    typer.run(main)
