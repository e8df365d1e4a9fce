"""Records each training also in MLflow if MLFLOW_TRACKING_URI is set; the main record is `tuning_run`.

It uses MLflow's client, an optional dependency: `pip install 'dayahead[tracking]'`.
"""

import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
import structlog

from dayahead.errors import SettingsError
from dayahead.storage.tables.model_release import load_artifact
from trainer.result import TrainingResult
from trainer.settings import TrainingSettings
from trainer.tune import SearchTrial

log = structlog.get_logger()

VARIABLE = "MLFLOW_TRACKING_URI"
EXPERIMENT = "dayahead"
LONGEST_PARAMETER = 500
RUN_STATUS = {"complete": "FINISHED", "fail": "FAILED"}
"""MLflow status of a run by the state of its trial; other states were interrupted."""


class Tracker:
    """Writes trainings to MLflow. A failure is only logged as a warning: a training does not depend on it."""

    def __init__(self, uri: str) -> None:
        """Prepare without sending anything.

        Args:
            uri: of MLflow's tracking server, in the format of its client.

        Raises:
            SettingsError: MLflow's client is not installed.
        """
        if find_spec("mlflow") is None:
            raise SettingsError(
                f"{VARIABLE} is set, and MLflow's client is missing: pip install 'dayahead[tracking]', or unset it"
            )
        self._uri = uri
        # By default the client retries for minutes while the server is down, and would block the training.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

    def keep(self, result: TrainingResult, settings: TrainingSettings, connection: psycopg.Connection) -> None:
        """Write one training: settings as parameters, figures as metrics, release as artifact, trials below it.

        Args:
            result: the training.
            settings: of the training.
            connection: to TimescaleDB, which holds the release.
        """
        from mlflow import MlflowClient  # noqa: PLC0415 - seconds that only those pay who asked for it
        from mlflow.exceptions import MlflowException  # noqa: PLC0415

        try:
            self._write(
                MlflowClient(tracking_uri=self._uri), result, settings, load_artifact(connection, result.release)
            )
        except (MlflowException, OSError) as error:
            log.warning("training_not_tracked", release=result.release, error=str(error))

    def _write(self, client: Any, result: TrainingResult, settings: TrainingSettings, artifact: bytes) -> None:
        from mlflow.entities import Metric, Param  # noqa: PLC0415

        experiment = client.get_experiment_by_name(EXPERIMENT)
        experiment_id = experiment.experiment_id if experiment else client.create_experiment(EXPERIMENT)
        tags = {"outcome": result.outcome.value, "reason": result.reason, "release": result.release}
        run = client.create_run(experiment_id, run_name=result.release, tags=tags)
        chosen = settings.model_copy(update={"fit": result.fit}).model_dump(mode="json", exclude={"tuning", "schedule"})
        now = run.info.start_time
        client.log_batch(
            run.info.run_id,
            metrics=[Metric(name, value, now, 0) for name, value in _metrics(result)],
            params=[Param(name, value[:LONGEST_PARAMETER]) for name, value in _flat(chosen)],
        )
        client.log_dict(run.info.run_id, result.details(), "details.json")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / f"{result.release}.release"
            file.write_bytes(artifact)
            client.log_artifact(run.info.run_id, str(file))
        for trial in result.tuned.trials if result.tuned else []:
            _write_trial(client, trial, run)
        client.set_terminated(run.info.run_id)


def tracker_of(environ: Mapping[str, str]) -> Tracker | None:
    """The tracker configured in the environment; None if there is none.

    Raises:
        SettingsError: one is configured, and MLflow's client is not installed.
    """
    uri = environ.get(VARIABLE, "")
    return Tracker(uri) if uri else None


def _write_trial(client: Any, trial: SearchTrial, training: Any) -> None:
    """Write a trial as a child run; an interrupted one is marked as such."""
    from mlflow.entities import Metric, Param  # noqa: PLC0415

    info = training.info
    tags = {"mlflow.parentRunId": info.run_id, "state": trial.state}
    run = client.create_run(info.experiment_id, run_name=f"trial {trial.number}", tags=tags)
    client.log_batch(
        run.info.run_id,
        metrics=[] if trial.loss is None else [Metric("loss", trial.loss, info.start_time, 0)],
        params=[Param(name, str(value)) for name, value in trial.parameters.items()],
    )
    client.set_terminated(run.info.run_id, RUN_STATUS.get(trial.state, "KILLED"))


def _metrics(result: TrainingResult) -> Iterator[tuple[str, float]]:
    for scenario, figures in result.judged.items():
        for name in ("wape", "series_wape", "weekly_naive_wape", "daily_naive_wape", "naive_wape", "skill", "coverage"):
            value = getattr(figures, name)
            if math.isfinite(value):
                yield f"{scenario.value}.{name}", value
        for day in figures.later_days:
            for name in ("wape", "naive_wape", "skill", "coverage"):
                value = getattr(day, name)
                if math.isfinite(value):
                    yield f"{scenario.value}.day_{day.day}.{name}", value
    yield "seconds", result.total_seconds
    yield "series", float(result.learnt.series)
    yield "values", float(result.learnt.values)


def _flat(tree: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", str(value)
