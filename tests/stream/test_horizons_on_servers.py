"""A forecast has as many hours as its source asks for, in TimescaleDB, in Redis and in Kafka alike."""

import itertools
from dataclasses import replace

import numpy as np
import orjson
import psycopg
import pytest

from dayahead.contracts import ForecastMessage, Rung
from dayahead.evaluation.backtest import forecast_origin
from dayahead.horizon import days_of
from dayahead.hours import format_utc, from_hour
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from dayahead.storage.tables.source import register_source
from stream.audit.auditor import Outcome
from tests.dayahead.conftest import consumption
from tests.stream.audit.test_auditor import auditor_of
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import SOURCE, START, batch, in_log, series_of
from tests.stream.ownership.test_releases import crown, record_of
from trainer.settings import TrainingSettings
from trainer.training_set import read_training_set

pytestmark = pytest.mark.servers

HOURS = 940
LIVE = 27
"""Hours that arrive one by one, each with a forecast: those of the first ones are scored."""
SOUND, YOUNG, NEW = IDS = series_of(0, 3)


def log_of(first: int, end: int) -> list[bytes]:
    """Hours of a sound series, one of four days, and one of three hours."""
    values = np.round(consumption(3, HOURS + 40), 3)
    values[1, : HOURS - 96] = np.nan
    values[2, : HOURS - 3] = np.nan
    edges = [*range(first, min(HOURS - LIVE, end), 100), *range(max(first, HOURS - LIVE), end + 1)]
    parts = [range(start, stop) for start, stop in itertools.pairwise(edges)]
    return [
        batch(
            [
                (name, START + hour, float(values[place, hour]))
                for hour in hours
                for place, name in enumerate(IDS)
                if np.isfinite(values[place, hour])
            ],
            START + hours[-1] + 1,
            refresh=hours.start >= HOURS - LIVE,
        )
        for hours in parts
    ]


def ask_for(room: WorkerRoom, horizon_h: int) -> None:
    with psycopg.connect(room.database_url) as connection:
        register_source(connection, SOURCE.model_copy(update={"horizon_h": horizon_h}))


def take_in(room: WorkerRoom, log: list[bytes], first: int = 0) -> None:
    """Give a worker the messages of a log from one on."""
    room.send(0, log[first:])
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log)[first:])
    worker.run_maintenance()


@pytest.mark.parametrize("horizon_h", [24, 50, 72, 408])
def test_a_forecast_has_the_hours_that_its_source_asks_for_wherever_it_is_read(
    room: WorkerRoom, small_release: Release, horizon_h: int
) -> None:
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    ask_for(room, horizon_h)
    take_in(room, log_of(0, HOURS))

    sizes = room.query("SELECT rung, cardinality(p10), cardinality(p50), cardinality(p90), count(*) FROM forecast"
                       " GROUP BY 1, 2, 3, 4")  # fmt: skip
    assert {row[1:4] for row in sizes if row[0] < Rung.NONE} == {(horizon_h,) * 3}
    assert {row[1:4] for row in sizes if row[0] == Rung.NONE} == {(0, 0, 0)}

    stored = room.newest_forecasts()
    assert room.redis() == stored
    assert room.newest_messages() == stored
    assert room.kept_messages() == room.all_forecasts()
    found = {name: ForecastMessage.model_validate_json(stored[name]) for name in IDS}
    assert {name: (one.rung, one.leads) for name, one in found.items()} == {
        SOUND: (Rung.FULL, horizon_h),
        YOUNG: (Rung.PROFILE, horizon_h),
        NEW: (Rung.NONE, 0),
    }
    for name, one in found.items():
        rungs, days = one.day_rungs, days_of(one.leads)
        assert rungs is not None
        assert len(rungs) == days
        assert rungs[:1] == ([one.rung] if days else [])
        assert [len(one.p10), len(one.p50), len(one.p90)] == [one.leads] * 3, name
        assert np.isfinite([one.p10, one.p50, one.p90]).all()
        assert all(low <= mid <= high for low, mid, high in zip(one.p10, one.p50, one.p90, strict=True))
    points = room.query("SELECT lead, rung FROM forecast_point WHERE series_id = %s AND origin = %s ORDER BY lead",
                        [SOUND, found[SOUND].origin])  # fmt: skip
    assert points == [(lead, (found[SOUND].day_rungs or [])[(lead - 1) // 24]) for lead in range(1, horizon_h + 1)]

    # the first day is what a forecast of 24 hours is, bit for bit, and so is its score
    with psycopg.connect(room.database_url, options="-c timezone=UTC") as connection:
        history = replace(read_training_set(connection, TrainingSettings(), needed_h=1).observed, leads=24)
    day = forecast_origin(START + HOURS - 1, history=history, forecaster=Forecaster(small_release))
    for name in (SOUND, YOUNG):
        row = history.series_ids.index(name)
        for quantile in ("p10", "p50", "p90"):
            assert np.array_equal(
                np.array(getattr(found[name], quantile)[:24], np.float32),
                getattr(day, quantile)[day.series == row][0],
            )
    scored = forecast_origin(START + HOURS - 25, history=history, forecaster=Forecaster(small_release))
    place = int(np.flatnonzero(scored.series == history.series_ids.index(SOUND))[0])
    assert room.query(
        "SELECT hours, absolute_error FROM score JOIN series USING (series_key) WHERE series_id = %s AND origin = %s",
        [SOUND, from_hour(START + HOURS - 25)],
    ) == [(int(scored.scores.hours[place]), float(scored.scores.absolute_error[place]))]

    auditor = auditor_of(room)
    try:
        assert {one.outcome for one in auditor.audit(list(IDS))} == {Outcome.MATCH}
    finally:
        auditor.close()


def test_forecasts_of_24_hours_from_before_are_served_scored_and_audited_by_workers_of_longer_ones(
    room: WorkerRoom, small_release: Release
) -> None:
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    log = log_of(0, HOURS + 30)
    known = len(log) - 30
    ask_for(room, 24)
    take_in(room, log[:known])
    # as the worker of before migration 18 left them: it knew of no further days
    before = room.query(
        "SELECT series_id, origin, p50, floor_days FROM forecast JOIN series USING (series_key) WHERE rung < 5"
    )
    assert {(len(row[2]), row[3]) for row in before} == {(24, 0)}
    newest = format_utc(from_hour(START + HOURS - 1))
    assert orjson.loads(room.newest_forecasts()[SOUND])["origin"] == newest

    ask_for(room, 50)
    auditor = auditor_of(room)
    try:
        assert {one.outcome for one in auditor.audit(list(IDS))} == {Outcome.MATCH}
        take_in(room, log, known)
        assert {one.outcome for one in auditor.audit(list(IDS))} == {Outcome.MATCH}
    finally:
        auditor.close()
    assert orjson.loads(room.redis()[SOUND])["leads"] == 50
    assert room.redis() == room.newest_forecasts()
    # forecasts of 24 and of 50 hours side by side, each scored over its first 24
    served = {origin: orjson.loads(value) for (name, origin), value in room.all_forecasts().items() if name == SOUND}
    assert (served[newest]["leads"], served[newest]["day_rungs"]) == (24, [0])
    assert {one["leads"] for one in served.values()} == {24, 50}
    scores = room.query(
        "SELECT origin, hours FROM score JOIN series USING (series_key) WHERE series_id = %s ORDER BY 1", [SOUND]
    )
    assert {hours for _, hours in scores} == {24}
    assert scores[-1][0] == from_hour(START + HOURS + 30 - 25)
    assert from_hour(START + HOURS - 1) in {origin for origin, _ in scores}
