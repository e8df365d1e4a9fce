"""`dayahead backtest`: from a file to a table, with a progress bar."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import track

from dayahead.evaluation.backtest import RunResult
from dayahead.hours import Hour, wall_clock
from dayahead.source import Source
from trainer.backtest import OriginResult, fit_before, plan_origins, walk
from trainer.backtest_report import print_backtest, write_forecasts
from trainer.data_file import read_data_file, span_of
from trainer.settings import TrainingSettings


def run_backtest(
    data: Path,
    source: Source,
    settings: TrainingSettings,
    first: Hour,
    end: Hour | None,
    every_h: int,
    out: Path | None,
) -> None:
    """Read, fit before `first`, walk, tell.

    Args:
        data: CSV or Parquet file.
        source: its columns.
        settings: how to clean and fit.
        first: first forecast hour.
        end: hour after the last forecast one; None for the end of the file.
        every_h: hours between two forecasts.
        out: folder for every forecast; None writes nothing.

    Raises:
        SettingsError: no forecast fits between the two hours.
        SourceError: the file cannot be read.
        NotEnoughHistoryError: too few hours before `first`.
    """
    console, progress = Console(), Console(stderr=True)
    with progress.status("reading"):
        file = read_data_file(data, source, settings.quarantine, wall_clock())
    observed = file.data.observed
    console.print(f"{data}: {len(observed.series_ids)} series, {span_of(file.data)} UTC", markup=False, highlight=False)
    if file.rejected:
        told = ", ".join(f"{count:,} {code}" for code, count in file.rejected.most_common())
        console.print(f"Rejected records: {told}; the first: {file.example}", markup=False, highlight=False)
    for aside in file.data.quarantined[:10]:
        console.print(
            f"Not learnt from: {aside.series_id}, {aside.hours} h, {aside.rule}: {aside.reason}", markup=False
        )
    origins = plan_origins(file.data, first, end, every_h)
    with progress.status("fitting on the hours before --from"):
        release = fit_before(file.data, first, settings)

    def with_progress(at: OriginResult, hours: Iterable[Hour]) -> Iterator[RunResult]:
        return map(at, track(hours, "forecasting", total=len(origins), console=progress, transient=True))

    backtest = walk(release, file.data, origins, with_progress)
    print_backtest(console, backtest)
    if out is not None:
        console.print(f"Every forecast: {write_forecasts(backtest, out)}", markup=False, highlight=False)
