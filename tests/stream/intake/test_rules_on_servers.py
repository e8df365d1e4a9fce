"""The rules of a source hold for rows that arrive by Kafka, and a log that is read again refuses the same rows."""

from collections import Counter
from datetime import timedelta

import orjson
import psycopg
import pytest
from prometheus_client import REGISTRY

from dayahead.errors import DeadLetterCode
from dayahead.hours import Hour, format_utc, from_hour, to_hour, wall_clock
from dayahead.series import canonical_series_id, partition_of
from dayahead.storage.losses import read_losses
from dayahead.storage.tables.series import register_series
from dayahead.storage.tables.source import register_source
from stream.servers.probe import Step
from tests.stream.conftest import WorkerRoom
from tests.stream.crashing import Crash, CrashingProbe
from tests.stream.logs import PARTITIONS, SOURCE, START, batch, in_log, series_of
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

YEAR_1970: Hour = 0
YEAR_2199 = to_hour(wall_clock() + timedelta(days=365 * 170))


def register(room: WorkerRoom, **rules: object) -> None:
    with psycopg.connect(room.database_url) as connection:
        register_source(connection, SOURCE.model_copy(update=rules))


def letters(room: WorkerRoom) -> list[tuple[str, bytes]]:
    found = room.read("observations.dead-letter", partitions=1)
    return [(headers["code"], value) for _, value, headers in found]


def rows_of(room: WorkerRoom) -> list[tuple[object, ...]]:
    return [row[:3] for row in room.tables()["observation"]]


def test_what_the_poller_refuses_is_refused_from_kafka_too_and_again_when_the_log_is_read_again(
    room: WorkerRoom,
) -> None:
    register(room, minimum=0.0, maximum=1000.0, label_values={"Area": ["DK1", "DK2"]})
    one, other = series_of(0, 2)
    mars = next(name for name in (f"MARS/{number}" for number in range(99)) if partition_of(name, PARTITIONS) == 0)
    good = [(one, START, 0.0), (other, START, 1000.0)]
    twice: list[tuple[str, Hour, object]] = [
        (one, START + 1, 1.0),
        (one, START + 1, 2.0),
        (other, START + 1, 3.0),
        (other, START + 1, 3.0),
    ]
    log = [
        batch([*good, (one, START + 2, -1.0), (one, START + 3, 1000.5)], START + 4),
        batch([(one, YEAR_1970, 1.0), (other, START + 2, 5.0)], START + 4),
        batch([(one, YEAR_2199, 1.0)], YEAR_2199 + 1),
        batch([(one, START + 4, 1.0)], to_hour(wall_clock()) + 2),
        batch(twice, START + 4),
        batch([(mars, START, 1.0)], START + 4),
    ]
    expected = Counter(
        {
            DeadLetterCode.ABSURD_VALUE: 2,
            DeadLetterCode.BEFORE_OLDEST: 1,
            DeadLetterCode.FUTURE_PUBLICATION: 2,
            DeadLetterCode.CONTRADICTION: 2,
            DeadLetterCode.UNKNOWN_LABEL: 1,
        }
    )
    room.send(0, log)
    room.start()
    room.wait_for(0, len(log))
    kept = [(*row[:1], from_hour(row[1]), row[2]) for row in (*good, (other, START + 1, 3.0), (other, START + 2, 5.0))]
    assert rows_of(room) == sorted(kept)
    first = letters(room)
    assert Counter(code for code, _ in first) == expected
    assert not room.query("SELECT 1 FROM series WHERE series_id = %s", [mars])
    refused = [row for _, value in first for row in orjson.loads(value)["rows"]]
    assert [one, format_utc(from_hour(START + 3)), 1000.5] in refused

    room.processes[0].kill()
    room.processes[0].wait()
    with psycopg.connect(room.database_url) as connection:
        for table in ("observation", "forecast", "score", "feature_snapshot", "worker_offset"):
            connection.execute(f"DELETE FROM {table}".encode())
    room.forget_redis()
    room.start()
    room.wait_for(0, len(log))
    assert rows_of(room) == sorted(kept)
    assert letters(room) == first + first


