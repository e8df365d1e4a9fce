"""What the worker makes of a log, hour by hour, is what training and backtests make of the tables: bit for bit."""

import itertools
from dataclasses import fields

import numpy as np
import psycopg
import pytest

from dayahead.contracts import Rung
from dayahead.evaluation.backtest import forecast_origin
from dayahead.features.snapshot import snapshot
from dayahead.features.state import SeriesState, describe
from dayahead.hours import to_hour
from dayahead.models.fitting.examples import Rows, examples
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from dayahead.storage.tables.forecast import read_forecasts
from dayahead.storage.tables.series import load_series
from tests.dayahead.conftest import consumption
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import batch, in_log, series_of
from tests.stream.ownership.test_releases import crown, record_of
from trainer.settings import TrainingSettings
from trainer.training_set import read_training_set

pytestmark = pytest.mark.servers

SUMMER_TIME = 466_609
"""2023-03-26T01Z: in Copenhagen the clocks go from 2 to 3, and the day has 23 hours."""
WINTER_TIME = 471_817
"""2023-10-29T01Z: they go from 3 to 2, and the day has 25 hours."""
LIVE_HOURS = 30
KNOWN_HOURS = 920
SERIES = 6


def log_around(switch: int) -> list[bytes]:
    """Hours of sound, young, broken and stuck series; the last 30, around the switch, arrive one by one."""
    ids = series_of(0, SERIES)
    start = switch - KNOWN_HOURS
    hours = KNOWN_HOURS + LIVE_HOURS
    values = np.round(consumption(SERIES, hours), 3)
    values[1, -90:-60] = np.nan
    values[2, -20:] = values[2, -21]
    values[3, :-250] = np.nan
    values[4, :-40] = np.nan
    values[5, ::7] = np.nan
    edges = [*range(0, KNOWN_HOURS, 80), *range(KNOWN_HOURS, hours + 1)]
    messages = []
    for first, end in itertools.pairwise(edges):
        rows = [
            (ids[one], start + hour, float(values[one, hour])) for one in range(SERIES) for hour in range(first, end)
        ]
        known = [row for row in rows if np.isfinite(row[2])]
        messages.append(batch(known, start + end, refresh=end == first + 1))
    return messages


@pytest.mark.parametrize("switch", [SUMMER_TIME, WINTER_TIME])
def test_live_features_and_forecasts_are_those_of_training_and_backtest(
    room: WorkerRoom, small_release: Release, switch: int
) -> None:
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    log = log_around(switch)
    room.send(0, log)
    worker = room.worker(worker_batch_rows=20)
    worker.assign([0])
    worker.process(0, in_log(log))
    with psycopg.connect(room.database_url, options="-c timezone=UTC") as connection:
        keys = {one.series_id: one.series_key for one in load_series(connection)}
        history = read_training_set(connection, TrainingSettings(), needed_h=1).observed
        rows = connection.execute("SELECT series_key, origin, features FROM feature_snapshot").fetchall()
        kept = {(key, to_hour(origin)): np.array(features, np.float32) for key, origin, features in rows}
        assert len(kept) > LIVE_HOURS * (SERIES - 1)
        forecaster = Forecaster(small_release)
        found: set[int] = set()
        for origin in range(switch, switch + LIVE_HOURS):
            tested = forecast_origin(origin, history=history, forecaster=forecaster)
            names = [tested.series_ids[number] for number in tested.series]
            live = read_forecasts(connection, np.array([keys[name] for name in names]), np.full(len(names), origin))
            assert len(live) >= SERIES - 1
            for place, key in enumerate(live.series_key.tolist()):
                row = names.index(next(name for name, found_key in keys.items() if found_key == key))
                found.add(int(live.rung[place]))
                assert (live.rung[place], live.reasons[place]) == (tested.rung[row], tested.reasons[row])
                assert live.floor_days[place] == tested.floor_days[row]
                for name in ("p10", "p50", "p90"):
                    assert getattr(live, name)[place].tobytes() == getattr(tested, name)[row].tobytes(), (name, origin)
                # the features that a training describes the same row by
                state = trained_on(history, int(tested.series[row]), origin, small_release)
                assert kept[key, origin].tobytes() == snapshot(state)[0].tobytes()
        assert {Rung.FULL, Rung.DEGRADED_INPUT, Rung.PROFILE} <= found
    held = worker.held[0].state
    every = np.arange(SERIES)
    windows = held.windows(every, held.newest)
    live_state = describe(windows, screened=small_release.feature_spec.screened)
    for index, one in enumerate(held.series):
        trained = trained_on(history, history.series_ids.index(one.series_id), int(held.newest[index]), small_release)
        for item in fields(SeriesState):
            part, whole = getattr(trained, item.name)[0], getattr(live_state, item.name)[index]
            assert part.tobytes() == whole.tobytes(), (one.series_id, item.name)


def trained_on(history: object, series: int, origin: int, release: Release) -> SeriesState:
    """The state that a training learns a row from."""
    one = np.array([series], np.int64)
    rows = Rows(one, np.array([origin], np.int64), np.zeros(1, np.int64), np.zeros(1, np.int64))
    return examples(history, rows, screened=release.feature_spec.screened).state  # type: ignore[arg-type]
