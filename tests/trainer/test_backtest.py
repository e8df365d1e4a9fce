from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from dayahead.errors import DayaheadError, NotEnoughHistoryError, SettingsError
from dayahead.evaluation.backtest import RunResult
from dayahead.models.release import Release
from dayahead.source import load_source
from tests.trainer.conftest import QUICK
from tests.trainer.filling import NOW, SAMPLE, SAMPLE_SOURCE, Sample
from trainer.backtest import fit_before, plan_origins, walk
from trainer.commands import register
from trainer.data_file import DataFile, read_data_file
from trainer.settings import TrainingSettings, load_training_settings

Run = Callable[..., Result]
FIRST_H = 650


@pytest.fixture(scope="module")
def file() -> DataFile:
    return read_data_file(SAMPLE, load_source(SAMPLE_SOURCE), load_training_settings(None, QUICK, {}).quarantine, NOW)


@pytest.fixture(scope="module")
def release(file: DataFile) -> Release:
    return fit_before(file.data, file.data.observed.start + FIRST_H, load_training_settings(None, QUICK, {}))


def test_a_file_gives_what_is_in_it(file: DataFile, whole_sample: Sample) -> None:
    observed = file.data.observed
    assert (observed.series_ids, observed.start) == (tuple(whole_sample.series_ids), whole_sample.start)
    assert np.array_equal(observed.values, whole_sample.values)
    assert not file.rejected


def test_a_file_without_a_usable_record_says_what_is_wrong(tmp_path: Path, quick: TrainingSettings) -> None:
    data = tmp_path / "mine.csv"
    data.write_text("HourUTC,PriceArea,ConsumerType_DE35,TotalCon\n2023-01-01T00:00:00,DK1,111,plenty\n")
    with pytest.raises(NotEnoughHistoryError, match=r"1 records were rejected.*plenty"):
        read_data_file(data, load_source(SAMPLE_SOURCE), quick.quarantine, NOW)


def test_the_fit_sees_nothing_from_the_first_forecast_hour_on(
    file: DataFile, release: Release, quick: TrainingSettings
) -> None:
    observed, history = file.data.observed, file.data.history
    first = observed.start + FIRST_H
    changed = history.values.copy()
    changed[:, FIRST_H:] = 1.0
    again = fit_before(replace(file.data, history=replace(history, values=changed)), first, quick)
    assert again.release_id == release.release_id
    assert release.trained_until == first


def test_a_forecast_sees_nothing_after_its_origin(file: DataFile, release: Release) -> None:
    observed = file.data.observed
    origins = plan_origins(file.data, observed.start + FIRST_H, observed.start + FIRST_H + 24, 24)
    changed = observed.values.copy()
    changed[:, FIRST_H:] *= 3
    seen = walk(release, file.data, origins).result
    blind = walk(release, replace(file.data, observed=replace(observed, values=changed)), origins).result
    assert np.array_equal(seen.p50, blind.p50)


def test_every_forecast_hour_lies_between_from_and_to(file: DataFile) -> None:
    start = file.data.observed.start
    origins = plan_origins(file.data, start + 600, start + 700, 7)
    assert origins[0] + 1 == start + 600
    assert origins[-1] + 24 <= start + 699 < origins[-1] + 24 + 7
    whole = plan_origins(file.data, start + 600, None, 24)
    assert whole[-1] + 24 < file.data.observed.end


@pytest.mark.parametrize(("first", "end"), [(600, 620), (810, None), (0, None), (900, None)])
def test_a_range_without_room_for_a_forecast_is_refused(file: DataFile, first: int, end: int | None) -> None:
    start = file.data.observed.start
    with pytest.raises(SettingsError, match="no forecast of 24 hours fits"):
        plan_origins(file.data, start + first, None if end is None else start + end, 24)


def test_windows_in_parallel_give_what_they_give_one_after_the_other(file: DataFile, release: Release) -> None:
    start = file.data.observed.start
    origins = plan_origins(file.data, start + FIRST_H, start + FIRST_H + 96, 12)
    one_by_one = walk(release, file.data, origins).result
    with ThreadPoolExecutor(3) as pool:
        together = walk(release, file.data, origins, lambda at, hours: list(pool.map(at, reversed(list(hours))))).result
    for name in ("series", "origin", "p10", "p50", "p90", "rung"):
        assert np.array_equal(getattr(one_by_one, name), getattr(together, name)), name


@pytest.fixture
def run() -> Run:
    app = typer.Typer()
    register(app)

    def invoke(*arguments: str) -> Result:
        result = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["backtest", *arguments])
        if isinstance(result.exception, DayaheadError):
            raise result.exception
        return result

    return invoke


ON_SAMPLE = ["--data", str(SAMPLE), "--source", str(SAMPLE_SOURCE), *(o for s in QUICK for o in ("--set", s))]


def test_a_person_judges_a_file_with_one_command_and_gets_every_forecast(run: Run, tmp_path: Path) -> None:
    result = run(*ON_SAMPLE, "--from", "2023-01-18", "--to", "2023-01-21", "--every", "24h", "--out", str(tmp_path))
    assert result.exit_code == 0, result.output
    for told in ("76 series", "WAPE", "DK1", "DK2", "1 to 6 h", "full model"):
        assert told in result.output
    table = pq.read_table(tmp_path / "forecasts.parquet")
    assert table.num_rows == 3 * 76 * 24
    assert table.column_names == [
        "series_id", "origin", "lead", "valid_time", "p10", "p50", "p90", "rung", "release", "actual",
    ]  # fmt: skip
    rows = table.slice(0, 24).to_pylist()
    assert [row["lead"] for row in rows] == list(range(1, 25))
    assert rows[0]["valid_time"].isoformat() == "2023-01-18T00:00:00+00:00"
    error = (
        np.abs(table["p50"].to_numpy() - table["actual"].to_numpy()).sum() / np.abs(table["actual"].to_numpy()).sum()
    )
    assert f"{error:.2%}" in result.output


@pytest.mark.parametrize(
    ("options", "told"),
    [(["--from", "yesterday"], "--from"), (["--from", "2023-01-18", "--every", "1d"], "--every")],
)
def test_a_wrong_option_is_named(run: Run, options: list[str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        run(*ON_SAMPLE, *options)


def test_too_few_hours_before_from_are_named(run: Run) -> None:
    with pytest.raises(NotEnoughHistoryError, match="choose a later --from"):
        run(*ON_SAMPLE, "--from", "2022-12-30")


def test_results_join_in_the_order_of_origins(file: DataFile, release: Release) -> None:
    start = file.data.observed.start
    result: RunResult = walk(release, file.data, plan_origins(file.data, start + FIRST_H, None, 48)).result
    assert np.all(np.diff(result.origin) >= 0)