def losses_of(room: WorkerRoom) -> list[tuple[str, int, int, float]]:
    with psycopg.connect(room.database_url) as connection:
        return [(one.series_id, one.outside_hours, one.given_hours, one.extreme) for one in read_losses(connection)]


def test_which_series_lose_which_share_is_kept_once_an_hour_over_a_crash_until_a_value_comes_in_its_place(
    room: WorkerRoom,
) -> None:
    register(room, minimum=-1000.0, maximum=1000.0)
    one, other, rare = series_of(0, 3)
    rows: list[tuple[str, Hour, object]] = []
    for hour in range(START, START + 200):
        rows += [(one, hour, 1500.0 + hour - START if hour % 4 == 0 else 10.0), (other, hour, 20.0)]
    rows += [(rare, START, 5.0), (rare, START + 1, 5000.0)]
    log = [batch(rows, START + 200), batch([(one, START + 200, 10.0)], START + 201)]
    room.send(0, log)
    crashing = room.worker(CrashingProbe(Step.DEAD_LETTERS))
    crashing.assign([0])
    with pytest.raises(Crash):
        crashing.process(0, in_log(log))
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    # the week up to START + 200, and the other half of the two values of `rare`
    hours = [hour for hour in range(START + 33, START + 200) if hour % 4 == 0]
    mine = (one, len(hours), 168, 1500.0 + hours[-1] - START)
    assert losses_of(room) == [(rare, 1, 2, 5000.0), mine]
    assert room.query("SELECT count(*) FROM limit_rejection") == [(len(hours) + 1 + 1,)]  # of `rare`, and START + 32

    worker.run_maintenance()
    assert REGISTRY.get_sample_value("dayahead_series_losing_values", {"source": "test"}) == 1  # two values say nothing
    last = batch([(one, hours[-1], 999.0), (one, hours[-2], -1234.0)], START + 201)
    log.append(last)
    room.send(0, [last])
    worker.process(0, in_log(log))
    assert losses_of(room)[1][:3] == (one, len(hours) - 1, 168)
    good = batch([(one, hour, 10.0) for hour in hours], START + 202)
    log.append(good)
    room.send(0, [good])
    worker.process(0, in_log(log))
    worker.run_maintenance()
    assert [name for name, *_ in losses_of(room)] == [rare]
    assert REGISTRY.get_sample_value("dayahead_series_losing_values", {"source": "test"}) == 0


def test_a_source_that_is_registered_again_is_followed_without_a_restart(room: WorkerRoom) -> None:
    (one,) = series_of(0, 1)
    room.send(0, [batch([(one, START, 5000.0)], START + 2)])
    room.start(worker_release_poll_s=0.1)
    room.wait_for(0, 1)
    assert rows_of(room) == [(one, from_hour(START), 5000.0)]
    register(room, maximum=1000.0)

    def is_refused() -> bool:
        hour = START + room.end_of("observations", 0)
        room.send(0, [batch([(one, hour, 5000.0)], hour + 1)])
        room.wait_for(0, room.end_of("observations", 0))
        return bool(letters(room))

    wait_until(is_refused, 30, "the new maximum to be followed")
    assert letters(room)[0][0] == DeadLetterCode.ABSURD_VALUE


def test_a_series_id_that_is_not_encoded_is_refused_with_the_one_to_send_unless_there_is_a_series_of_it(
    room: WorkerRoom,
) -> None:
    def here(prefix: str) -> str:
        return next(name for name in (f"DK1/{prefix}{n}" for n in range(99)) if partition_of(name, PARTITIONS) == 0)

    known, new = here("æ"), here("ø")
    with psycopg.connect(room.database_url) as connection:
        register_series(connection, [known], register_source(connection, SOURCE), PARTITIONS, wall_clock())
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log([batch([(known, START, 1.0), (new, START, 2.0)], START + 1)]))
    assert [row[0] for row in rows_of(room)] == [known]
    [(_, _, headers)] = room.read("observations.dead-letter", partitions=1)
    assert headers["code"] == DeadLetterCode.BAD_SERIES_ID
    assert f"send {canonical_series_id(new)!r}" in headers["reason"]
