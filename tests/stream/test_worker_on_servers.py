"""The worker as a process, on real Kafka, TimescaleDB and Redis."""

import math

import orjson
import pytest

from dayahead.contracts import ForecastMessage, Rung
from tests.stream.conftest import START, WorkerRoom, batch, series_of
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


def hourly(series: list[str], hours: int, *, start: int = START) -> list[bytes]:
    """One message an hour, each with all the series."""
    return [
        batch(
            [
                (one, hour, round(100 + 40 * math.sin(hour / 24 * 2 * math.pi + number) + number, 3))
                for number, one in enumerate(series)
            ],
            hour + 2,
        )
        for hour in range(start, start + hours)
    ]


def test_observations_become_forecasts_in_timescaledb_redis_and_kafka(room: WorkerRoom) -> None:
    series = {partition: series_of(partition, 3) for partition in (0, 1)}
    for partition, ids in series.items():
        room.send(partition, hourly(ids, 60))
    room.start()
    for partition in series:
        room.wait_for(partition, 60)
    everyone = sorted(series[0] + series[1])
    tables = room.tables()
    assert len(tables["observation"]) == 6 * 60
    # a forecast for each hour of each series, and a score where its 24 hours are over
    assert len(tables["forecast"]) == 6 * 60
    assert len(tables["feature_snapshot"]) == 6 * 60
    assert {row[3] for row in tables["forecast"][:23]} == {Rung.NONE}
    assert len(tables["score"]) == 6 * (60 - 24 - 23)
    wait_until(lambda: sum(room.end_of("forecasts", partition) for partition in (0, 1)) == 360, 30, "all forecasts")
    mirrored = room.redis()
    assert sorted(mirrored) == everyone
    last = {key.decode(): value for key, value, _ in room.read("forecasts") if key}
    assert last == mirrored
    for series_id, value in mirrored.items():
        message = ForecastMessage.model_validate(orjson.loads(value))
        assert message.series_id == series_id
        assert message.leads == 24
        assert message.rung is Rung.PROFILE
