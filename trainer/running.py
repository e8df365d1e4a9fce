"""Builds the trainer from its settings: as a service, or for one training on the command line."""

import os
import threading
import time
from dataclasses import replace
from datetime import datetime

import psycopg
import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from dayahead.console import standard_output
from dayahead.errors import BrokerUnavailable, Stopped, StorageError
from dayahead.hours import Hour, wall_clock
from dayahead.stopping import end_soon_without, stop_on_signals
from dayahead.storage.database import connect
from dayahead.storage.tables.tuning_run import COMMAND, close_interrupted_runs, runs_since
from dayahead.telemetry import TelemetryServer
from trainer.lock import training_lock
from trainer.messages import Announcer, RequestReader
from trainer.metrics import TRAINING_PARTS
from trainer.report import print_report, print_result, print_tuned
from trainer.reports.making import Reporter
from trainer.reports.service import Reports
from trainer.result import TrainingResult
from trainer.schedule import LOG_WINDOW, searches
from trainer.service import Trainer
from trainer.settings import TrainerSettings, TrainingSettings
from trainer.tracking import tracker_of
from trainer.train import STEPS, TUNE, OnStep, Training, held_out_from
from trainer.training_set import TrainingSet, read_training_set
from trainer.tune import Tuned, storage_of, tune

log = structlog.get_logger()

LOCK_WAIT_S = 1800.0
LOCK_PAUSE_S = 1.0


def run_trainer(settings: TrainerSettings, training: TrainingSettings) -> None:
    """Run the service until SIGTERM or SIGINT."""
    tracker = tracker_of(os.environ)
    stop = threading.Event()

    stop_on_signals(stop, also=lambda: end_soon_without(settings.database_url))
    requests = RequestReader(settings.kafka_bootstrap, settings.topic_prefix)
    announcer = Announcer(settings.kafka_bootstrap, settings.topic_prefix)

    def on_part() -> None:
        TRAINING_PARTS.inc()
        if stop.is_set():
            raise Stopped("the trainer is stopping")

    def train(connection: psycopg.Connection, requested_by: str, reason: str, on_step: OnStep) -> TrainingResult:
        def search(data: TrainingSet, cut: Hour) -> Tuned:
            storage = storage_of(settings.database_url, training.tuning.heartbeat_s)
            trials, budget_s = training.tuning.trials, training.tuning.budget_s
            on_trial = lambda done, _: on_step(f"{TUNE}, trial {done}")  # noqa: E731 - may raise Stopped
            return tune(data, cut, training, storage, trials, on_trial=on_trial, budget_s=budget_s)

        now = wall_clock()
        tuner = search if searches(requested_by, runs_since(connection, now - LOG_WINDOW), training, now) else None
        work = Training(connection, training, wall_clock, tuner=tuner, on_step=on_step, on_part=on_part)
        result = work.run(requested_by, reason)
        reports.of_training(result.report)
        if tracker:
            tracker.keep(result, training, connection)
        return replace(result, report=None)

    reports = Reports(settings.database_url, training, wall_clock, stop)
    service = Trainer(
        settings=settings,
        training=training,
        train=train,
        requests=requests,
        announcements=announcer,
        reports=reports,
        clock=wall_clock,
        stop=stop,
    )
    telemetry = TelemetryServer("trainer", settings.bind_host, settings.metrics_port, service.live, service.ready)
    with telemetry:
        log.info("trainer_started", port=telemetry.port)
        try:
            service.run()
        finally:
            requests.close()
            announcer.close()
            reports.close()
    log.info("trainer_stopped")


def run_training(
    settings: TrainerSettings,
    training: TrainingSettings,
    promote: bool,
    as_of: datetime | None,
    reason: str,
    tuned: Tuned | None = None,
) -> None:
    """Run one training and print its progress and result.

    Raises:
        StorageError: TimescaleDB does not answer, or another trainer held the lock for half an hour.
        NotEnoughHistoryError: there are too few hours.
        SettingsError: MLFLOW_TRACKING_URI is set, and MLflow's client is not installed.
    """
    tracker = tracker_of(os.environ)
    console = standard_output()
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TextColumn("step {task.completed:.0f} of {task.total:.0f}"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with (
        connect(settings.database_url, autocommit=True) as lock_connection,
        connect(settings.database_url) as connection,
        progress,
    ):
        task = progress.add_task("wait for the training lock", total=len(STEPS))

        def on_step(step: str) -> None:
            progress.update(task, description=step, completed=STEPS.index(step) + 1)

        deadline = time.monotonic() + LOCK_WAIT_S
        result: TrainingResult | None = None
        while result is None:
            with training_lock(lock_connection) as held:
                if held:
                    close_interrupted_runs(connection, wall_clock())
                    work = Training(
                        connection, training, wall_clock, promote=promote, as_of=as_of, tuned=tuned, on_step=on_step
                    )
                    result = work.run(COMMAND, reason)
                    if tracker:
                        tracker.keep(result, training, connection)
                    break
            if time.monotonic() > deadline:
                raise StorageError(
                    f"another trainer has held the lock for {LOCK_WAIT_S / 60:.0f} minutes: try again later"
                )
            progress.update(task, description="waiting for another trainer")
            time.sleep(LOCK_PAUSE_S)
    print_result(console, result)
    if result.announcement is not None:
        announcer = Announcer(settings.kafka_bootstrap, settings.topic_prefix)
        try:
            announcer.announce(result.announcement)
        except BrokerUnavailable as error:
            console.print(f"Not announced yet: {error}", style="yellow", markup=False)
        finally:
            announcer.close()
    if result.report is not None:
        with console.status("report of drift and accuracy"):
            made = Reporter(settings.database_url, training.report, wall_clock).make(result.report)
        print_report(console, made)


def run_tuning(
    settings: TrainerSettings, training: TrainingSettings, trials: int, study: str | None, promote: bool, reason: str
) -> None:
    """Run a search with a progress bar, then one training with its best settings.

    Raises:
        StorageError: TimescaleDB does not answer.
        NotEnoughHistoryError: there are too few hours.
        SettingsError: the search space is wrong.
    """
    console = standard_output()
    with connect(settings.database_url) as connection:
        data = read_training_set(connection, training)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("search", total=trials)

        def on_trial(done: int, loss: float | None) -> None:
            best = f"search, best {loss:.2%}" if loss is not None else "search"
            progress.update(task, completed=done, description=best)

        storage = storage_of(settings.database_url, training.tuning.heartbeat_s)
        tuned = tune(data, held_out_from(data, training), training, storage, trials, study, on_trial)
    print_tuned(console, tuned)
    run_training(settings, training, promote, None, reason, tuned)
