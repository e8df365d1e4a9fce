"""A real release with weather, served: however the log is cut, restarted, shared out or mixed, not a bit changes."""

import itertools
import random
import signal
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY

from dayahead.contracts import Reason
from dayahead.hours import from_hour
from dayahead.models.serving.release import Release
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import in_log, rows_only
from tests.stream.weather.heated import LIVE, LIVE_HOURS, SERIES, heated_logs, serve
from tests.waiting import wait_until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]

Tables = dict[str, list[tuple[Any, ...]]]
Logs = Mapping[int, Sequence[bytes | None]]

ORIGIN, RELEASE, REASONS, OFFSET, P50 = 1, 2, 4, 6, 7
"""Columns of `forecast` as `WorkerRoom.tables` has them."""


def take_in(room: WorkerRoom, logs: Logs) -> Tables:
    """The tables after one worker has taken logs in; everything is empty again afterwards."""
    for partition, log in logs.items():
        room.send(partition, log)
    worker = room.worker()
    worker.assign(logs)
    for partition, log in logs.items():
        worker.process(partition, in_log(log))
    tables = room.tables()
    assert room.redis() == room.newest_forecasts() == room.newest_messages()
    room.start_over()
    return tables


@pytest.fixture
def expected(room: WorkerRoom, weather_release: Release) -> Tables:
    """What one worker that is left alone makes of the logs, with the release."""
    serve(room, weather_release)
    tables = take_in(room, heated_logs())
    forecasts = tables["forecast"]
    assert len(forecasts) > len(SERIES) * (LIVE_HOURS - 1)
    assert {line[RELEASE] for line in forecasts} == {weather_release.release_id}
    return tables


def with_weather(tables: Tables) -> dict[tuple[str, Any], tuple[Any, ...]]:
    """Forecasts from the first run on, by series and origin, less the offset of their message."""
    return {
        (line[0], line[ORIGIN]): (*line[:OFFSET], *line[P50:])
        for line in tables["forecast"]
        if line[ORIGIN] >= from_hour(LIVE)
    }


def counted(reason: str | None = None) -> float:
    """Forecasts that follow the weather source of the tests, or those of them that lack its weather by a reason."""
    name = "dayahead_weather_forecasts_total" if reason is None else "dayahead_forecasts_without_weather_total"
    labels = {"weather": "gfs"} | ({} if reason is None else {"reason": reason})
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_every_forecast_depends_on_the_weather_and_some_on_both_members(room: WorkerRoom, expected: Tables) -> None:
    served = with_weather(expected)
    forecasts, lacking = counted(), counted("no_weather")
    bare = with_weather(take_in(room, {partition: rows_only(log) for partition, log in heated_logs().items()}))
    assert counted() - forecasts == counted("no_weather") - lacking >= len(bare)
    assert counted("weather_stale") == 0
    assert served.keys() == bare.keys()
    assert all(served[one][P50 - 1] != bare[one][P50 - 1] for one in served)
    assert all(bare[one][REASONS] & Reason.NO_WEATHER for one in bare)
    covered = {bool(line[REASONS] & Reason.NO_WEATHER) for line in served.values()}
    assert covered == {True, False}


def test_restarts_and_other_batches_give_the_same_bits(room: WorkerRoom, expected: Tables) -> None:
    logs, chance = heated_logs(), random.Random(4)
    for rows in (1, 7, 5_000):
        for partition, log in logs.items():
            room.send(partition, log)
            cuts = sorted(chance.sample(range(len(log) // 3, len(log)), 3))
            for _, end in itertools.pairwise([0, *cuts, len(log)]):
                worker = room.worker(worker_batch_rows=rows)
                worker.assign([partition])
                # from the start again: what is in the tables is skipped
                worker.process(partition, in_log(log)[:end])
                if rows == 7:
                    # the next one begins with the copy of the windows in Redis
                    worker.prepare_shutdown()
        assert room.tables() == expected, rows
        assert room.redis() == room.newest_forecasts() == room.newest_messages()
        room.start_over()


def test_partitions_that_are_mixed_in_any_order_give_the_same_bits(room: WorkerRoom, expected: Tables) -> None:
    logs = heated_logs()
    for partition, log in logs.items():
        room.send(partition, log)
    turns = [partition for partition, log in logs.items() for _ in log]
    random.Random(5).shuffle(turns)
    waiting = {partition: iter(in_log(log)) for partition, log in logs.items()}
    worker = room.worker()
    worker.assign(logs)
    for partition, turn in itertools.groupby(turns):
        worker.process(partition, [next(waiting[partition]) for _ in turn])
    assert room.tables() == expected


def test_weather_in_another_order_gives_the_same_bits(room: WorkerRoom, expected: Tables) -> None:
    chance = random.Random(6)
    logs: dict[int, list[bytes | None]] = {}
    for partition, log in heated_logs().items():
        logs[partition] = []
        for is_weather, messages in itertools.groupby(log, lambda one: b'"weather"' in (one or b"")):
            some = list(messages)
            if is_weather:
                chance.shuffle(some)
            logs[partition] += some
    assert logs != heated_logs()
    found = take_in(room, logs)
    assert found["forecast"] == expected["forecast"]
    assert found["weather_arrival"] != expected["weather_arrival"]


@pytest.mark.parametrize("partitions", [1, 3])
def test_however_many_partitions_there_are_a_series_has_the_same_bits(
    room: WorkerRoom, expected: Tables, partitions: int
) -> None:
    room.partitions = partitions
    room.start_over()
    assert with_weather(take_in(room, heated_logs(partitions))) == with_weather(expected)


def test_a_rebalance_and_a_kill_give_the_same_bits(room: WorkerRoom, expected: Tables) -> None:
    logs = heated_logs()
    third = max(map(len, logs.values())) // 3

    def send(first: int, end: int) -> None:
        for partition, log in logs.items():
            room.send(partition, log[first:end])

    def arrived(end: int) -> None:
        for partition, log in logs.items():
            room.wait_for(partition, min(end, len(log)), deadline_s=240)

    first = room.start(worker_batch_rows=9)
    wait_until(lambda: sum(room.owners().values()) == len(logs), 240, "the first worker to have both partitions")
    send(0, third)
    arrived(third)
    room.start(worker_batch_rows=20)
    wait_until(lambda: len(room.owners()) == len(logs), 240, "the two workers to share the partitions")
    send(third, 2 * third)
    first.send_signal(signal.SIGKILL)
    assert first.wait(30) == -signal.SIGKILL
    send(2 * third, 1000)
    arrived(1000)
    assert room.tables() == expected
    wait_until(lambda: room.redis() == room.newest_forecasts(), 120, "Redis to follow")
    wait_until(lambda: room.kept_messages() == room.all_forecasts(), 120, "Kafka to follow")
