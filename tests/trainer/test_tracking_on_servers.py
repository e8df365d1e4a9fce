from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from mlflow import MlflowClient

from dayahead.errors import SettingsError
from dayahead.models.serving.release import Release
from tests.logged import logged_here
from tests.trainer.conftest import FakeClock
from tests.trainer.filling import Sample, fill
from trainer.result import TrainingResult
from trainer.scenarios import Scenario
from trainer.settings import TrainingSettings
from trainer.tracking import EXPERIMENT, Tracker, tracker_of
from trainer.train import Training
from trainer.tune import SearchTrial, Tuned


@pytest.fixture
def trained(
    connection: psycopg.Connection, database_url: str, sample: Sample, quick: TrainingSettings, clock: FakeClock
) -> TrainingResult:
    fill(database_url, sample)
    return Training(connection, quick, clock).run("test", "to be tracked")


@pytest.fixture
def mlruns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where MLflow's client keeps runs without a server."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return (tmp_path / "mlruns").as_uri()


@pytest.mark.servers
def test_a_training_is_found_in_mlflow_with_its_settings_figures_and_release(
    trained: TrainingResult, connection: psycopg.Connection, quick: TrainingSettings, mlruns: str, tmp_path: Path
) -> None:
    tracker = tracker_of({"MLFLOW_TRACKING_URI": mlruns})
    assert tracker is not None
    tracker.keep(trained, quick, connection)

    client = MlflowClient(tracking_uri=mlruns)
    (run,) = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    assert (run.info.run_name, run.info.status) == (trained.release, "FINISHED")
    assert run.data.tags["outcome"] == trained.outcome.value
    assert run.data.params["fit.trees.trees"] == "10"
    assert run.data.params["gate.margin"] == str(quick.gate.margin)
    assert run.data.metrics["all_well.wape"] == trained.judged[Scenario.ALL_WELL].wape
    assert run.data.metrics["stuck_meter.wape"] == trained.judged[Scenario.STUCK_METER].wape
    files = {file.path: client.download_artifacts(run.info.run_id, file.path, str(tmp_path)) for file in
             client.list_artifacts(run.info.run_id)}  # fmt: skip
    assert set(files) == {"details.json", f"{trained.release}.release"}
    kept = Path(files[f"{trained.release}.release"]).read_bytes()
    assert Release.from_bytes(kept).release_id == trained.release


@pytest.mark.servers
def test_the_trials_of_its_search_are_runs_below_a_training(
    trained: TrainingResult, connection: psycopg.Connection, quick: TrainingSettings, mlruns: str
) -> None:
    trials = [
        SearchTrial(0, "complete", 0.05, {"trees.trees": 60, "trees.learning_rate": 0.1}),
        SearchTrial(1, "pruned", 0.09, {"trees.trees": 30}),
        SearchTrial(2, "fail", None, {}),
    ]
    tuned = Tuned("a study", trained.fit, trained.fit, 0.05, 0.05, trials)
    Tracker(mlruns).keep(replace(trained, tuned=tuned), quick, connection)

    client = MlflowClient(tracking_uri=mlruns)
    runs = {run.info.run_name: run for run in
            client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])}  # fmt: skip
    parent = runs.pop(trained.release)
    assert {run.data.tags["mlflow.parentRunId"] for run in runs.values()} == {parent.info.run_id}
    assert {name: run.info.status for name, run in runs.items()} == {
        "trial 0": "FINISHED",
        "trial 1": "KILLED",
        "trial 2": "FAILED",
    }
    assert runs["trial 0"].data.params == {"trees.trees": "60", "trees.learning_rate": "0.1"}
    assert [runs[name].data.metrics for name in ("trial 0", "trial 1", "trial 2")] == [
        {"loss": 0.05},
        {"loss": 0.09},
        {},
    ]


@pytest.mark.servers
def test_a_training_does_not_fail_with_mlflow(
    trained: TrainingResult, connection: psycopg.Connection, quick: TrainingSettings, tmp_path: Path
) -> None:
    no_folder = tmp_path / "a file"
    no_folder.touch()
    with logged_here() as logs:
        Tracker(f"{no_folder.as_uri()}/mlruns").keep(trained, quick, connection)
    assert [line["event"] for line in logs] == ["training_not_tracked"]


def test_nothing_is_tracked_without_the_setting() -> None:
    assert tracker_of({}) is None
    assert tracker_of({"MLFLOW_TRACKING_URI": ""}) is None


def test_a_missing_client_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.tracking.find_spec", lambda _: None)
    with pytest.raises(SettingsError, match=r"pip install 'dayahead\[tracking\]'"):
        tracker_of({"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"})
