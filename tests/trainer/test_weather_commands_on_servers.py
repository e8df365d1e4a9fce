"""`dayahead weather choose` by names and `dayahead backtest` with weather, as commands, on a real TimescaleDB."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import orjson
import psycopg
import pytest
import yaml

from dayahead.reading.source_file import load_source
from dayahead.storage.tables.weather_run import WeatherRun, write_runs
from dayahead.storage.tables.weather_source import register_weather_source
from dayahead.weather.places import WeatherPlaces
from dayahead.weather.source_file import weather_source_of
from tests.dayahead.weather.publications import run as run_of
from tests.trainer.conftest import QUICK
from tests.trainer.filling import NOW, Sample, fill
from tests.trainer.made_up_weather import LOCATIONS, SERIES, START, MadeUp, made_up, write_load

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

COMMAND = [sys.executable, "-c", "from dayahead.cli import main; main()"]
QUICKLY = [option for override in [*QUICK, "fit.linear.blocks=3"] for option in ("--set", override)]
PLACES = WeatherPlaces(source="sky", series={"shore": "coast", "upland": {"hills": 1, "moor": 1}})


def dayahead(database_url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as a user does."""
    environment = {**os.environ, "DAYAHEAD_DATABASE_URL": database_url, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run([*COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)


def insert_load(database_url: str, made: MadeUp, folder: Path, weather: WeatherPlaces | None) -> None:
    """The load, of a source that names weather or not."""
    _, file = write_load(made, folder)
    source = load_source(file).model_copy(update={"weather": weather})
    fill(database_url, Sample(source, list(SERIES), START, made.load))


def insert_runs(database_url: str, made: MadeUp) -> None:
    """A weather source with a run every six hours, each wrong in its own way."""
    fields = {
        "name": "sky",
        "kind": "open-meteo",
        "title": "A model",
        "model": "icon_eu",
        "locations": {name: {"latitude": 56.0, "longitude": 10.0} for name in LOCATIONS},
    }
    random = np.random.default_rng(9)
    runs = []
    for place, location in enumerate(LOCATIONS):
        for start in range(0, made.hours, 6):
            ahead = made.temperature[place, start : start + 48]
            error = random.normal(0, 1) * np.minimum(np.arange(len(ahead)) / 12, 1)
            runs.append(WeatherRun("sky", run_of(START + start, ahead + error, location=location, delay_h=4.0)))
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        register_weather_source(connection, weather_source_of(fields))
        write_runs(cursor, runs, NOW)


def test_choose_reads_load_and_weather_by_their_names(database_url: str, tmp_path: Path) -> None:
    made = made_up(70)
    insert_load(database_url, made, tmp_path, weather=None)
    names = ["weather", "choose", "--data", "made-up", "--weather", "sky"]
    early = dayahead(database_url, *names)
    assert early.returncode != 0
    assert "no weather source of that name is registered; there are: none" in early.stderr
    insert_runs(database_url, made)
    unknown = dayahead(database_url, "weather", "choose", "--data", "grid", "--weather", "sky")
    assert unknown.returncode != 0
    assert "no source grid is registered; there are: made-up" in unknown.stderr
    done = dayahead(database_url, *names)
    assert done.returncode == 0, done.stderr
    assert "No location helps mill" in done.stdout
    fields = yaml.safe_load(done.stdout[done.stdout.index("weather:\n") :])["weather"]
    assert fields["source"] == "sky"
    # what it prints is a field of a source file
    places = WeatherPlaces.model_validate(fields)
    assert places.weights_of("shore") == (("coast", 1.0),)
    assert {name for name, _ in places.weights_of("upland") or ()} == {"hills", "moor"}
    assert places.weights_of("mill") is None


def test_a_backtest_on_timescaledb_uses_the_runs_that_were_known_and_says_what_they_are_worth(
    database_url: str, tmp_path: Path
) -> None:
    made = made_up(70)
    insert_load(database_url, made, tmp_path, weather=PLACES)
    insert_runs(database_url, made)
    out = tmp_path / "out"
    options = ["--from", "2024-02-28", "--every", "13h", "--workers", "1", "--out", str(out), *QUICKLY]
    done = dayahead(database_url, "backtest", *options)
    assert done.returncode == 0, done.stderr
    assert "archived runs of a weather model, each from the moment on at which it was available" in done.stdout
    assert "places as the sources of load name them" in done.stdout
    found = orjson.loads((out / "weather.json").read_bytes())
    series = {one["name"]: one for one in found["by_series"]}
    for name in ("shore", "upland"):
        assert series[name]["with"] < 0.85 * series[name]["without"]
    assert series["mill"]["gain"] == 0
    refused = dayahead(database_url, "backtest", *options, "--weather", str(tmp_path / "load.parquet"))
    assert refused.returncode != 0
    assert "--weather goes with --data" in refused.stderr
