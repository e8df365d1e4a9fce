"""One training: read, clean, fit without the newest hours, judge on them, fit on all, save, decide, record."""

import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import psycopg
import structlog
from pydantic import ValidationError

from dayahead.errors import Stopped
from dayahead.hours import Clock, Hour, from_hour
from dayahead.models.fitting.fit import fit_release
from dayahead.models.fitting.parts import no_report, processors
from dayahead.models.history import History
from dayahead.models.serving.blas import one_thread
from dayahead.models.serving.release import Release
from dayahead.models.settings import ModelSettings
from dayahead.storage.tables.model_release import ReleaseRecord, load_artifact, save_release
from dayahead.storage.tables.model_report import ReportKind
from dayahead.storage.tables.promotion import champion, promote, rolled_back_releases
from dayahead.storage.tables.series import load_series
from dayahead.storage.tables.training_quarantine import save_quarantine
from dayahead.storage.tables.tuning_run import Outcome, finish_run, newest_search, start_run
from dayahead.tracing import spans
from trainer.gate import Comparison, Judgement, decide
from trainer.judge import judge, judged_windows, lost_days
from trainer.reports.task import ReportTask, rows_or_error
from trainer.reports.training import training_rows
from trainer.result import Learnt, TrainingResult
from trainer.scenarios import Scenario
from trainer.settings import TrainingSettings
from trainer.training_set import TrainingSet, read_training_set
from trainer.tune import Tuned

log = structlog.get_logger()

READ, TUNE = "read and clean", "search settings"
FIT_JUDGED, JUDGE, FIT, DECIDE = "fit to be judged", "judge", "fit on everything", "decide"
STEPS = (READ, TUNE, FIT_JUDGED, JUDGE, FIT, DECIDE)

PROMOTED_BY = "trainer"

FITS_AT_ONCE_VALUES = 1_000_000
"""Up to this many values, both fits run concurrently: a single fit keeps two processors busy for only three
quarters of its time. Beyond it they run one after the other, to need the memory of only one fit."""

OnStep = Callable[[str], None]
"""Called with the name of each step when it starts; may raise to stop the training."""

OnPart = Callable[[], None]
"""Called after each part of a fit, from any thread; may raise to abort."""

Tuner = Callable[[TrainingSet, Hour], Tuned]
"""Searches the fit settings on the hours before a given one."""


@dataclass(frozen=True)
class Serving:
    """The champion at the time of the training."""

    release: Release
    record_id: str


def _ignore(step: str) -> None:
    """Do nothing."""


