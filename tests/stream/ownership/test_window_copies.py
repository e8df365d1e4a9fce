"""A state that is rebuilt from the copy of its windows is, bit for bit, the one that the tables give."""

from collections.abc import Callable
from typing import Any

import numpy as np
import orjson
import psycopg
import pytest
import redis
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from dayahead.errors import FencedError
from dayahead.hours import format_utc, from_hour
from stream.ownership.restorer import catch_up
from stream.ownership.window_copy import PREFIX
from stream.ownership.windows_from_tables import empty_state, read_windows
from stream.partition.state import PartitionState
from stream.servers.log_reader import LogMessage
from stream.servers.probe import Step
from stream.worker import Worker
from tests.stream.compute.test_batches import SERIES, logs, relaxed
from tests.stream.conftest import WorkerRoom
from tests.stream.crashing import Crash, CrashingProbe
from tests.stream.logs import START, batch, eventful_log, in_log, series_of
from tests.stream.memory_tables import Message, run, series


def bits(state: PartitionState) -> tuple[list[int], list[int], bytes]:
    """All that a state knows of its windows."""
    return state.keys.tolist(), state.newest.tolist(), state.rings(slice(None)).tobytes()


def in_bytes(log: list[Message], start: int) -> list[LogMessage]:
    ids = [one.series_id for one in series(SERIES)]
    # the contract refuses what was published before its hour began; the tables in memory do not
    at = format_utc(from_hour(max(hour for _, _, rows in log for _, hour, _ in rows) + 1))
    values = [
        orjson.dumps(
            {
                "source": "test",
                "available_at": at,
                "refresh": refresh,
                "rows": [[ids[index], format_utc(from_hour(hour)), value] for index, hour, value in rows],
            }
        )
        for _, refresh, rows in log[start:]
    ]
    return in_log(values, start)


@given(logs(), st.data())
@settings(relaxed, max_examples=30)
def test_an_older_state_and_what_the_log_holds_since_give_what_the_tables_give(
    log: list[Message], data: st.DataObject
) -> None:
    # a message with two values for one hour is refused before it comes here
    log = [(at, refresh, list({row[:2]: row for row in rows}.values())) for at, refresh, rows in log]
    cut = data.draw(st.integers(1, len(log)))
    _, older = run(log[:cut], [], SERIES)
    tables, _ = run(log, [], SERIES)
    catch_up(tables, older, in_bytes(log, cut))
    assert bits(older) == bits(tables.restore(series(SERIES)))


def test_whole_windows_that_are_set_are_those_that_are_read() -> None:
    rng = np.random.default_rng(3)
    state = PartitionState()
    state.add(series(3))
    windows = rng.normal(size=(3, 912))
    origin = np.array([START, START + 5, START])
    state.set_windows(np.array([2, 0, 1]), origin, windows)
    assert state.windows(np.array([2, 0, 1]), origin).tobytes() == windows.tobytes()


def restored(source: str) -> float:
    return REGISTRY.get_sample_value("dayahead_partitions_restored_total", {"source": source}) or 0.0


def assert_as_the_tables_say(room: WorkerRoom, worker: Worker) -> None:
    with psycopg.connect(room.database_url) as connection:
        state = empty_state(connection, 0)
        read_windows(connection, state, np.arange(len(state)))
    assert bits(worker.held[0].state) == bits(state)


def taken_in(room: WorkerRoom, log: list[bytes | None], end: int, **settings: Any) -> Worker:
    """A worker that has taken the log in up to a message."""
    worker = room.worker(**settings)
    offset = worker.assign([0])[0]
    worker.process(0, in_log(log)[offset:end])
    return worker


@pytest.mark.servers
def test_a_worker_resumes_from_the_copy_and_later_messages(room: WorkerRoom) -> None:
    # a new series among the rest, so that there is one which no copy has
    log = [*eventful_log(0), batch([(series_of(0, 4)[3], START + 66, 5.0)], START + 67)]
    room.send(0, log)
    # copied when it rests, and again when it ends in order
    worker = taken_in(room, log, 20)
    worker.run_maintenance()
    worker.run_maintenance()
    assert names(room) == [worker.held[0].copy.name]
    before = restored("redis")
    # ends at once, without a copy of what it took in: the next one has to look at the log
    worker = taken_in(room, log, 35)
    assert restored("redis") == before + 1
    worker = taken_in(room, log, len(log))
    assert_as_the_tables_say(room, worker)
    worker.prepare_shutdown()
    worker = room.worker()
    worker.assign([0])
    assert restored("redis") == before + 3
    assert_as_the_tables_say(room, worker)
    assert names(room) == [worker.held[0].copy.name]


