from dataclasses import replace

import numpy as np
import optuna
import psycopg
import pytest
from pydantic import SecretStr

from dayahead.errors import NotEnoughHistoryError, SettingsError
from dayahead.models.history import History
from dayahead.models.settings import ModelSettings
from dayahead.storage.tables.tuning_run import Outcome, recent_runs
from tests.trainer.conftest import QUICK, FakeClock
from tests.trainer.filling import Sample, fill
from tests.waiting import wait_until
from trainer.settings import Range, TrainingSettings, load_training_settings
from trainer.train import Training
from trainer.training_set import TrainingSet
from trainer.tune import Tuned, storage_of, tune, validation_windows, with_values

SPACE = "tuning.space={trees.trees: {low: 5, high: 20}, linear.robust_share: {low: 0.4, high: 1.5, log: true}}"


@pytest.fixture
def searched() -> TrainingSettings:
    return load_training_settings(None, [*QUICK, SPACE, "tuning.fold_h=72"], {})


@pytest.fixture
def data(sample: Sample) -> TrainingSet:
    history = History(tuple(sample.series_ids), sample.start, sample.values, (sample.source.calendar,))
    return TrainingSet(history, history, [], (sample.source.name,))


def search(
    database_url: str, data: TrainingSet, settings: TrainingSettings, trials: int, study: str | None = None
) -> Tuned:
    storage = storage_of(SecretStr(database_url), settings.tuning.heartbeat_s)
    return tune(data, data.history.start + 660, settings, storage, trials, study)


def test_the_validation_windows_follow_each_other_up_to_the_end(data: TrainingSet) -> None:
    settings = load_training_settings(None, ["tuning.folds=3", "tuning.fold_h=100"], {})
    end = data.history.end
    assert validation_windows(data, settings) == [(end - 300, end - 200), (end - 200, end - 100), (end - 100, end)]


def test_with_little_history_the_windows_are_shorter_and_then_there_are_none(data: TrainingSet) -> None:
    settings = load_training_settings(None, ["tuning.folds=2"], {})
    start = data.history.start
    short = validation_windows(data.until(start + 336 + 120), settings)
    assert [end - first for first, end in short] == [60, 60]
    with pytest.raises(NotEnoughHistoryError, match=r"lower tuning\.folds"):
        validation_windows(data.until(start + 336 + 90), settings)


def test_settings_are_replaced_by_dotted_names() -> None:
    fit = with_values(ModelSettings(), {"trees.trees": 99, "linear.passes": 2})
    assert (fit.trees.trees, fit.linear.passes, fit.trees.leaves) == (99, 2, ModelSettings().trees.leaves)


@pytest.mark.parametrize(
    ("name", "part"),
    [("trees.tres", Range(low=1, high=2)), ("trees.trees", Range(low=-5, high=9)), ("nothing", Range(low=1, high=2))],
)
def test_a_space_that_the_fit_does_not_have_is_refused_before_the_first_trial(
    data: TrainingSet, searched: TrainingSettings, name: str, part: Range
) -> None:
    wrong = searched.model_copy(update={"tuning": searched.tuning.model_copy(update={"space": {name: part}})})
    with pytest.raises(SettingsError, match=r"tuning\.space"):
        tune(data, data.history.end, wrong, optuna.storages.InMemoryStorage(), 1)  # type: ignore[arg-type]


@pytest.mark.servers
def test_a_search_starts_with_the_configured_settings_and_resumes(
    database_url: str, data: TrainingSet, searched: TrainingSettings
) -> None:
    first = search(database_url, data, searched, 2)
    assert [trial.state for trial in first.trials] == ["complete", "complete"]
    assert first.trials[0].parameters == {"trees.trees": 10, "linear.robust_share": pytest.approx(0.7)}
    assert first.loss <= first.first_loss
    more = search(database_url, data, searched, 3)
    assert more.study == first.study
    assert [trial.loss for trial in more.trials[:2]] == [trial.loss for trial in first.trials]
    assert len(more.trials) == 3
    assert len(search(database_url, data, searched, 3).trials) == 3


@pytest.mark.servers
def test_a_search_sees_nothing_of_the_hours_that_the_gate_judges_on(
    database_url: str, data: TrainingSet, searched: TrainingSettings
) -> None:
    changed = data.history.values.copy()
    changed[:, 660:] = np.random.default_rng(0).random(changed[:, 660:].shape)
    other = replace(data.history, values=changed)
    here = search(database_url, data, searched, 2, "one")
    there = search(database_url, replace(data, observed=other, history=other), searched, 2, "other")
    assert [trial.loss for trial in here.trials] == [trial.loss for trial in there.trials]


@pytest.mark.servers
def test_the_trial_of_a_killed_trainer_is_taken_up_by_another(
    database_url: str, data: TrainingSet, searched: TrainingSettings
) -> None:
    searched = searched.model_copy(update={"tuning": searched.tuning.model_copy(update={"heartbeat_s": 1})})
    search(database_url, data, searched, 1, "shared")
    storage = storage_of(SecretStr(database_url), 1)
    study = optuna.load_study(study_name="shared", storage=storage)
    left_behind = study.ask()
    left_behind.suggest_int("trees.trees", 5, 20)
    storage.record_heartbeat(left_behind._trial_id)
    wait_until(lambda: storage._get_stale_trial_ids(study._study_id), 60, "the trial to be given up")

    result = search(database_url, data, searched, 2, "shared")
    states = {trial.number: trial.state for trial in result.trials}
    assert states[left_behind.number] == "fail"
    taken_up = result.trials[-1]
    assert taken_up.state == "complete"
    assert taken_up.parameters["trees.trees"] == left_behind.params["trees.trees"]


@pytest.mark.servers
def test_a_training_records_the_search_that_its_settings_came_from(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock, searched: TrainingSettings
) -> None:
    fill(database_url, sample)

    def tuner(data: TrainingSet, cut: int) -> Tuned:
        assert cut == data.history.end - round(0.2 * data.history.hours)
        return tune(data, cut, searched, storage_of(SecretStr(database_url), 30), 2)

    result = Training(connection, searched, clock, tuner=tuner).run("command", "a test")
    assert result.tuned is not None
    run = recent_runs(connection)[0]
    assert run.release == result.release
    assert len(run.details["tuning"]["trials"]) == 2


@pytest.mark.servers
def test_what_a_search_found_is_fitted_until_the_settings_it_began_with_are_changed(
    connection: psycopg.Connection, database_url: str, sample: Sample, clock: FakeClock, searched: TrainingSettings
) -> None:
    fill(database_url, sample)
    found = with_values(searched.fit, {"trees.trees": 7})
    search = Tuned("a study", searched.fit, found, 0.1, 0.2, [])
    assert Training(connection, searched, clock, tuned=search).run("command", "a test").outcome is Outcome.PROMOTED
    assert Training(connection, searched, clock).run("schedule", "a test").fit == found
    edited = searched.model_copy(update={"fit": with_values(searched.fit, {"trees.leaves": 9})})
    assert Training(connection, edited, clock).run("schedule", "a test").fit == edited.fit


@pytest.mark.servers
def test_a_search_that_has_used_up_its_time_begins_no_further_trial(
    database_url: str, data: TrainingSet, searched: TrainingSettings
) -> None:
    storage = storage_of(SecretStr(database_url), searched.tuning.heartbeat_s)
    found = tune(data, data.history.start + 660, searched, storage, 50, budget_s=1e-9)
    assert {trial.state for trial in found.trials} == {"waiting"}
    assert found.fit == searched.fit
    assert found.details()["loss"] is None
