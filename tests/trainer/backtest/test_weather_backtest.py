"""A backtest of a made-up load that follows a made-up temperature, by the command and without any server."""

from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
import typer
import yaml
from typer.testing import CliRunner

from dayahead.errors import SettingsError
from dayahead.weather.command_group import weather as weather_group
from tests.trainer.backtest.conftest import Run
from tests.trainer.conftest import QUICK
from tests.trainer.made_up_weather import MadeUp, made_up, write_load, write_observations, write_runs
from trainer.commands import register

QUICKLY = [option for override in [*QUICK, "fit.linear.blocks=3"] for option in ("--set", override)]


@pytest.fixture(scope="module")
def made() -> MadeUp:
    return made_up(84)


@pytest.fixture(scope="module")
def files(made: MadeUp, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    write_load(made, folder)
    write_observations(made, folder)
    write_runs(made, folder, sd=1.0)
    return folder


def options(files: Path, *more: str) -> list[str]:
    data = ["--data", str(files / "load.parquet"), "--source", str(files / "load.yaml")]
    return [*data, "--from", "2024-03-12", "--every", "13h", "--workers", "1", *QUICKLY, *more]


def test_weather_lowers_the_error_of_what_follows_it_and_perfect_weather_lowers_it_further(
    run: Run, files: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    output = run(*options(files, "--weather", str(files / "weather.parquet"), "--out", str(out))).output
    assert "observations of 3 locations" in output
    assert "observed weather with simulated errors of 1.6 K a day ahead" in output
    assert "Place of shore: coast" in output
    assert "Place of upland: mean of hills, moor" in output or "Place of upland: mean of moor, hills" in output
    assert "Place of mill: none helps" in output

    found = orjson.loads((out / "weather.json").read_bytes())
    whole, series = found["whole"], {one["name"]: one for one in found["by_series"]}
    assert whole["perfect"] < 0.9 * whole["with"] < 0.8 * whole["without"]
    for name in ("shore", "upland"):
        assert series[name]["with"] < 0.85 * series[name]["without"]
    # a series without a place is forecast by the member without weather
    assert series["mill"]["with"] == series["mill"]["without"]
    assert series["mill"]["gain"] == 0
    assert whole["of_the_weather"] == pytest.approx((whole["with"] - whole["perfect"]) / whole["with"])
    gains = [one["gain"] for one in found["by_lead"]]
    assert gains[-1] > gains[0]

    page = (out / "report.html").read_text()
    for part in ("What weather is worth", "Weather by lead", "simulated errors", "shore"):
        assert part in page
    rows = pq.read_table(out / "forecasts.parquet").num_rows
    again = run(*options(files, "--weather", str(files / "weather.parquet"), "--out", str(out))).output
    assert "windows are reused" in again
    assert orjson.loads((out / "weather.json").read_bytes()) == found
    assert pq.read_table(out / "forecasts.parquet").num_rows == rows


def test_runs_are_used_as_they_were_known(run: Run, files: Path) -> None:
    output = run(*options(files, "--weather", str(files / "runs.csv"), "--no-ablation")).output
    assert "runs of 3 locations" in output
    assert "archived runs of a weather model, each from the moment on at which it was available" in output
    assert "WAPE by what is known of the weather" not in output


def test_perfect_weather_is_called_so(run: Run, files: Path) -> None:
    output = run(*options(files, "--weather", str(files / "weather.parquet"), "--perfect")).output
    assert "as if it had been forecast without any error" in output
    with pytest.raises(SettingsError, match="--perfect is for observations"):
        run(*options(files, "--weather", str(files / "runs.csv"), "--perfect"))


def test_the_places_of_the_source_count(run: Run, files: Path, tmp_path: Path, made: MadeUp) -> None:
    write_load(made, tmp_path, weather={"source": "weather-file", "default": "coast", "series": {"mill": None}})
    data = ["--data", str(tmp_path / "load.parquet"), "--source", str(tmp_path / "load.yaml")]
    output = run(*options(files), *data, "--weather", str(files / "weather.parquet"), "--no-ablation").output
    assert "places as the source of load names them; 1 of 3 series follow none" in output
    write_load(made, tmp_path, weather={"source": "weather-file", "default": "fell"})
    with pytest.raises(SettingsError, match="names fell; the file has: coast, hills, moor"):
        run(*options(files), *data, "--weather", str(files / "weather.parquet"))


def test_options_that_say_nothing_are_refused(run: Run, files: Path) -> None:
    with pytest.raises(SettingsError, match="--weather goes with --data"):
        run("--from", "2024-03-12", "--weather", str(files / "weather.parquet"))
    with pytest.raises(SettingsError, match="describe --weather"):
        run(*options(files, "--weather-kind", "runs"))
    with pytest.raises(SettingsError, match="write runs or observations"):
        run(*options(files, "--weather", str(files / "weather.parquet"), "--weather-kind", "rumours"))


def test_choose_prints_what_the_source_file_needs(files: Path) -> None:
    app = typer.Typer()
    register(app)
    app.add_typer(weather_group, name="weather")
    data = ["--data", str(files / "load.parquet"), "--source", str(files / "load.yaml")]
    arguments = ["weather", "choose", *data, "--weather", str(files / "weather.parquet")]
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "No location helps mill" in result.output
    fields = yaml.safe_load(result.output[result.output.index("weather:\n") :])
    assert fields["weather"]["series"] == {"mill": None, "upland": {"hills": 1.0, "moor": 1.0}}