class Training:
    """One training, from reading the data to the decision."""

    def __init__(
        self,
        connection: psycopg.Connection,
        settings: TrainingSettings,
        clock: Clock,
        *,
        promote: bool = True,
        as_of: datetime | None = None,
        tuner: Tuner | None = None,
        tuned: Tuned | None = None,
        on_step: OnStep = _ignore,
        on_part: OnPart = no_report,
    ) -> None:
        """Prepare.

        Args:
            connection: to TimescaleDB; the caller holds the training lock.
            settings: of the training.
            clock: the present moment.
            promote: whether to promote a challenger that passes the gate, or only save it.
            as_of: train only on data published by then.
            tuner: searches the fit settings first; None uses those of an earlier search, or the configured ones.
            tuned: an earlier search whose settings to use.
            on_step: called with each step when it starts.
            on_part: called after each part of a fit.
        """
        self._connection, self._settings, self._clock = connection, settings, clock
        self._tuner, self._tuned = tuner, tuned
        self._promote, self._as_of = promote, as_of
        self._on_step, self._on_part = on_step, on_part
        self._seconds: dict[str, float] = {}

    def run(self, requested_by: str, reason: str) -> TrainingResult:
        """Train once. The run is recorded whether it succeeds or fails.

        Args:
            requested_by: the requester.
            reason: why, in a sentence.

        Raises:
            NotEnoughHistoryError: there are too few hours.
            ReleaseError: the champion cannot be read.
        """
        self._seconds = {}
        key = start_run(self._connection, requested_by, reason, self._clock())
        self._connection.commit()
        try:
            with spans.span("train", {"dayahead.requested_by": requested_by}) as span:
                result = self._train(key)
                span.note({"dayahead.outcome": result.outcome.value, "dayahead.release": result.release})
                return result
        except BaseException as error:
            if not self._connection.closed:
                self._connection.rollback()
                failed = isinstance(error, Exception) and not isinstance(error, Stopped)
                outcome = Outcome.FAILED if failed else Outcome.INTERRUPTED
                details = {"reason": f"{type(error).__name__}: {error}"}
                finish_run(self._connection, key, outcome, self._clock(), details=details)
                self._connection.commit()
            raise

    def _train(self, key: int) -> TrainingResult:
        with self._step(READ):
            data = read_training_set(self._connection, self._settings, self._as_of)
            serving = self._serving()
        cut = _cut(data, serving, self._settings)
        tuned = self._tuned
        if self._tuner is not None:
            with self._step(TUNE):
                tuned = self._tuner(data, held_out_from(data, self._settings))
        fit = tuned.fit if tuned else self._found_before()
        with self._begun(lambda: self._fit(data.history, fit), data.history) as fitted:
            with self._step(FIT_JUDGED):
                rehearsal = self._fit(data.history.until(cut), fit)
            with self._step(JUDGE):
                windows = judged_windows(data.observed, cut, self._settings.holdout)
                lost = lost_days(rehearsal, data, windows, self._settings.gate.least_windows)
                # a day that loses does not keep the others from serving: the profile forecasts it
                rehearsal = rehearsal.with_floor(lost)
                judged = judge(rehearsal, data, windows)
                comparison = self._compare(rehearsal, judged, serving, data, cut)
            with self._step(FIT):
                release = fitted().with_floor(lost)
        with self._step(DECIDE):
            gate = decide(judged, comparison, self._is_withdrawn(release), self._settings.gate)
            result = TrainingResult(
                tuning_run_key=key,
                outcome=Outcome.SAVED,
                reason=gate.reason,
                release=release.release_id,
                is_new=False,
                learnt=_learnt(data, cut),
                judged=judged,
                comparison=comparison,
                gate=gate,
                quarantined=data.quarantined,
                fit=fit,
                tuned=tuned,
                floor_days=release.floor_days,
            )
            result = self._save(result, release, serving)
        result = replace(result, seconds=dict(self._seconds))
        finish_run(self._connection, key, result.outcome, self._clock(), result.release, result.details())
        self._connection.commit()
        return replace(result, report=self._report(result, data, cut, rehearsal))

    def _report(self, result: TrainingResult, data: TrainingSet, cut: Hour, rehearsal: Release) -> ReportTask | None:
        """The report to make, whose rows are read now: nothing holds the training data later."""
        settings = self._settings.report
        if not settings.make:
            return None
        areas = {series.series_id: series.area for series in load_series(self._connection)}
        self._connection.rollback()
        rows = rows_or_error(lambda: training_rows(data.observed, cut, rehearsal, areas, settings, self._settings.seed))
        return ReportTask(result.release, ReportKind.TRAINING, rows, result.tuning_run_key)

    def _fit(self, history: History, fit: ModelSettings) -> Release:
        return fit_release(history, fit, self._settings.seed, threads=self._threads, on_part=self._on_part)

    @property
    def _threads(self) -> int:
        return self._settings.threads or processors()

    @contextmanager
    def _begun(self, work: Callable[[], Release], history: History) -> Iterator[Callable[[], Release]]:
        """Fit in the background during the block if the history is small; else when the block asks for the release.

        Yields:
            A function that returns the release.
        """
        if self._threads == 1 or history.values.size > FITS_AT_ONCE_VALUES:
            yield work
            return
        # one_thread around both: else the first fit to end would restore BLAS's threads while the other computes
        with one_thread(), ThreadPoolExecutor(1, "fit-on-everything") as pool:
            yield pool.submit(work).result

    def _save(self, result: TrainingResult, release: Release, serving: Serving | None) -> TrainingResult:
        """Save, promote and record the run in one transaction."""
        now = self._clock()
        record = ReleaseRecord(
            release=release.release_id,
            created_at=now,
            trained_from=from_hour(release.trained_from),
            trained_until=from_hour(release.trained_until),
            data_fingerprint=release.data_fingerprint,
            settings=release.settings.model_dump(mode="json") | {"seed": release.seed},
            metrics=_metrics(result.judged, release.floor_days),
            artifact_bytes=0,
        )
        is_new = save_release(self._connection, record, release.to_bytes(), release.shape_by_day)
        save_quarantine(self._connection, result.tuning_run_key, result.quarantined)
        result = replace(result, is_new=is_new)
        if serving is not None and serving.record_id == release.release_id:
            reason = "the same data, settings and seed gave the current champion"
            return replace(result, outcome=Outcome.UNCHANGED, reason=reason)
        if not self._promote:
            return replace(
                result, outcome=Outcome.SAVED, reason=f"promotion was not requested; the gate says: {result.reason}"
            )
        if not result.gate.passed:
            return replace(result, outcome=Outcome.KEPT)
        announcement = promote(self._connection, release.release_id, PROMOTED_BY, result.gate.reason, now)
        return replace(result, outcome=Outcome.PROMOTED, announcement=announcement)

    def _serving(self) -> Serving | None:
        current = champion(self._connection)
        if current is None:
            return None
        return Serving(Release.from_bytes(load_artifact(self._connection, current.release)), current.release)

    def _found_before(self) -> ModelSettings:
        """Settings of the newest search, unless the configured settings changed since."""
        found = newest_search(self._connection)
        try:
            if found and ModelSettings.model_validate(found["began_with"]) == self._settings.fit:
                return ModelSettings.model_validate(found["fit"])
        except (KeyError, ValidationError) as error:
            log.warning("search_of_another_version_ignored", error=str(error))
        return self._settings.fit

    def _is_withdrawn(self, release: Release) -> bool:
        return release.release_id in rolled_back_releases(self._connection)

    def _compare(
        self, rehearsal: Release, judged: Judgement, serving: Serving | None, data: TrainingSet, cut: Hour
    ) -> Comparison | None:
        if serving is None:
            return None
        follows_weather = serving.release.weather is not None
        unseen_from = max(cut, serving.release.trained_until)
        unseen_h = max(0, data.history.end - unseen_from)
        if unseen_h < self._settings.gate.least_unseen_h:
            return Comparison(serving.record_id, unseen_h, {}, {}, follows_weather)
        windows = judged_windows(data.observed, unseen_from, self._settings.holdout)
        ours = judged if unseen_from == cut else judge(rehearsal, data, windows)
        theirs = judge(serving.release, data, windows)
        return Comparison(serving.record_id, unseen_h, ours, theirs, follows_weather)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._on_step(name)
        begun = time.monotonic()
        with spans.span(name):
            yield
        self._seconds[name] = time.monotonic() - begun


