import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from dayahead.errors import NotEnoughHistoryError, SettingsError
from tests.trainer.backtest.conftest import Run
from tests.waiting import wait_until
from trainer.backtest.walk import Mapped

DEADLINE_S = 180


def test_one_command_backtests_a_file_and_writes_every_forecast(
    run: Run, on_few_series: list[str], tmp_path: Path
) -> None:
    output = run(*on_few_series, "--to", "2023-01-20T18", "--every", "24h", "--out", str(tmp_path / "out")).output
    for part in (
        "10 series",
        "WAPE",
        "last day",
        "last week",
        "Skill over the better seasonal naive",
        "DK1",
        "DK2",
        "lead 1 to 6 h",
        "day 2",
        "Workday",
        "full model",
        "report.html",
    ):
        assert part in output
    table = pq.read_table(tmp_path / "out" / "forecasts.parquet")
    leads = 50  # what the source asks for, left out: to the end of tomorrow
    assert table.num_rows == 3 * 10 * leads
    assert table.column_names == [
        "series_id", "origin", "lead", "valid_time", "p10", "p50", "p90", "rung", "release", "actual",
    ]  # fmt: skip
    rows = table.slice(0, leads).to_pylist()
    assert [row["lead"] for row in rows] == list(range(1, leads + 1))
    assert rows[0]["valid_time"].isoformat() == "2023-01-17T18:00:00+00:00"
    assert all(row["valid_time"] - row["origin"] == timedelta(hours=row["lead"]) for row in rows)
    p50, actual = table["p50"].to_numpy().astype(float), table["actual"].to_numpy()
    lead, known = table["lead"].to_numpy(), np.isfinite(actual)
    # the figures are of day 1; day 2 has a line of its own
    for day in (known & (lead <= 24), known & (lead > 24) & (lead <= 48)):
        assert f"{np.abs(p50 - actual)[day].sum() / np.abs(actual)[day].sum():.2%}" in output


