"""The weather of a training set, read from a real TimescaleDB."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import psycopg
import pytest

from dayahead.errors import SettingsError
from dayahead.hours import from_hour
from dayahead.models.serving.window import WINDOW_HOURS
from dayahead.storage.tables.weather_run import WeatherRun, write_runs
from dayahead.storage.tables.weather_source import register_weather_source
from dayahead.weather.history import WeatherBasis
from dayahead.weather.places import WeatherPlaces
from dayahead.weather.simulated import ForecastErrors
from dayahead.weather.source_file import weather_source_of
from dayahead.weather.values import WeatherValues
from tests.dayahead.weather.publications import observed, run
from tests.trainer.conftest import FakeClock
from tests.trainer.filling import NOW, Sample, fill
from trainer.scenarios import Scenario
from trainer.settings import TrainingSettings, WeatherSettings
from trainer.train import Training
from trainer.training_set import TrainingSet, read_training_set
from trainer.training_weather import errors_of

pytestmark = pytest.mark.servers

WEATHER = "icon"
PLACES = WeatherPlaces(source=WEATHER, areas={"DK1": "aarhus", "DK2": {"roskilde": 3, "odense": 1}})


@pytest.fixture
def placed(sample: Sample) -> Sample:
    """The sample, whose areas follow locations."""
    return replace(sample, source=sample.source.model_copy(update={"weather": PLACES}))


def truth(sample: Sample, location: str) -> np.ndarray:
    hours = np.arange(-2000, sample.hours + 100)
    level = {"aarhus": 0.0, "roskilde": 4.0, "odense": -4.0}[location]
    return (level + 5 * np.sin(hours / 40) + 3 * np.sin(hours / 24 * 2 * np.pi)).astype(np.float32)


def archive(sample: Sample, error: float = 0.0, every_h: int = 6) -> Iterable[WeatherValues]:
    """Runs of three locations, each wrong by as much from its start on."""
    for location in ("aarhus", "roskilde", "odense"):
        values = truth(sample, location)
        for start in range(0, sample.hours + 20, every_h):
            yield run(sample.start + start, values[2000 + start : 2072 + start] + error, location=location, delay_h=4.0)


def observations(sample: Sample) -> Iterable[WeatherValues]:
    for location in ("aarhus", "roskilde", "odense"):
        values = truth(sample, location)
        for first in range(-1000, sample.hours, 400):
            hours = min(400, sample.hours - first)
            yield observed(sample.start + first, values[2000 + first : 2000 + first + hours], location=location)


def ingest(connection: psycopg.Connection, published: Iterable[WeatherValues]) -> None:
    fields = {
        "name": WEATHER,
        "kind": "open-meteo",
        "title": "ICON",
        "model": "icon_eu",
        "delay_h": 4,
        "run_hours": [0, 12],
        "locations": {key: {"latitude": 56.0, "longitude": 10.0} for key in ("aarhus", "roskilde", "odense")},
    }
    register_weather_source(connection, weather_source_of(fields))
    with connection.cursor() as cursor:
        write_runs(cursor, [WeatherRun(WEATHER, one) for one in published], NOW)
    connection.commit()


def temperatures(data: TrainingSet, row: int, origin: int) -> np.ndarray:
    weather = data.observed.window_weather(np.array([row]), np.array([origin]))
    assert weather is not None
    return weather.temperature[weather.place[0]]


def test_a_training_sees_the_runs_that_were_available_at_each_origin(
    connection: psycopg.Connection, database_url: str, placed: Sample, quick: TrainingSettings
) -> None:
    fill(database_url, placed)
    ingest(connection, archive(placed, error=1.0))
    data = read_training_set(connection, quick)
    weather = data.history.weather
    assert weather is not None
    assert weather.basis is WeatherBasis.RUNS
    assert len(weather.place_of) == len(placed.series_ids)
    assert len(set(weather.place_of.tolist())) == 2
    row = next(number for number, name in enumerate(data.observed.series_ids) if name.startswith("DK2/"))
    origin = placed.start + 600
    known = temperatures(data, row, origin)
    mean = 0.75 * truth(placed, "roskilde") + 0.25 * truth(placed, "odense")
    np.testing.assert_allclose(known[WINDOW_HOURS : WINDOW_HOURS + 48], mean[2601:2649] + 1.0, atol=1e-4)
    # the newest run is that of hour 594: 600 was started, and could not be had
    early = read_training_set(connection, quick, as_of=from_hour(origin) + timedelta(hours=1))
    np.testing.assert_array_equal(temperatures(early, row, origin), known)
    at_start = placed.start + 601
    assert not np.array_equal(temperatures(data, row, at_start + 3)[:-3], temperatures(data, row, at_start)[3:])


def test_observations_alone_have_simulated_errors_by_the_schedule_of_the_source(
    connection: psycopg.Connection, database_url: str, placed: Sample, quick: TrainingSettings
) -> None:
    fill(database_url, placed)
    ingest(connection, observations(placed))
    served = read_training_set(connection, quick)
    perfect = read_training_set(connection, quick, perfect_weather=True)
    assert served.history.weather is not None
    assert served.history.weather.basis is WeatherBasis.SIMULATED
    origin = placed.start + 500
    error = temperatures(served, 0, origin) - temperatures(perfect, 0, origin)
    assert not error[:WINDOW_HOURS].any()
    assert 0.1 < np.abs(error[WINDOW_HOURS : WINDOW_HOURS + 24]).max() < 8
    assert served.history.fingerprint != perfect.history.fingerprint
    same = read_training_set(connection, quick)
    assert same.history.fingerprint == served.history.fingerprint


def test_the_size_of_simulated_errors_is_set_or_measured(sample: Sample) -> None:
    published = {"aarhus": [one for one in [*archive(sample, 0.8), *observations(sample)] if one.location == "aarhus"]}
    assert errors_of(published, WeatherSettings()).factor == pytest.approx(0.8 / 1.6, rel=0.1)
    assert errors_of(published, WeatherSettings(error_factor=2.0, error_seed=7)) == ForecastErrors(factor=2.0, seed=7)
    assert errors_of({}, WeatherSettings()).factor == 1.0


def test_without_weather_of_its_source_a_training_is_as_it_was(
    connection: psycopg.Connection, database_url: str, placed: Sample, quick: TrainingSettings
) -> None:
    fill(database_url, placed)
    assert read_training_set(connection, quick).history.weather is None  # nothing ingested yet
    ingest(connection, observations(placed))
    unused = quick.model_copy(update={"weather": WeatherSettings(use=False)})
    assert read_training_set(connection, unused).history.weather is None
    with pytest.raises(SettingsError, match="no source grid is registered; there are: consumption-de35-hour"):
        read_training_set(connection, quick, only="grid")


def test_the_gate_of_a_training_with_weather_reports_its_damages(
    connection: psycopg.Connection, database_url: str, placed: Sample, clock: FakeClock, quick: TrainingSettings
) -> None:
    fill(database_url, placed)
    ingest(connection, observations(placed))
    result = Training(connection, quick, clock).run("command", "a test")
    assert list(result.judged) == list(Scenario)
    for scenario in Scenario:
        assert result.judged[scenario].windows > 0
        assert result.judged[scenario].broken == 0
    assert {"wape_no_weather", "wape_run_late", "wape_wrong_place"} <= result_metrics(connection)


def result_metrics(connection: psycopg.Connection) -> set[str]:
    row = connection.execute("SELECT metrics FROM model_release").fetchone()
    assert row is not None
    return set(row[0])