def names(room: WorkerRoom) -> list[str]:
    """Copies that are in Redis."""
    with redis.Redis.from_url(room.redis_url) as client:
        return [key.decode().removeprefix(PREFIX) for key in client.scan_iter(PREFIX + "*")]


def damage(room: WorkerRoom, name: str) -> None:
    with redis.Redis.from_url(room.redis_url) as client:
        part = bytearray(client.hget(PREFIX + name, "0"))
        part[1234] ^= 1
        client.hset(PREFIX + name, "0", bytes(part))


def change_head(room: WorkerRoom, name: str, **fields: object) -> None:
    with redis.Redis.from_url(room.redis_url) as client:
        head = orjson.loads(client.hget(PREFIX + name, "head"))
        client.hset(PREFIX + name, "head", orjson.dumps({**head, **fields}))


def lose_the_log(room: WorkerRoom, name: str) -> None:
    room.delete_before(0, 37)


def rename_in_the_tables(room: WorkerRoom, name: str) -> None:
    """As after TimescaleDB was restored from a backup: it names a copy that is there no more."""
    with psycopg.connect(room.database_url) as connection:
        connection.execute("UPDATE worker_offset SET window_copy = %s", [name + "0"])


def give_a_series_away(room: WorkerRoom, name: str) -> None:
    """As after the topic was given another number of partitions."""
    with psycopg.connect(room.database_url) as connection:
        connection.execute(
            "UPDATE series SET partition = 1"
            " WHERE series_key = (SELECT max(series_key) FROM series WHERE partition = 0)"
        )


@pytest.mark.servers
def test_a_copy_that_cannot_be_used_is_refused_and_counted(room: WorkerRoom) -> None:
    spoilers: list[Callable[[WorkerRoom, str], None]] = [
        damage,
        lambda room, name: change_head(room, name, format=0),
        lambda room, name: change_head(room, name, hours=911),
        lambda room, name: change_head(room, name, next_offset=1000),
        lambda room, name: change_head(room, name, checksums="lost"),
        lambda room, _: room.forget_redis(),
        rename_in_the_tables,
        give_a_series_away,
        lose_the_log,
    ]
    log = eventful_log(0)
    room.send(0, log)
    worker, other = room.worker(), room.worker()
    for number, spoil in enumerate(spoilers):
        offset, end = worker.assign([0])[0], 20 + 2 * number
        worker.process(0, in_log(log[:end])[offset:])
        worker.prepare_shutdown()
        name = worker.held[0].copy.name
        assert name is not None
        worker.process(0, in_log(log[: end + 1]))
        spoil(room, name)
        refused = restored("refused")
        other.assign([0])
        assert restored("refused") == refused + 1, number
        assert_as_the_tables_say(room, other)
        worker, other = other, worker


@pytest.mark.servers
def test_a_state_that_is_ahead_of_the_tables_is_never_copied(room: WorkerRoom) -> None:
    log = eventful_log(0)
    room.send(0, log)
    worker = room.worker(CrashingProbe(Step.COMPUTED))
    worker.assign([0])
    with pytest.raises(Crash):
        worker.process(0, in_log(log))
    worker.prepare_shutdown()
    assert names(room) == []


@pytest.mark.servers
def test_a_worker_whose_partition_was_taken_over_does_not_name_its_copy(room: WorkerRoom) -> None:
    log = eventful_log(0)
    room.send(0, log)
    old = taken_in(room, log, 20)
    new = taken_in(room, log, 20)
    new.prepare_shutdown()
    old.held[0].publication_recorded = True
    with pytest.raises(FencedError):
        old.prepare_shutdown()
    assert room.query("SELECT window_copy FROM worker_offset") == [(new.held[0].copy.name,)]


@pytest.mark.servers
def test_without_copies_everything_is_read_from_the_tables(room: WorkerRoom) -> None:
    log = eventful_log(0)
    room.send(0, log)
    worker = taken_in(room, log, 20, worker_copy_windows_every_s=0)
    worker.prepare_shutdown()
    assert names(room) == []
    before = restored("timescaledb")
    worker = room.worker()
    worker.assign([0])
    assert restored("timescaledb") == before + 1
    assert_as_the_tables_say(room, worker)
