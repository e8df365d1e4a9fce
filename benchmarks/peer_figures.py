"""Every peer on every protocol, kept in a file, and the tables of docs/accuracy.md: `make benchmark B=peer_figures`.

Results in the file are not measured again unless `--again` names their method, so that an interrupted run continues
where it stopped. `ARGS='--again dayahead --write'` renews the column of Dayahead in docs/accuracy.md; `ARGS='--none
--write'` writes the tables and measures nothing.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.accuracy_run import ALL_PROTOCOLS, PATIENCE
from benchmarks.peers.figures import Figures, Missing
from benchmarks.peers.tables import all_sections, methods_of, written_into

FILE = Path(__file__).parent / "peers/figures.jsonl"
PAGE = Path(__file__).parents[1] / "docs/accuracy.md"
RUNNER = "benchmarks.peers.one"
METHODS = list(dict.fromkeys(method for protocol in ALL_PROTOCOLS for method in methods_of(protocol)))
PACKAGES = ("mlforecast", "statsforecast", "lightgbm", "optuna")
TOGETHER = (
    ("vic-daily", "vic-hourly"),
    ("vic-day-2",),
    ("vic-gate",),
    ("m4",),
    ("de35",),
    ("de35-day-2",),
    ("m4-early",),
    ("pjm-year", "pjm-hourly"),
    ("pjm-day-2",),
    ("pjm-gate",),
    ("pjm-days-9-16",),
    ("vic-weather",),
    ("gb-weather",),
    ("gefcom-weather",),
)
"""Protocols with the same training part and horizon, which one fit serves; those that end soon come first."""


def main(
    protocol: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(ALL_PROTOCOLS)}; repeatable")] = None,
    method: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(METHODS)}; repeatable")] = None,
    again: Annotated[list[str] | None, typer.Option(help="Measure this method again; repeatable")] = None,
    minutes: Annotated[float, typer.Option(help="Processor minutes that a method may take on a protocol")] = 15.0,
    file: Annotated[Path, typer.Option(help="Where results are kept, a JSON line each")] = FILE,
    *,
    none: Annotated[bool, typer.Option("--none", help="Measure nothing")] = False,
    write: Annotated[bool, typer.Option("--write", help="Put the tables into docs/accuracy.md")] = False,
) -> None:
    """Measure what the file lacks, and print the tables."""
    protocols = protocol or list(ALL_PROTOCOLS)
    _refuse_unknown(protocols, ALL_PROTOCOLS)
    _refuse_unknown([*(method or []), *(again or [])], METHODS)
    figures = Figures.read(file)
    figures.forget(again or [], protocols)
    for name in [] if none else method or again or METHODS:
        for together in TOGETHER:
            wanted = [
                one for one in together if one in protocols and name in methods_of(one) and not figures.has(one, name)
            ]
            if wanted:
                print(f"{name} on {', '.join(wanted)}", file=sys.stderr, flush=True)
                for line in _measured(name, wanted, minutes * 60):
                    figures.keep(line)
                for missing in wanted:
                    if not figures.has(missing, name):
                        figures.keep_missing(Missing(missing, name, "ended without a result"))
                figures.write(file)
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    section = all_sections(figures, f"{versions}.")
    print(section)
    if write:
        PAGE.write_text(written_into(PAGE.read_text(), section))


def _refuse_unknown(names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is not in the tables: choose from {', '.join(known)}")


def _measured(method: str, protocols: list[str], limit_s: float) -> list[bytes]:
    """The JSON lines of one method's process, as many as it wrote before its time was over."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    process = subprocess.Popen(
        [sys.executable, "-m", RUNNER, method, *protocols, "--limit-s", str(limit_s)],
        stdout=subprocess.PIPE,
        env=os.environ | threads,
    )
    try:
        output, _ = process.communicate(timeout=limit_s * PATIENCE * len(protocols))
    except subprocess.TimeoutExpired:
        process.kill()
        output, _ = process.communicate()
    return [line for line in output.splitlines() if line.startswith(b"{")]


if __name__ == "__main__":
    typer.run(main)
