"""No message stops a partition: a real worker, a real broker, and what producers may send by mistake."""

from collections import Counter
from typing import Any

import httpx
import psycopg
import pytest

import stream.worker
from dayahead.errors import DeadLetterCode
from deploy.local.ports import free_ports
from stream.compute.batch import Prepared
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import SOURCE, START, batch, in_log, series_of
from tests.stream.poison import Poison, largest, poisons, send_good, send_with_librdkafka
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


@pytest.mark.timeout(600)
def test_no_message_stops_a_partition_and_each_poison_is_a_dead_letter_once(room: WorkerRoom) -> None:
    bootstrap, topic = room.topics.bootstrap, room.topics.name("observations")
    sent: dict[tuple[int, int], Poison] = {}
    ids = {partition: series_of(partition, 1)[0] for partition in (0, 1)}
    good = {partition: send_good(bootstrap, topic, partition, one, START) for partition, one in ids.items()}
    for partition, series_id in ids.items():
        for poison in poisons(series_id):
            offset = room.end_of("observations", partition)
            assert send_with_librdkafka(bootstrap, topic, partition, [poison]), poison.name
            sent[partition, offset] = poison
    (port,) = free_ports(1)
    process = room.start(metrics_port=port)
    first = room.end_of("observations", 0)
    size = largest(bootstrap, topic, 0)
    for offset in range(first, room.end_of("observations", 0)):
        sent[0, offset] = Poison("around the broker's limit", None)
    for partition, series_id in ids.items():
        good[partition] += send_good(bootstrap, topic, partition, series_id, START + good[partition])
    for partition in ids:
        room.wait_for(partition, room.end_of("observations", partition), deadline_s=240)
    # the same process all the time
    assert process.poll() is None
    for partition, series_id in ids.items():
        hours = room.query(
            "SELECT count(*) FROM forecast JOIN series USING (series_key) WHERE series_id = %s", [series_id]
        )
        assert hours == [(good[partition],)]
    wait_until(lambda: sorted(room.redis()) == sorted(ids.values()), 30, "the newest forecasts in Redis")
    letters = room.read("observations.dead-letter", partitions=1)
    places = Counter((int(head["source_partition"]), int(head["source_offset"])) for _, _, head in letters)
    missing = {poison.name for place, poison in sent.items() if place not in places}
    assert missing == set()
    assert places == dict.fromkeys(sent, 1), {sent[place].name if place in sent else place for place in places}
    by_name = {sent[place].name: (value, head) for (_, value, head), place in zip(letters, places, strict=True)}
    for name, (_, head) in by_name.items():
        assert head["code"] != "failed", (name, head["reason"])
    # whole where the broker takes it, else a stub that says of what
    value, head = by_name["4194305 bytes, four fetches"]
    assert (len(value), "stub_size" in head, head["code"]) == (4194305, False, "too_large")
    stubs = {name for name, (_, head) in by_name.items() if "stub_size" in head}
    assert stubs >= {"100 MB in zstd", "100 MB in gzip", "100 MB in lz4"}
    assert any(int(head.get("stub_size", 0)) == size for _, _, head in letters), size
    ready = httpx.get(f"http://127.0.0.1:{port}/health/ready")
    assert ready.status_code == 200, ready.text


CURSED = 666.0


def curse(monkeypatch: pytest.MonkeyPatch, error: Exception, *, rows: bool = True) -> None:
    """Have the worker fail on a value that no rule forbids; without `rows` on every batch."""
    compute = vars(stream.worker)["compute"]

    def failing(prepared: Prepared, *arguments: Any) -> Any:
        result = compute(prepared, *arguments)
        if not rows or CURSED in prepared.rows.value:
            raise error
        return result

    monkeypatch.setattr(stream.worker, "compute", failing)


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), psycopg.DataError("out of range")])
def test_a_message_on_which_the_worker_fails_is_set_aside_and_the_others_are_taken_in(
    room: WorkerRoom, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    series_id = series_of(0, 1)[0]
    good = [batch([(series_id, START + hour, 100.0 + hour)], START + hour + 1) for hour in range(30)]
    room.send(0, good)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(good))
    expected = {name: [row[:5] for row in rows] for name, rows in room.tables().items()}
    room.start_over()
    curse(monkeypatch, error)
    cursed = batch([(series_id, START + 40, CURSED)], START + 41)
    log = [*good[:13], cursed, *good[13:20], cursed, *good[20:]]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    assert worker.process(0, in_log(log)).next_offset == len(log)
    found = {name: [row[:5] for row in rows] for name, rows in room.tables().items()}
    assert found == expected
    letters = room.read("observations.dead-letter", partitions=1)
    assert [(value, head["code"], head["source_offset"]) for _, value, head in letters] == [
        (cursed, DeadLetterCode.FAILED, "13"),
        (cursed, DeadLetterCode.FAILED, "21"),
    ]
    assert type(error).__name__ in letters[0][2]["reason"]
    assert {head["source"] for _, _, head in letters} == {SOURCE.name}
    assert room.redis() == room.newest_forecasts() == room.newest_messages()


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero"), psycopg.errors.InsufficientPrivilege("denied")])
def test_an_error_that_comes_without_any_row_ends_the_worker_and_sets_nothing_aside(
    room: WorkerRoom, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    log = [batch([(series_of(0, 1)[0], START + hour, 1.0)], START + hour + 1) for hour in range(4)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    curse(monkeypatch, error, rows=False)
    with pytest.raises(type(error)):
        worker.process(0, in_log(log))
    assert room.offsets()[0] == 0