def test_each_forecast_names_the_release_that_made_it(run: Run, on_few_series: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out"
    output = run(*on_few_series, "--to", "2023-01-21T18", "--every", "24h", "--refit", "2d", "--out", str(out)).output
    assert "2 fits" in output
    rows = pq.read_table(out / "forecasts.parquet").to_pylist()
    releases = {row["origin"].day: row["release"] for row in rows}
    assert releases[17] == releases[18] != releases[19] == releases[20]
    assert {file.stem for file in (out / "releases").iterdir()} == set(releases.values())
    assert all(release in (out / "report.html").read_text() for release in releases.values())


@pytest.mark.parametrize(("refit", "clusters"), [([], 0), (["--refit", "2d"], 1)], ids=["one_fit", "two_fits"])
def test_several_fits_are_done_side_by_side_without_being_asked_for(
    run: Run, on_few_series: list[str], monkeypatch: pytest.MonkeyPatch, refit: list[str], clusters: int
) -> None:
    begun: list[int] = []

    @contextmanager
    def local_cluster(workers: int) -> Iterator[Mapped]:
        begun.append(workers)
        yield map

    monkeypatch.setattr("trainer.backtest.cluster.local_cluster", local_cluster)
    run(*on_few_series, "--to", "2023-01-21T18", "--every", "24h", *refit)
    assert len(begun) == clusters


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--from", "yesterday"], "--from"),
        (["--every", "1w"], "--every '1w'"),
        (["--every", "0h"], "--every '0h'"),
        (["--refit", "often"], "--refit 'often'"),
    ],
)
def test_a_wrong_option_is_named(run: Run, on_few_series: list[str], options: list[str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        run(*on_few_series, *options)


def test_a_file_without_its_source_is_refused(run: Run, few_series: Path) -> None:
    with pytest.raises(SettingsError, match="--data and --source go together"):
        run("--data", str(few_series), "--from", "2023-01-18")


def test_too_few_hours_before_from_are_named(run: Run, on_few_series: list[str]) -> None:
    with pytest.raises(NotEnoughHistoryError, match="choose a later --from"):
        run(*on_few_series, "--from", "2022-12-30")


def test_a_killed_run_resumes_to_the_same_result(run: Run, on_few_series: list[str], tmp_path: Path) -> None:
    """Killed with its Dask workers at work; no signal that it could hear."""
    options = [*on_few_series, "--every", "2h"]
    out = tmp_path / "out"
    windows = out / "windows"
    command = [sys.executable, "-c", "from dayahead.cli import main; main()", "backtest", *options, "--workers", "2"]
    process = subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(
            lambda: len(list(windows.glob("*.parquet"))) >= 3, DEADLINE_S, "three finished windows", pause_s=0.01
        )
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    finished = {file: file.stat().st_mtime_ns for file in windows.glob("*.parquet")}
    assert 3 <= len(finished) < 75
    assert not (out / "forecasts.parquet").exists()

    output = run(*options, "--workers", "1", "--out", str(out)).output
    assert f"{len(finished)} of 75 windows are reused from an earlier run" in output
    assert {file: file.stat().st_mtime_ns for file in finished} == finished
    run(*options, "--workers", "1", "--out", str(tmp_path / "whole"))
    resumed, whole = (pq.read_table(folder / "forecasts.parquet") for folder in (out, tmp_path / "whole"))
    assert resumed.equals(whole)


CLOSED_SOURCE = """
name: closed
kind: file
title: a meter of a works that is closed
path: closed.csv
time_column: time
key_columns: [meter]
value_column: value
unit: kWh
"""


@pytest.mark.parametrize("open_days", [0, 40], ids=["always_zero", "turned_to_zero"])
@pytest.mark.timeout(600)
def test_a_series_of_zeros_is_forecast_as_zero_and_judged(run: Run, tmp_path: Path, open_days: int) -> None:
    hours = np.arange(80 * 24)
    load = np.where(hours < open_days * 24, 100 + 30 * np.sin(hours / 24 * 2 * np.pi) + hours % 7, 0.0)
    start = np.datetime64("2024-01-01T00", "h")
    lines = [f"{start + hour}:00Z,m1,{value:.2f}" for hour, value in zip(hours, load, strict=True)]
    (tmp_path / "closed.csv").write_text("\n".join(["time,meter,value", *lines]))
    (tmp_path / "closed.yaml").write_text(CLOSED_SOURCE)
    output = run(
        "--data", "closed.csv", "--source", "closed.yaml", "--from", "2024-03-16", "--out", str(tmp_path / "out")
    ).output  # fmt: skip
    assert "All 120 observed hours are 0, so that WAPE is not defined. Mean absolute error: 0" in output
    assert "nan" not in output
    table = pq.read_table(tmp_path / "out" / "forecasts.parquet")
    assert set(table["p50"].to_pylist()) == {0.0}
    assert set(table["actual"].drop_null().to_pylist()) == {0.0}


def test_a_maximum_that_is_too_low_is_warned_of_with_the_share_that_each_series_loses(run: Run, tmp_path: Path) -> None:
    hours = np.arange(40 * 24)
    peaks = 100 + 30 * np.sin(hours / 24 * 2 * np.pi) + hours % 7
    quiet = peaks / 2
    quiet[100] = 500.0
    start = np.datetime64("2024-01-01T00", "h")
    lines = [
        f"{start + hour}:00Z,{meter},{load[hour]:.2f}" for meter, load in (("a", peaks), ("b", quiet)) for hour in hours
    ]
    (tmp_path / "low.csv").write_text("\n".join(["time,meter,value", *lines]))
    (tmp_path / "low.yaml").write_text(CLOSED_SOURCE.replace("closed", "low") + "maximum: 120\n")
    output = run("--data", "low.csv", "--source", "low.yaml", "--from", "2024-02-08", "--out", "out").output
    lost = int((np.round(peaks, 2) > 120).sum())
    share = f"{lost / len(hours):.1%}"
    assert f"Warning: a loses {share} of its values ({lost} of 960) to the limits of source low" in output
    assert "check `maximum: 120` in the source file" in output
    assert "\nb loses 0.1% of its values (1 of 960)" in output  # a single glitch is no reason to warn
    assert "Warning: 1 series are judged without the values" in output
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Beyond the limits" in page
    assert share.replace("%", "\u202f%") in page
