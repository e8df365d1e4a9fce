"""A new release is taken up without a restart, fenced like everything else."""

import queue
import threading
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import orjson
import psycopg
import pytest

from dayahead.contracts import Rung
from dayahead.errors import FencedError
from dayahead.hours import from_hour
from dayahead.models.serving.forecaster import Forecaster
from dayahead.models.serving.release import Release
from dayahead.storage.tables.model_release import ReleaseRecord, save_release
from dayahead.storage.tables.promotion import promote
from stream import worker
from stream.servers.probe import Step
from tests.dayahead.conftest import consumption
from tests.stream.conftest import WorkerRoom
from tests.stream.crashing import Crash, CrashingProbe
from tests.stream.logs import START, batch, in_log, series_of

pytestmark = pytest.mark.servers


def record_of(release: Release) -> ReleaseRecord:
    return ReleaseRecord(
        release.release_id,
        datetime(2024, 1, 1, tzinfo=UTC),
        from_hour(release.trained_from),
        from_hour(release.trained_until),
        release.data_fingerprint,
        {},
        {},
        len(release.to_bytes()),
    )


def crown(room: WorkerRoom, release: str, record: ReleaseRecord, artifact: bytes) -> None:
    with psycopg.connect(room.database_url) as connection:
        save_release(connection, record, artifact)
        promote(connection, release, "test", "because", datetime(2024, 1, 2, tzinfo=UTC))


def history(room: WorkerRoom, partition: int, hours: int = 300) -> list[bytes]:
    ids = series_of(partition, 2)
    values = np.round(consumption(2, hours), 3)
    return [
        batch(
            [(one, START + hour, float(values[place, hour])) for place, one in enumerate(ids)],
            START + hour + 1,
            refresh=hour > hours - 5,
        )
        for hour in range(hours)
    ]


class Meeting:
    """Blocks each commit until both workers have reached it, once a barrier is set."""

    point: threading.Barrier | None = None

    def reached(self, step: Step) -> None:
        if self.point and step is Step.COMMITTED:
            self.point.wait(timeout=60)


def test_a_release_is_taken_up_without_a_restart(room: WorkerRoom, small_release: Release) -> None:
    log = history(room, 0)
    room.send(0, log)
    one = room.worker()
    one.assign([0])
    one.process(0, in_log(log[:-1]))
    before = [orjson.loads(value) for value in room.redis().values()]
    assert {(one["rung"], one["release"]) for one in before} == {(Rung.PROFILE, None)}
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    one.run_maintenance()
    after = [orjson.loads(value) for value in room.redis().values()]
    assert {one["release"] for one in after} == {small_release.release_id}
    assert {one["rung"] for one in after} <= {Rung.FULL, Rung.DEGRADED_INPUT}
    assert {one["origin"] for one in after} == {one["origin"] for one in before}
    assert room.redis() == room.newest_forecasts() == room.newest_messages()
    one.process(0, in_log(log)[-1:])
    assert {orjson.loads(value)["release"] for value in room.redis().values()} == {small_release.release_id}
    # a worker that starts later has nothing to refresh
    issued = room.query("SELECT max(issued_at) FROM forecast")
    room.worker().assign([0])
    assert room.query("SELECT max(issued_at) FROM forecast") == issued


def test_a_release_is_prepared_as_soon_as_it_is_taken_up(
    room: WorkerRoom, small_release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = queue.Queue[tuple[Release | None, str]]()

    def prepare(forecaster: Forecaster) -> None:
        prepared.put((forecaster.release, threading.current_thread().name))

    monkeypatch.setattr(Forecaster, "prepare", prepare)
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    room.worker().assign([0])  # no message yet
    release, thread = prepared.get(timeout=20)
    assert release is not None
    assert (release.release_id, thread) == (small_release.release_id, "prepare")


def test_partitions_take_a_release_up_side_by_side(room: WorkerRoom, small_release: Release) -> None:
    one = room.worker(meeting := Meeting(), worker_threads=2)
    for partition in (0, 1):
        log = history(room, partition)
        room.send(partition, log)
    one.assign([0, 1])
    for partition in (0, 1):
        one.process(partition, in_log(history(room, partition)))
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    meeting.point = threading.Barrier(2)
    one.run_maintenance()
    assert not meeting.point.broken
    assert {orjson.loads(value)["release"] for value in room.redis().values()} == {small_release.release_id}


def test_a_promotion_that_no_worker_saw_is_made_up_for_on_assignment(room: WorkerRoom, small_release: Release) -> None:
    log = history(room, 0)
    room.send(0, log)
    one = room.worker()
    one.assign([0])
    one.process(0, in_log(log))
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    room.worker().assign([0])
    assert {orjson.loads(value)["release"] for value in room.redis().values()} == {small_release.release_id}


def test_a_release_that_does_not_load_leaves_the_one_before_in_service(
    room: WorkerRoom, small_release: Release
) -> None:
    log = history(room, 0)
    room.send(0, log)
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    one = room.worker()
    one.assign([0])
    one.process(0, in_log(log[:-1]))
    record = record_of(small_release)
    broken = ReleaseRecord("r-broken", *list(vars(record).values())[1:])
    crown(room, "r-broken", broken, b"dayahead-release-1\nno release at all")
    one.run_maintenance()
    one.process(0, in_log(log)[-1:])
    assert {orjson.loads(value)["release"] for value in room.redis().values()} == {small_release.release_id}


def test_a_lost_partition_is_not_refreshed_with_a_new_release(room: WorkerRoom, small_release: Release) -> None:
    log = history(room, 0)
    room.send(0, log)
    old = room.worker()
    old.assign([0])
    old.process(0, in_log(log))
    room.worker().assign([0])
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    with pytest.raises(FencedError):
        old.run_maintenance()
    assert room.query("SELECT count(*) FROM forecast WHERE release IS NOT NULL") == [(0,)]


def test_a_release_taken_back_while_it_was_half_taken_up_leaves_no_series_behind(
    room: WorkerRoom, small_release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = history(room, 0)
    room.send(0, log)
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    dying = room.worker(CrashingProbe(Step.KAFKA, 2))
    dying.assign([0])
    dying.process(0, in_log(log))
    withdrawn = replace(small_release, data_fingerprint="of-other-data")
    crown(room, withdrawn.release_id, record_of(withdrawn), withdrawn.to_bytes())
    monkeypatch.setattr(worker, "REFRESHED_AT_ONCE", 1)
    with pytest.raises(Crash):
        dying.run_maintenance()
    served = {orjson.loads(value)["release"] for value in room.redis().values()}
    assert served == {small_release.release_id, withdrawn.release_id}
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    room.worker().assign([0])
    assert {orjson.loads(value)["release"] for value in room.redis().values()} == {small_release.release_id}
