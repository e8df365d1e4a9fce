"""Searches the fit settings with Optuna, on consecutive validation windows.

The hours that the gate judges on are never used here: the newest validation window ends where they begin. A study
is stored in TimescaleDB, so that several trainers can share it; the trial of a killed one is retried by another.
"""

import hashlib
import math
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import MaxTrialsCallback
from optuna.trial import FrozenTrial, Trial, TrialState
from pydantic import SecretStr, ValidationError
from sqlalchemy.engine import make_url

from dayahead.errors import NotEnoughHistoryError, SettingsError
from dayahead.hours import Hour, from_hour
from dayahead.models.fitting.fit import fit_release
from dayahead.models.settings import ModelSettings
from trainer.judge import judge_scenario, judged_windows
from trainer.scenarios import Scenario
from trainer.settings import Range, TrainingSettings
from trainer.training_set import TrainingSet

DONE = (TrialState.COMPLETE, TrialState.PRUNED)
STARTUP_TRIALS = 5
CUT = "cut"
OnTrial = Callable[[int, float | None], None]
"""Called with the number of finished trials and the lowest loss so far."""


@dataclass(frozen=True)
class SearchTrial:
    """One trial of a search.

    Attributes:
        number: in the study.
        state: complete, pruned, fail, running or waiting.
        loss: None if it is not finished.
        parameters: values by the dotted names of the space.
    """

    number: int
    state: str
    loss: float | None
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Tuned:
    """The result of a search.

    Attributes:
        study: its name in the storage.
        began_with: the initial fit settings.
        fit: the best settings; the initial ones if no trial finished in time.
        loss: their loss, the mean of WAPE and of the mean of the series' own over the validation windows; NaN where
            no trial was finished.
        first_loss: loss of the initial settings; NaN if that trial did not finish.
        trials: every trial.
    """

    study: str
    began_with: ModelSettings
    fit: ModelSettings
    loss: float
    first_loss: float
    trials: list[SearchTrial]

    def details(self) -> dict[str, Any]:
        """The content of `tuning_run.details`."""
        return {
            "study": self.study,
            "loss": self.loss if math.isfinite(self.loss) else None,
            "began_with": self.began_with.model_dump(mode="json"),
            "fit": self.fit.model_dump(mode="json"),
            "trials": [asdict(trial) for trial in self.trials],
        }


def storage_of(database_url: SecretStr, heartbeat_s: int) -> RDBStorage:
    """Optuna's storage in schema `optuna` of TimescaleDB."""
    url = make_url(database_url.get_secret_value()).set(drivername="postgresql+psycopg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return RDBStorage(
            url.render_as_string(hide_password=False),
            engine_kwargs={"connect_args": {"options": "-c search_path=optuna -c timezone=UTC"}},
            heartbeat_interval=heartbeat_s,
            grace_period=3 * heartbeat_s,
            heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(max_retry=3),
        )


def tune(
    data: TrainingSet,
    cut: Hour,
    settings: TrainingSettings,
    storage: RDBStorage,
    trials: int,
    study_name: str | None = None,
    on_trial: OnTrial = lambda done, loss: None,
    budget_s: float | None = None,
) -> Tuned:
    """Search until the study has this number of trials, counted over all processes.

    Args:
        data: all hours; only those before the cut are used.
        cut: first hour that the gate judges on. An existing study keeps its cut.
        settings: the space, the validation windows, the initial fit settings.
        storage: of the study.
        trials: finished or pruned trials of the whole study.
        study_name: study to join; by default one for the last day of the data.
        on_trial: called after each trial; may raise to stop the search.
        budget_s: seconds after which no further trial starts; None for no limit.

    Raises:
        NotEnoughHistoryError: no validation window fits.
        SettingsError: the space has an unknown setting or an invalid value.
    """
    _check_space(settings)
    name = study_name or _study_name(data, settings)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=storage,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
        study_name=name,
        load_if_exists=True,
    )
    is_new = CUT not in study.user_attrs
    # A process that joins uses another seed; with the same one both would try the same settings.
    study.sampler = _sampler(settings.seed if is_new else None)
    if is_new:
        study.set_user_attr(CUT, cut)
        study.enqueue_trial(_start_point(settings), skip_if_exists=True)
    known = data.until(min(cut, int(study.user_attrs[CUT]))).for_day_1
    folds = validation_windows(known, settings)

    def objective(trial: Trial) -> float:
        fit = with_values(settings.fit, {n: _suggest(trial, n, part) for n, part in settings.tuning.space.items()})
        losses: list[float] = []
        for step, (first, end) in enumerate(folds):
            seen = known.until(end)
            release = fit_release(seen.history.until(first), fit, settings.seed)
            windows = judged_windows(seen.observed, first, settings.holdout)
            figures = judge_scenario(release, seen, windows, Scenario.ALL_WELL)
            losses.append((figures.wape + figures.series_wape) / 2)
            trial.report(float(np.mean(losses)), step)
            if step + 1 < len(folds) and trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(losses))

    def report(study: optuna.Study, _: FrozenTrial) -> None:
        done = study.get_trials(deepcopy=False, states=DONE)
        on_trial(len(done), min((t.value for t in done if t.value is not None), default=None))

    if len(study.get_trials(deepcopy=False, states=DONE)) < trials:
        study.optimize(objective, timeout=budget_s, callbacks=[report, MaxTrialsCallback(trials, states=DONE)])
    return _result(study, settings)


