"""The commands of `dayahead weather`, and `dayahead ingest --weather`, as a user runs them, on real servers."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from dayahead.hours import to_hour
from dayahead.storage.database import connect
from dayahead.storage.tables.weather_run import read_runs
from dayahead.topics import OBSERVATIONS
from tests.conftest import TopicRoom
from tests.ingest.servers import messages

pytestmark = pytest.mark.servers

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COMMAND = [sys.executable, "-c", "from dayahead.cli import main; main()"]
START = datetime(2024, 7, 1, tzinfo=UTC)
PARTITIONS = 3

WEATHER = """
name: own
kind: weather-file
title: Our weather service
path: runs.csv
holds: runs
locations: {hall: null}
location_column: place
start_column: run
value_columns: {temperature_c: t2m}
delay_h: 4
"""

LOAD = """
name: meter
kind: file
title: A meter
path: load.csv
time_column: hour
key_columns: [site]
value_column: kwh
unit: kWh
weather: {source: own, default: PLACE}
"""


@pytest.fixture
def run(topics: TopicRoom, database_url: str, redis_url: str, tmp_path: Path) -> Run:
    topics.create(partitions=PARTITIONS)
    rows = [
        f"hall,{start:%Y-%m-%dT%H:%MZ},{start + timedelta(hours=lead):%Y-%m-%dT%H:%MZ},{lead / 10}"
        for start in (START, START + timedelta(hours=6))
        for lead in range(30)
    ]
    (tmp_path / "runs.csv").write_text("\n".join(["place,run,valid_time,t2m", *rows]) + "\n")
    (tmp_path / "own.yaml").write_text(WEATHER)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [f"{now - timedelta(hours=back):%Y-%m-%dT%H:%MZ},s1,{back}" for back in (4, 3, 2)]
    (tmp_path / "load.csv").write_text("\n".join(["hour,site,kwh", *hours]) + "\n")
    (tmp_path / "load.yaml").write_text(LOAD.replace("PLACE", "hall"))
    environment = {
        **os.environ,
        "DAYAHEAD_DATABASE_URL": database_url,
        "DAYAHEAD_REDIS_URL": redis_url,
        "DAYAHEAD_KAFKA_BOOTSTRAP": topics.bootstrap,
        "DAYAHEAD_TOPIC_PREFIX": topics.prefix,
    }

    def run(*arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=environment | settings,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_weather_is_polled_next_to_load_and_shown(run: Run, topics: TopicRoom) -> None:
    done = run("ingest", "--source", "load.yaml", "--weather", "own.yaml", "--once")
    assert done.returncode == 0, done.stderr
    assert "own: 2 publications of weather, newest run 2024-07-01T06:00:00Z" in done.stdout
    assert "meter: 3 rows" in done.stdout
    weather = [one for one in messages(topics, OBSERVATIONS.name) if "weather" in orjson.loads(one.value)]
    assert sorted(one.partition for one in weather) == sorted([*range(PARTITIONS)] * 2)
    listed = run("weather", "list").stdout
    assert listed.startswith("own\tweather-file\thall\tnewest run 2024-07-01T06:00:00Z, ")
    assert "runs missed" in listed


def test_the_setting_names_weather_sources_as_the_option_does(run: Run) -> None:
    done = run("ingest", "--source", "load.yaml", "--once", DAYAHEAD_WEATHER_SOURCE="own.yaml")
    assert "own: 2 publications of weather" in done.stdout, done.stderr


def test_weather_that_cannot_be_read_is_reported_and_holds_up_no_load(run: Run, tmp_path: Path) -> None:
    (tmp_path / "runs.csv").write_text("place,run,valid_time,t2m\nhall,2024-07-01T00:00Z,2024-07-01T00:00Z,warm\n")
    done = run("ingest", "--source", "load.yaml", "--weather", "own.yaml", "--once")
    assert done.returncode == 1
    assert "own: no weather: weather source own: runs.csv, line 2: column 't2m' is 'warm'" in done.stderr
    assert "meter: 3 rows" in done.stdout


def test_a_location_that_the_weather_source_lacks_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "load.yaml").write_text(LOAD.replace("PLACE", "yard"))
    done = run("ingest", "--source", "load.yaml", "--weather", "own.yaml", "--once")
    assert done.returncode == 2
    assert "source meter: weather source own has no location yard; there are: hall" in done.stderr


def test_archived_runs_are_backfilled_and_shown_and_the_source_removed(run: Run, database_url: str) -> None:
    done = run("weather", "backfill", "own.yaml", "--from", "2024-07-01", "--to", "2024-07-02")
    assert done.stdout == (
        "own: 2 publications written for trainings, 0 more sent to the workers, 2 are not in the archive\n"
    ), done.stderr
    with connect(database_url) as connection:
        runs = read_runs(connection, "own", ["hall"], to_hour(START), to_hour(START) + 40)
    assert [len(one.values.values) for one in runs] == [30, 30]
    shown = run("weather", "show", "own").stdout
    assert "own: Our weather service (kind weather-file)" in shown
    assert "stored: hall temperature_c, 2 of kind run, hours 2024-07-01T00:00:00Z to 2024-07-02T12:00:00Z" in shown
    assert "own: removed" in run("weather", "remove", "own").stdout
    assert "removed at" in run("weather", "list").stdout
    assert "own: registered; locations hall" in run("weather", "register", "own.yaml").stdout
    assert "removed at" not in run("weather", "list").stdout


def test_an_unknown_source_is_answered_with_those_that_are_known(run: Run) -> None:
    run("weather", "register", "own.yaml")
    for command in ("show", "remove"):
        done = run("weather", command, "other")
        assert done.returncode == 2
        assert "no weather source other is registered; there are: own" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "2024-07-02", "--to", "2024-07-01"], "--to 2024-07-01T00:00:00Z is not after --from"),
        (["--from", "2020-01-01", "--to", "2020-02-01"], "has archived runs from 2024-01-01 on (history_start)"),
    ],
)
def test_a_range_that_cannot_be_backfilled_is_refused(
    run: Run, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "own.yaml").write_text(WEATHER + "history_start: 2024-01-01\n")
    done = run("weather", "backfill", "own.yaml", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
