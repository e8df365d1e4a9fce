"""The trainer as a service: trains on schedule and on request, one training at a time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import psycopg
import structlog

from dayahead.contracts import ReleaseAnnouncement
from dayahead.errors import BrokerUnavailable, Stopped, StorageError
from dayahead.hours import Clock, format_utc
from dayahead.retry import Backoff, retry
from dayahead.storage.database import connect
from dayahead.storage.tables.model_release import load_record
from dayahead.storage.tables.promotion import Champion, champion
from dayahead.storage.tables.retune_request import keep_request, waiting_requests
from dayahead.storage.tables.tuning_run import GROWTH, SCHEDULE, START, close_interrupted_runs, runs_since
from dayahead.telemetry import Health
from trainer.lock import training_lock
from trainer.messages import ReceivedRequest
from trainer.metrics import (
    CHAMPION_TIMESTAMP,
    RETUNE_REQUESTS,
    RETUNE_WAITING,
    TRAINING_PARTS,
    TRAINING_SECONDS,
    TRAININGS,
)
from trainer.result import TrainingResult
from trainer.schedule import LOG_WINDOW, Due, Settling, Waiting, next_training
from trainer.settings import TrainerSettings, TrainingSettings
from trainer.train import OnStep
from trainer.training_set import longest_history

log = structlog.get_logger()

AWAY = (StorageError, BrokerUnavailable, psycopg.OperationalError)
"""Errors of an unavailable server."""

POLL_S = 0.5
AWAY_PAUSE_S = 2.0
DEAD_AFTER_S = 120.0
STOP_WAIT_S = 10.0


class Requests(Protocol):
    """Source of retune requests (`RequestReader`)."""

    def next(self, wait_s: float) -> ReceivedRequest | None:
        """The next request; None if there is none."""

    def waiting(self) -> Iterator[ReceivedRequest]:
        """All requests available now."""

    def done(self, received: ReceivedRequest) -> None:
        """Record that the request is in TimescaleDB."""

    def close(self) -> None:
        """Leave the group; the next read starts after the requests that are done."""


class Announcements(Protocol):
    """Announces champions (`Announcer`)."""

    def announce(self, announcement: ReleaseAnnouncement) -> None:
        """Announce the champion."""


class Reports(Protocol):
    """Makes the weekly reports (`trainer.reports.service.Reports`)."""

    def look(self, connection: psycopg.Connection) -> None:
        """Make the weekly report soon if it is due."""


Train = Callable[[psycopg.Connection, str, str, OnStep], TrainingResult]
"""Runs one training: connection, requested_by, reason, callback of each step."""


@dataclass(frozen=True)
class Look:
    """State of the database at one check."""

    champion: Champion | None
    next_step: Due | Waiting


class Trainer:
    """Checks every few seconds whether a training is due or requested, and runs it.

    It retries while a server is unavailable; all decisions are in TimescaleDB, so nothing is lost.
    """

    def __init__(
        self,
        *,
        settings: TrainerSettings,
        training: TrainingSettings,
        train: Train,
        requests: Requests,
        announcements: Announcements,
        reports: Reports,
        clock: Clock,
        stop: threading.Event,
    ) -> None:
        """Store the arguments; `run` starts.

        Args:
            settings: of the process.
            training: schedule, cool-down, budget and needed history.
            train: runs one training.
            requests: retune requests.
            announcements: announces promotions.
            reports: makes the weekly reports.
            clock: the present moment.
            stop: set to stop the process.
        """
        self._settings, self._training, self._train = settings, training, train
        self._requests, self._announcements, self._reports = requests, announcements, reports
        self._clock, self._stop = clock, stop
        self._settling = Settling(training.schedule.settle_s)
        self._announced: Champion | None = None
        self._seen: Champion | None = None
        self._ready = Health(False, "starts")
        self._training_since: str | None = None
        self._beat = clock()

    def live(self) -> Health:
        """Whether the loop is running or a training is in progress."""
        if self._training_since:
            return Health(True, f"trains since {self._training_since}")
        silent_s = (self._clock() - self._beat).total_seconds()
        return Health(silent_s < DEAD_AFTER_S, f"looked {max(silent_s, 0):.0f} s ago whether a training is due")

    def ready(self) -> Health:
        """Whether there is a champion and the servers answer; if not, what the trainer waits for."""
        if self._training_since:
            what = f"trains since {self._training_since}"
            serving = self._seen.release if self._seen else None
            return Health(serving is not None, f"{serving} serves; {what}" if serving else f"{what}; no release yet")
        return self._ready

    def run(self) -> None:
        """Run until stopped."""
        backoff = Backoff(AWAY_PAUSE_S, AWAY_PAUSE_S)
        with suppress(Stopped):
            while not self._stop.is_set():
                retry(self._beat_and_step, AWAY, backoff=backoff, pause=self._stop.wait, on_failure=self._waits_for)

    def _beat_and_step(self) -> None:
        self._beat = self._clock()
        self.step()

    def _waits_for(self, error: Exception, _: float) -> None:
        self._ready = Health(False, f"waits for a server: {error}")
        log.warning("server_retry", error=str(error))

    def step(self) -> None:
        """Check once: train if it is due, else wait for requests until the next check.

        Raises:
            StorageError: TimescaleDB does not answer.
            BrokerUnavailable: Kafka does not answer.
        """
        look = self._look()
        if isinstance(look.next_step, Due) and look.next_step.requested_by in {SCHEDULE, GROWTH}:
            self._keep_all()
            look = self._look()
        self._report(look)
        if isinstance(look.next_step, Due):
            self._alone(self._train_if_due)
            return
        self._announce(look.champion)
        waited_s = 0.0
        while waited_s < self._settings.look_every_s and not self._stop.is_set():
            wait_s = min(POLL_S, self._settings.look_every_s)
            received = self._requests.next(wait_s)
            if received is not None:
                self._keep(received)
                return
            waited_s += wait_s

    def _look(self) -> Look:
        with connect(self._settings.database_url, wait_s=AWAY_PAUSE_S) as connection:
            now = self._clock()
            serving = champion(connection)
            record = load_record(connection, serving.release) if serving else None
            history = longest_history(connection, self._training, record)
            runs = runs_since(connection, now - LOG_WINDOW)
            requests = waiting_requests(connection)
            self._reports.look(connection)
        self._seen = serving
        RETUNE_WAITING.set(len(requests))
        CHAMPION_TIMESTAMP.set(serving.promoted_at.timestamp() if serving else 0)
        step = next_training(record, runs, history, self._training, now, requests)
        if isinstance(step, Due) and step.requested_by == START:
            unsettled = self._settling.waits_for(history, now)
            step = Waiting(unsettled) if unsettled else step
        return Look(serving, step)

    def _report(self, look: Look) -> None:
        waiting = look.next_step.reason
        if look.champion is None:
            self._ready = Health(False, waiting)
        else:
            self._ready = Health(True, f"{look.champion.release} serves; {waiting}")

    def _announce(self, serving: Champion | None) -> None:
        """Announce the champion, also one promoted by hand or whose announcement a crash prevented."""
        if serving is None or serving == self._announced:
            return
        self._announcements.announce(
            ReleaseAnnouncement(
                release=serving.release,
                previous=serving.previous,
                promoted_at=serving.promoted_at,
                promoted_by=serving.promoted_by,
                reason=serving.reason,
            )
        )
        self._announced = serving
        log.info("champion_announced", release=serving.release, promoted_by=serving.promoted_by)

    def _train_if_due(self) -> None:
        # Another trainer may have done it since the check.
        step = self._look().next_step
        if isinstance(step, Due) and self._train_in_thread(step.requested_by, step.reason):
            RETUNE_REQUESTS.labels("honoured").inc(step.answers)

    def _keep(self, received: ReceivedRequest) -> None:
        """Store a request in TimescaleDB, then commit its offset; it waits there until it is honoured."""
        if received.request is None:
            RETUNE_REQUESTS.labels("malformed").inc()
            log.warning("retune_request_malformed", offset=received.offset, fault=received.fault)
        else:
            try:
                with connect(self._settings.database_url, wait_s=AWAY_PAUSE_S) as connection:
                    is_new = keep_request(connection, received.request, self._clock())
            except AWAY:
                self._requests.close()  # the next read starts at the committed offset, with this request
                raise
            if is_new:
                RETUNE_REQUESTS.labels("received").inc()
            log.info("retune_request", by=received.request.requested_by, reason=received.request.reason, new=is_new)
        self._requests.done(received)

    def _keep_next(self, training: threading.Thread) -> None:
        """Store a request that arrives during a training, so that it is listed as waiting."""
        try:
            received = self._requests.next(POLL_S)
            if received is not None:
                self._keep(received)
        except AWAY as error:
            log.warning("retune_requests_unread", error=str(error))
            training.join(AWAY_PAUSE_S)

    def _keep_all(self) -> None:
        """Store all requests in Kafka, so that they come before a training of the schedule.

        An unavailable Kafka does not prevent a training.
        """
        try:
            for received in self._requests.waiting():
                self._keep(received)
        except BrokerUnavailable as error:
            log.warning("retune_requests_unread", error=str(error))

    def _alone(self, work: Callable[[], None]) -> None:
        """Run `work` under the training lock; if another trainer holds it, wait until the next check."""
        with (
            connect(self._settings.database_url, wait_s=AWAY_PAUSE_S, autocommit=True) as connection,
            training_lock(connection) as held,
        ):
            if held:
                work()
                return
        self._beat = self._clock()
        self._ready = Health(self._seen is not None, "waits for another trainer to finish")
        self._stop.wait(AWAY_PAUSE_S)

    def _train_in_thread(self, requested_by: str, reason: str) -> bool:
        """Train on a separate thread, so that a stop signal is noticed; returns whether the training succeeded."""
        self._training_since = format_utc(self._clock().replace(microsecond=0))
        trained = threading.Event()

        def work() -> None:
            if self._work(requested_by, reason):
                trained.set()

        worker = threading.Thread(target=work, name="training", daemon=True)
        try:
            worker.start()
            while worker.is_alive() and not self._stop.is_set():
                self._keep_next(worker)
            worker.join(STOP_WAIT_S)  # returns at once unless the process is stopping
            return trained.is_set()
        finally:
            self._training_since = None

    def _work(self, requested_by: str, reason: str) -> bool:
        log.info("training_started", by=requested_by, reason=reason)
        try:
            with connect(self._settings.database_url, wait_s=AWAY_PAUSE_S) as connection:
                close_interrupted_runs(connection, self._clock())
                connection.commit()
                result = self._train(connection, requested_by, reason, self._note_step)
        except Stopped:
            log.info("training_stopped", by=requested_by)
            return False
        except Exception:
            # The training recorded the failure; the schedule retries after a pause.
            TRAININGS.labels("failed").inc()
            log.exception("training_failed", by=requested_by)
            return False
        TRAININGS.labels(result.outcome).inc()
        TRAINING_SECONDS.observe(result.total_seconds)
        log.info("training_ended", outcome=result.outcome, release=result.release, reason=result.reason)
        return True

    def _note_step(self, step: str) -> None:
        TRAINING_PARTS.inc()
        log.info("training_step", step=step)
        if self._stop.is_set():
            raise Stopped("the trainer is stopping")