def _sampler(seed: int | None) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.samplers.TPESampler(seed=seed, constant_liar=True, n_startup_trials=STARTUP_TRIALS)


def validation_windows(data: TrainingSet, settings: TrainingSettings) -> list[tuple[Hour, Hour]]:
    """First hour and hour after the last of each of the consecutive windows up to the end of the data.

    Raises:
        NotEnoughHistoryError: there are too few hours before the first one to fit.
    """
    tuning, hours = settings.tuning, data.history.hours
    spare = hours - settings.fit.least_history_h
    length = min(tuning.fold_h, spare // tuning.folds)
    if length < settings.holdout.least_h:
        raise NotEnoughHistoryError(
            f"before the held-out hours there are {hours} hours; a search needs {settings.fit.least_history_h} to fit "
            f"and {tuning.folds} x {settings.holdout.least_h} to compare. Wait, or lower tuning.folds"
        )
    end = data.history.end
    return [(end - (n + 1) * length, end - n * length) for n in reversed(range(tuning.folds))]


def with_values(fit: ModelSettings, values: dict[str, Any]) -> ModelSettings:
    """Fit settings with some values replaced, by dotted names.

    Raises:
        SettingsError: the setting is unknown, or the value is invalid.
    """
    tree = fit.model_dump()
    for name, value in values.items():
        *parts, last = name.split(".")
        place = tree
        for part in parts:
            place = place.setdefault(part, {})
        place[last] = value
    try:
        return ModelSettings.model_validate(tree)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"tuning.space: {faults}") from error


def _check_space(settings: TrainingSettings) -> None:
    if not settings.tuning.space:
        raise SettingsError("tuning.space is empty: see trainer/settings/default.yaml")
    for name, part in settings.tuning.space.items():
        for value in (part.low, part.high) if isinstance(part, Range) else part.choices:
            with_values(settings.fit, {name: value})


def _suggest(trial: Trial, name: str, part: Any) -> Any:
    if not isinstance(part, Range):
        return trial.suggest_categorical(name, part.choices)
    if isinstance(part.low, int) and isinstance(part.high, int) and not _is_real(name):
        return trial.suggest_int(name, part.low, part.high, log=part.log)
    return trial.suggest_float(name, part.low, part.high, log=part.log)


def _is_real(name: str) -> bool:
    """Whether the setting is a float although its range is given as integers."""
    return isinstance(_value_of(ModelSettings(), name), float)


def _value_of(fit: ModelSettings, name: str) -> Any:
    place: Any = fit
    for part in name.split("."):
        place = getattr(place, part)
    return place


def _start_point(settings: TrainingSettings) -> dict[str, Any]:
    """The initial settings, clipped to the space."""
    start: dict[str, Any] = {}
    for name, part in settings.tuning.space.items():
        value = _value_of(settings.fit, name)
        start[name] = min(max(value, part.low), part.high) if isinstance(part, Range) else value
        if not isinstance(part, Range) and value not in part.choices:
            start[name] = part.choices[0]
    return start


def _study_name(data: TrainingSet, settings: TrainingSettings) -> str:
    asked = repr((settings.tuning.space, settings.tuning.folds, settings.fit, data.sources))
    return f"{from_hour(data.history.end):%Y-%m-%d}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}"


def _result(study: optuna.Study, settings: TrainingSettings) -> Tuned:
    trials = study.get_trials(deepcopy=False)
    finished = any(trial.state is TrialState.COMPLETE for trial in trials)
    return Tuned(
        study=study.study_name,
        began_with=settings.fit,
        fit=with_values(settings.fit, study.best_params) if finished else settings.fit,
        loss=study.best_value if finished else float("nan"),
        first_loss=next((t.value for t in trials[:1] if t.value is not None), float("nan")),
        trials=[SearchTrial(t.number, t.state.name.lower(), t.value, t.params) for t in trials],
    )
