"""`dayahead backtest`: read, fit, walk, report; each finished window is saved where --out is given."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from dayahead.console import standard_output
from dayahead.errors import SettingsError
from dayahead.hours import Clock, format_utc, from_hour, parse_utc
from dayahead.reading.limits import LimitLoss
from dayahead.source import Source
from dayahead.weather.history import WeatherBasis
from trainer.backtest.ablation import Ablation, ablation_of, write_ablation
from trainer.backtest.ablation_table import chosen_lines, print_ablation
from trainer.backtest.data_file import read_data_file, span_of
from trainer.backtest.figures import figures_of
from trainer.backtest.forecasts_file import write_forecasts
from trainer.backtest.kept import Identity, RunFolder
from trainer.backtest.plan import Plan
from trainer.backtest.published import DatabaseReader, published_losses
from trainer.backtest.reader import BacktestReader, FileReader
from trainer.backtest.report import Report, write_report
from trainer.backtest.table import print_backtest
from trainer.backtest.walk import Backtest, Mapped, Walk
from trainer.backtest.weather import Variant, VariantReader
from trainer.backtest.weather_input import basis_sentence, weather_of_backtest
from trainer.settings import TrainerSettings, TrainingSettings
from trainer.weather_file import WeatherFileOption, read_weather_file

FEW_FORECASTS = 40_000
"""Up to so many forecasts of one fit (0.1 ms each) take less time than the start of a local cluster."""

QUARANTINE_SHOWN = 10
LOSSES_SHOWN = 10


@dataclass(frozen=True)
class DataOption:
    """`--data` and `--source`: a file instead of TimescaleDB."""

    path: Path
    source: Source


@dataclass(frozen=True)
class WeatherOption:
    """What the options say about the weather.

    Attributes:
        file: of weather, for the file of `--data`; None: what TimescaleDB has, or none.
        is_perfect: whether observations are used as if they had been forecast.
        ablation: whether forecasts without weather and with perfect weather are made too.
    """

    file: WeatherFileOption | None = None
    is_perfect: bool = False
    ablation: bool = True


class BacktestCommand:
    """One run of the command."""

    def __init__(self, settings: TrainerSettings, training: TrainingSettings, clock: Clock) -> None:
        """Prepare.

        Args:
            settings: where TimescaleDB and Dask are.
            training: how to clean and fit.
            clock: the present moment.
        """
        self._settings, self._training, self._clock = settings, training, clock
        self._console, self._progress = standard_output(), Console(stderr=True)
        self._losses: list[LimitLoss] = []
        self._said_of_weather = ("", "")

    def run(
        self,
        data: DataOption | None,
        plan: Plan,
        workers: int | None,
        out: Path | None,
        weather: WeatherOption = WeatherOption(),
    ) -> None:
        """Read, fit, walk and print the result.

        Args:
            data: a file; None reads TimescaleDB.
            plan: which forecasts.
            workers: processes on this machine; 1 forecasts in this process; None for one per processor.
            out: folder for every forecast and the report, from which an interrupted run resumes; None writes nothing.
            weather: which weather.

        Raises:
            SettingsError: no forecast fits in the plan, or the folder holds another run.
            SourceError: the file cannot be read.
            StorageError: TimescaleDB does not answer.
            NotEnoughHistoryError: too few hours before the first forecast one.
        """
        folder = RunFolder(out) if out else None
        known_at = parse_utc(folder.known_at) if folder and folder.known_at else self._clock()
        with self._progress.status("reading"):
            readers = self._readers(data, plan, known_at, weather)
        folders = self._folders(folder, readers, plan, "" if data else format_utc(known_at))
        reader = readers[Variant.WITH]
        done: dict[Variant, Backtest] = {}
        with self._bar() as bar:
            origins = plan.origins(reader.known)
            task = bar.add_task("fit, then forecast", total=len(origins) * len(readers))
            forecasts = len(origins) * len(reader.known.observed.series_ids)
            worth_it = forecasts > FEW_FORECASTS or len(list(plan.periods(origins))) > 1
            with self._mapped(workers, worth_it=worth_it) as mapped:
                for variant, one in readers.items():
                    walk = Walk(
                        one,
                        plan,
                        self._training,
                        mapped=mapped,
                        folder=folders.get(variant),
                        # the member without weather is a part of the release that serves with it
                        releases=done[Variant.WITH].releases if variant is Variant.WITHOUT else None,
                        on_windows=lambda count: bar.advance(task, count),
                    )
                    done[variant] = walk.run()
        backtest = done[Variant.WITH]
        if backtest.taken_up:
            self._say(f"{backtest.taken_up} of {len(origins)} windows are reused from an earlier run.")
        figures = figures_of(backtest)
        print_backtest(self._console, backtest, figures)
        ablation = self._ablation(done)
        if ablation:
            print_ablation(self._console, ablation)
        if losing := [loss for loss in self._losses if loss.is_too_much]:
            self._say(
                f"Warning: {len(losing)} series are judged without the values that the limits of the source reject."
            )
        if out:
            self._say(f"Every forecast: {write_forecasts(backtest, out)}")
            report = Report(backtest, figures, self._losses, ablation)
            self._say(f"Report: {write_report(report, out, self._clock())}")
            if ablation:
                self._say(f"Figures of the weather: {write_ablation(ablation, out)}")

    def _readers(
        self, data: DataOption | None, plan: Plan, known_at: datetime, weather: WeatherOption
    ) -> dict[Variant, BacktestReader]:
        """The data with each weather, that of the report first."""
        reader = self._reader(data, plan, known_at, perfect=weather.is_perfect)
        perfect: BacktestReader | None = None
        if data is not None and weather.file is not None:
            reader, perfect = self._with_weather(reader, data.source, plan, weather.file, perfect=weather.is_perfect)
        found: dict[Variant, BacktestReader] = {Variant.WITH: reader}
        known = reader.known.observed.weather
        if known is None:
            if weather.is_perfect:
                raise SettingsError("--perfect: no weather is known of these series; see docs/weather.md")
            return found
        if data is None:
            self._said_of_weather = (basis_sentence(known.basis), "places as the sources of load name them")
        self._say(f"Weather: {self._said_of_weather[0]}; {self._said_of_weather[1]}.")
        if not weather.ablation:
            return found
        found[Variant.WITHOUT] = VariantReader(reader, None)
        if known.basis is not WeatherBasis.OBSERVED:
            found[Variant.PERFECT] = perfect or self._database_reader(plan, known_at, perfect=True)
        return found

    def _with_weather(
        self, reader: BacktestReader, source: Source, plan: Plan, option: WeatherFileOption, *, perfect: bool
    ) -> tuple[BacktestReader, BacktestReader]:
        """The data with the weather of a file, as served and without error."""
        file = read_weather_file(option)
        found = weather_of_backtest(
            file,
            reader.learnable(plan.first),
            source.weather,
            self._training.weather,
            source.publication_lag_h,
            perfect=perfect,
        )
        history = reader.known.observed
        served = found.served(history)
        self._say(f"{option.path}: {file.holds} of {len(file.publications)} locations")
        if found.proposals:
            for line in chosen_lines(found.proposals):
                self._say(line)
        self._said_of_weather = (basis_sentence(served.basis, found.errors), found.places)
        return VariantReader(reader, served), VariantReader(reader, found.perfect(history))

    def _folders(
        self, folder: RunFolder | None, readers: dict[Variant, BacktestReader], plan: Plan, known_at: str
    ) -> dict[Variant, RunFolder]:
        """Begin the folder of each variant."""
        if folder is None:
            return {}
        found = {
            variant: folder if variant is Variant.WITH else RunFolder(folder.path / variant.folder)
            for variant in readers
        }
        for variant, one in found.items():
            one.begin(self._identity(readers[variant], plan, known_at))
        return found

    def _ablation(self, done: dict[Variant, Backtest]) -> Ablation | None:
        if len(done) == 1:
            return None
        results = {variant: backtest.result for variant, backtest in done.items()}
        return ablation_of(results, *self._said_of_weather)

    def _database_reader(self, plan: Plan, known_at: datetime, *, perfect: bool) -> DatabaseReader:
        url = self._settings.database_url
        return DatabaseReader(url, self._training, plan.first, known_at, perfect_weather=perfect)

    def _reader(self, data: DataOption | None, plan: Plan, known_at: datetime, *, perfect: bool) -> BacktestReader:
        if data is None:
            reader = self._database_reader(plan, known_at, perfect=perfect)
            self._print_input(reader, Counter(), "")
            self._print_losses(published_losses(self._settings.database_url), " (newest week)")
            return reader
        file = read_data_file(data.path, data.source, self._training.quarantine, self._clock())
        from_file = FileReader(file.data, str(data.path), data.source, self._training.quarantine)
        self._print_input(from_file, file.rejected, file.example)
        if file.incomplete:
            self._say(f"{file.incomplete[0].upper()}{file.incomplete[1:]}.")
        self._print_losses(file.losses, "")
        return from_file

    def _print_losses(self, losses: list[LimitLoss], of_when: str) -> None:
        self._losses = losses
        for loss in losses[:LOSSES_SHOWN]:
            self._say(f"{'Warning: ' if loss.is_too_much else ''}{loss.sentence()}{of_when}")
        if (more := len(losses) - LOSSES_SHOWN) > 0:
            self._say(f"... and {more} more series have values rejected by the limits")

    def _print_input(self, reader: BacktestReader, rejected: Counter[str], example: str) -> None:
        known = reader.known
        self._say(f"{reader.name}: {len(known.observed.series_ids)} series, {span_of(known)} UTC")
        if rejected:
            counts = ", ".join(f"{count:,} {code}" for code, count in rejected.most_common())
            self._say(f"Rejected records: {counts}; the first: {example}")
        for aside in known.quarantined[:QUARANTINE_SHOWN]:
            self._say(f"Excluded from training: {aside.series_id}, {aside.hours} h, {aside.rule}: {aside.reason}")
        if (more := len(known.quarantined) - QUARANTINE_SHOWN) > 0:
            self._say(f"... and {more} more ranges")

    def _identity(self, reader: BacktestReader, plan: Plan, known_at: str) -> Identity:
        known, training = reader.known, self._training
        chosen = training.model_dump_json(include={"history_days", "seed", "fit", "quarantine"})
        return Identity(
            data=f"{known.observed.fingerprint}-{known.history.fingerprint}",
            source=reader.name,
            settings=hashlib.sha256(chosen.encode()).hexdigest()[:12],
            from_=format_utc(from_hour(plan.first)),
            every=f"{plan.every_h}h",
            refit=f"{plan.refit_h}h" if plan.refit_h else "",
            known_at=known_at,
            version=version("dayahead"),
        )

    @contextmanager
    def _mapped(self, workers: int | None, *, worth_it: bool) -> Iterator[Mapped]:
        scheduler = self._settings.dask_scheduler
        if workers == 1 or (workers is None and not scheduler and not worth_it):
            yield map
            return
        from trainer.backtest.cluster import cluster_at, local_cluster  # noqa: PLC0415 - a second that few runs need

        with (
            cluster_at(scheduler)
            if scheduler and workers is None
            else local_cluster(workers or os.cpu_count() or 1) as mapped
        ):
            yield mapped

    def _bar(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        return Progress(*columns, console=self._progress, transient=True)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
