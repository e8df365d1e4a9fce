from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dayahead.errors import SettingsError
from dayahead.evaluation.backtest import RunResult
from tests.trainer.backtest.conftest import Run
from tests.trainer.backtest.same import differences
from trainer.backtest.kept import Identity, RunFolder
from trainer.backtest.plan import Plan
from trainer.backtest.reader import FileReader
from trainer.backtest.walk import Backtest, Walk
from trainer.backtest.window import forecast_window
from trainer.settings import TrainingSettings

SOMETHING = Identity("data", "file", "settings", "2023-01-01T00:00:00Z", "24h", "", "", "0.1.0")


def part_of(result: RunResult, origin: int) -> RunResult:
    rows = result.origin == origin
    arrays = {
        item.name: getattr(result, item.name)[rows]
        for item in fields(RunResult)
        if item.name not in {"series_ids", "scores", "later_scores"}
    }
    later = tuple(result.scores_of(day).take(rows) for day in range(2, result.days + 1))
    return RunResult(result.series_ids, scores=result.scores.take(rows), later_scores=later, **arrays)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.begin(SOMETHING)
    return folder


def test_a_window_round_trips_exactly(folder: RunFolder, walked: Backtest) -> None:
    origin = walked.origins[1]
    window = part_of(walked.result, origin)
    window.actual[0, 3] = np.nan
    folder.keep(origin, window)
    assert folder.finished(walked.origins) == [origin]
    assert differences(RunFolder(folder.path).read(origin, window.series_ids), window) == []


def test_a_run_that_was_cut_off_forecasts_only_what_is_missing(
    folder: RunFolder, reader: FileReader, plan: Plan, walked: Backtest, quickly: TrainingSettings
) -> None:
    class CutOffError(Exception):
        pass

    made: list[int] = []

    def three(task: Any, asked: Any) -> Any:
        for one in asked:
            if task is forecast_window:
                if len(made) == 3:
                    raise CutOffError
                made.append(one.origin)
            yield task(one)

    with pytest.raises(CutOffError):
        Walk(reader, plan, quickly, mapped=three, folder=folder).run()

    def failing(task: Any, asked: Any) -> Any:
        assert task is forecast_window or not list(asked), "fitted again"
        for one in asked:
            made.append(one.origin)
            yield task(one)

    done: list[int] = []
    again = RunFolder(folder.path)
    again.begin(SOMETHING)
    run = Walk(reader, plan, quickly, mapped=failing, folder=again, on_windows=done.append).run()
    assert made == list(walked.origins)
    assert (run.taken_up, sum(done)) == (3, len(walked.origins))
    assert differences(run.result, walked.result) == []


def test_a_release_that_was_kept_is_not_fitted_again(
    folder: RunFolder,
    reader: FileReader,
    plan: Plan,
    walked: Backtest,
    quickly: TrainingSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Walk(reader, plan, quickly, folder=folder).run()
    monkeypatch.setattr("trainer.backtest.fitting.fit_release", lambda *_: pytest.fail("fitted again"))
    assert differences(Walk(reader, plan, quickly, folder=RunFolder(folder.path)).run().result, walked.result) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": "other"}, "the data have changed"),
        ({"settings": "other"}, "other training settings"),
        ({"every": "1h"}, "another --every"),
        ({"from_": "2024-01-01T00:00:00Z"}, "another --from"),
        ({"refit": "24h"}, "another --refit"),
        ({"source": "b.csv", "version": "9"}, "another file or database, another version of Dayahead"),
    ],
)
def test_runs_of_different_things_are_not_mixed(folder: RunFolder, changed: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        RunFolder(folder.path).begin(replace(SOMETHING, **changed))


def test_a_folder_of_another_version_is_refused(folder: RunFolder) -> None:
    manifest = folder.path / "manifest.json"
    manifest.write_bytes(manifest.read_bytes().replace(b'"format": 4', b'"format": 3'))
    with pytest.raises(SettingsError, match=r"another version of Dayahead: choose another --out"):
        RunFolder(folder.path)


def test_windows_of_one_release_are_not_mixed_with_those_of_another(
    folder: RunFolder, walked: Backtest, reader: FileReader, quickly: TrainingSettings, first: int
) -> None:
    (release,) = walked.releases.values()
    folder.keep_release(first, release)
    (folder.path / "releases" / f"{release.release_id}.release").unlink()
    (other,) = Walk(reader, Plan(first + 24, first + 48, 24), quickly).run().releases.values()
    with pytest.raises(SettingsError, match=f"{release.release_id} forecast.*{other.release_id}"):
        RunFolder(folder.path).keep_release(first, other)


def test_a_damaged_window_is_named(folder: RunFolder, walked: Backtest) -> None:
    folder.keep(walked.origins[0], part_of(walked.result, walked.origins[0]))
    (file,) = (folder.path / "windows").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SettingsError, match=f"{file.name} is damaged"):
        folder.read(walked.origins[0], walked.result.series_ids)


def test_a_later_end_reuses_the_finished_windows(run: Run, on_few_series: list[str], tmp_path: Path) -> None:
    out = ["--every", "24h", "--out", str(tmp_path / "out")]
    run(*on_few_series, "--to", "2023-01-19T18", *out)
    assert "2 of 4 windows are reused from an earlier run" in run(*on_few_series, "--to", "2023-01-21T18", *out).output
    with pytest.raises(SettingsError, match="another --every"):
        run(*on_few_series, "--every", "6h", "--out", str(tmp_path / "out"))
    with pytest.raises(SettingsError, match="other training settings"):
        run(*on_few_series, *out, "--set", "seed=9")