def _cut(data: TrainingSet, serving: Serving | None, settings: TrainingSettings) -> Hour:
    """The first held-out hour.

    If the champion was trained on some of the hours that would be held out, the challenger may be too, as long as
    enough remain that neither was trained on: so the comparison is fair.
    """
    end, cut = data.history.end, held_out_from(data, settings)
    if serving is not None and cut < serving.release.trained_until <= end - settings.gate.least_unseen_h:
        return serving.release.trained_until
    return cut


def held_out_from(data: TrainingSet, settings: TrainingSettings) -> Hour:
    """The first held-out hour: a share of the history, within its limits, leaving what the fit needs."""
    holdout, hours = settings.holdout, data.history.hours
    wanted = int(np.clip(round(hours * holdout.share), holdout.least_h, holdout.most_h))
    return data.history.end - max(min(wanted, hours - settings.fit.least_history_h), holdout.least_h)


def _learnt(data: TrainingSet, cut: Hour) -> Learnt:
    return Learnt(len(data.history.series_ids), data.known_hours, data.history.start, data.history.end, cut)


def _metrics(judged: Judgement, floor_days: Collection[int]) -> dict[str, float | int | None]:
    figures = judged[Scenario.ALL_WELL]
    metrics = {
        "windows": figures.windows,
        "wape": figures.wape,
        "series_wape": figures.series_wape,
        "weekly_naive_wape": figures.weekly_naive_wape,
        "daily_naive_wape": figures.daily_naive_wape,
        "naive_wape": figures.naive_wape,
        "coverage": figures.coverage,
    } | {f"wape_{scenario}": f.wape for scenario, f in judged.items() if scenario is not Scenario.ALL_WELL}
    for one in figures.later_days:
        metrics |= {
            f"day_{one.day}_wape": one.wape,
            f"day_{one.day}_naive_wape": one.naive_wape,
            f"day_{one.day}_coverage": one.coverage,
            f"day_{one.day}_by_model": int(one.by_model and one.day not in floor_days),
        }
    return {name: value if np.isfinite(value) else None for name, value in metrics.items()}
