"""Gates with a real worker on real servers: each day product once, with the same bytes whatever crashes, and scored."""

import signal
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import psycopg
import pytest

from dayahead.contracts import DayAheadMessage
from dayahead.errors import FencedError
from dayahead.hours import format_utc, from_hour, to_hour
from dayahead.local_day import hours_of_day, moment_on
from dayahead.source import Source
from dayahead.storage.tables.forecast import stored_forecast
from dayahead.storage.tables.series import first_known
from dayahead.storage.tables.source import register_source
from stream.servers.probe import Step
from stream.worker import Worker
from tests.stream.conftest import WorkerRoom
from tests.stream.crashing import Crash, CrashingProbe
from tests.stream.logs import SOURCE, START, batch, in_log, series_of
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

MINE = series_of(0, 3)
ZONE = "Europe/Copenhagen"
FIRST_DAY = date(2023, 1, 19)
"""Tomorrow at the first gate; START is 2023-01-18T00:00Z, so that gates of the first two days find no forecast."""


class Moments:
    """A clock that a test sets; each look moves it on by a microsecond, so that no two issues are of one moment."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now


def with_gates(room: WorkerRoom, **changes: object) -> Source:
    source = SOURCE.model_copy(update={"gates": ["11:00"], **changes})
    with psycopg.connect(room.database_url) as connection:
        register_source(connection, Source.model_validate(source.model_dump()))
    return source


def hourly(hour: int, series: Sequence[str] = MINE) -> bytes:
    return batch([(one, hour, 100.0 + place + 10 * (hour % 24)) for place, one in enumerate(series)], hour + 1)


def live(worker: Worker, clock: Moments, log: Sequence[bytes], first: int, hours: range, *, tend: bool = True) -> None:
    """Give a worker the messages of some hours, each 20 minutes after the hour is over."""
    for hour in hours:
        clock.now = from_hour(hour + 1) + timedelta(minutes=20)
        worker.process(0, in_log([log[hour - first]], hour - first))
        if tend:
            worker.run_maintenance()


def products(room: WorkerRoom) -> list[tuple[Any, ...]]:
    return room.query(
        "SELECT series_id, day, gate, gate_at, starts_at, hours, origin, issued_at, release, rung, first_lead,"
        " encode(array_send(p50), 'hex') FROM day_ahead JOIN series USING (series_key) ORDER BY 1, 2, 3"
    )


def sent(room: WorkerRoom) -> list[tuple[bytes, bytes]]:
    found = []
    for key, value, _ in room.read("day-ahead"):
        assert key is not None
        found.append((key, value))
    return found


def test_at_a_gate_tomorrow_is_kept_and_sent_once_as_it_stood_then(room: WorkerRoom) -> None:
    with_gates(room)
    log = [hourly(START + hour) for hour in range(96)]
    room.send(0, log)
    clock = Moments(from_hour(START))
    worker = room.worker(clock=clock)
    worker.assign([0])
    live(worker, clock, log, START, range(START, START + 96))
    rows = products(room)
    days = [FIRST_DAY + timedelta(days=1), FIRST_DAY + timedelta(days=2), FIRST_DAY + timedelta(days=3)]
    assert [(row[0], row[1], row[2]) for row in rows] == [(one, day, "11:00") for one in sorted(MINE) for day in days]
    messages = dict(sent(room))
    assert len(messages) == len(sent(room)) == len(rows)
    for series_id, day, gate, *_ in rows:
        body = messages[f"{series_id}|{day}|{gate}".encode()]
        message = DayAheadMessage.model_validate_json(body)
        hours = hours_of_day(day, ZONE)
        gate_at = moment_on(day - timedelta(days=1), datetime.strptime("11:00", "%H:%M").time(), ZONE)  # noqa: DTZ007
        assert (message.gate_at, message.starts_at) == (gate_at, from_hour(hours.start))
        assert (message.hours, message.complete, len(message.p50)) == (24, True, 24)
        # the newest forecast that was there at 11:00 is that of 10:20, whose newest hour is 9:00
        with psycopg.connect(room.database_url) as connection:
            named = first_known(connection, [series_id])
            assert named is not None
            stood = stored_forecast(connection, named.series_key, as_of=gate_at)
        assert stood is not None
        assert (message.origin, message.issued_at) == (stood.origin, stood.issued_at)
        assert to_hour(message.origin) == to_hour(gate_at) - 2
        lead = hours.start - to_hour(message.origin)
        assert message.p50 == pytest.approx(stood.p50[lead - 1 : lead + 23].tolist(), rel=1e-6)
        assert message.p10 == pytest.approx(stood.p10[lead - 1 : lead + 23].tolist(), rel=1e-6)


@pytest.mark.parametrize("step", [Step.GATE_PASSED, Step.GATE_KEPT, Step.GATE_SENT, Step.GATE_MARKED])
def test_a_crash_at_a_gate_sends_the_same_bytes_once_or_again_and_never_others(room: WorkerRoom, step: Step) -> None:
    with_gates(room)
    log = [hourly(START + hour) for hour in range(60)]
    # a late value refreshes the origin that the gate saw
    late = batch([(one, START + 30, 700.0) for one in MINE], START + 59)
    room.send(0, [*log, late])
    clock = Moments(from_hour(START))
    worker = room.worker(clock=clock)
    worker.assign([0])
    gate_at = from_hour(START + 34)  # 11:00 local of the second day
    live(worker, clock, log, START, range(START, START + 33))
    assert sent(room) == []
    clock.now = gate_at + timedelta(minutes=1)
    # a worker that starts looks at the gates of 14 days, of which the last alone finds forecasts
    crashing = room.worker(CrashingProbe(step, 14 if step in {Step.GATE_PASSED, Step.GATE_KEPT} else 1), clock=clock)
    crashing.assign([0])
    with pytest.raises(Crash):
        crashing.run_maintenance()
    after = sent(room)
    assert len(products(room)) == (0 if step is Step.GATE_PASSED else len(MINE))
    assert len(after) == (len(MINE) if step in {Step.GATE_SENT, Step.GATE_MARKED} else 0)
    # the next one is back hours later, and has gone on before it looks at the gate
    clock.now = gate_at + timedelta(hours=5)
    back = room.worker(clock=clock)
    back.assign([0])
    back.process(0, in_log(log[33:36], 33))
    back.process(0, in_log([late], 36))
    back.run_maintenance()
    back.run_maintenance()
    messages = sent(room)
    assert len(set(messages)) == len(MINE)
    assert set(after) <= set(messages)
    assert len(messages) == (2 if step is Step.GATE_SENT else 1) * len(MINE)
    for _, body in messages:
        message = DayAheadMessage.model_validate_json(body)
        assert message.issued_at <= gate_at
        assert message.origin == from_hour(START + 32)


def test_a_kill_at_any_step_of_a_gate_leaves_one_product_of_each_day_with_one_set_of_bytes(room: WorkerRoom) -> None:
    with_gates(room, clock="replay")
    log = [hourly(START + hour) for hour in range(96)]
    room.send(0, log)
    for step in (Step.GATE_PASSED, Step.GATE_KEPT, Step.GATE_SENT, Step.GATE_MARKED, Step.GATE_SCORED):
        worker = room.start(f"{step}:1", worker_group=f"worker-{step}", worker_release_poll_s=0.2)
        assert worker.wait(60) == -signal.SIGKILL, step
    room.start(worker_group="worker-last", worker_release_poll_s=0.2)
    days = [FIRST_DAY + timedelta(days=days) for days in (1, 2, 3)]
    wanted = sorted(f"{series_id}|{day}|11:00".encode() for series_id in MINE for day in days)
    wait_until(lambda: sorted({key for key, _ in sent(room)}) == wanted, 60, "all products to be sent")
    wait_until(
        lambda: room.query("SELECT count(*) FROM day_ahead WHERE published_at IS NULL") == [(0,)],
        30,
        "them to be noted",
    )
    assert len(set(sent(room))) == len(wanted)
    wait_until(lambda: room.query("SELECT count(*) FROM day_ahead_score") == [(6,)], 30, "two days to be scored")


def test_a_refresh_after_the_gate_does_not_change_what_stood_at_it(room: WorkerRoom) -> None:
    with_gates(room)
    log = [hourly(START + hour) for hour in range(33)]
    early = batch([(one, START + 20, 300.0) for one in MINE], START + 33)
    late = batch([(one, START + 20, 900.0) for one in MINE], START + 34)
    room.send(0, [*log, early, late])
    clock = Moments(from_hour(START))
    worker = room.worker(clock=clock)
    worker.assign([0])
    live(worker, clock, log, START, range(START, START + 33))
    gate_at = from_hour(START + 34)
    clock.now = gate_at - timedelta(minutes=10)
    worker.process(0, in_log([early], 33))
    seen = room.redis()
    clock.now = gate_at + timedelta(minutes=10)
    worker.process(0, in_log([late], 34))
    assert room.redis() != seen
    worker.run_maintenance()
    for key, body in sent(room):
        forecast = orjson.loads(seen[key.decode().split("|")[0]])
        message = orjson.loads(body)
        assert message["issued_at"] == forecast["issued_at"]
        lead = to_hour(datetime.fromisoformat(message["starts_at"])) - (START + 32)
        assert message["p50"] == forecast["p50"][lead - 1 : lead + 23]


def test_a_worker_that_lost_the_partition_keeps_nothing(room: WorkerRoom) -> None:
    with_gates(room)
    log = [hourly(START + hour) for hour in range(33)]
    room.send(0, log)
    clock = Moments(from_hour(START))
    worker = room.worker(clock=clock)
    worker.assign([0])
    live(worker, clock, log, START, range(START, START + 33))
    room.worker(clock=clock).assign([0])
    clock.now = from_hour(START + 34) + timedelta(minutes=1)
    with pytest.raises(FencedError):
        worker.run_maintenance()
    assert products(room) == []
    assert sent(room) == []


def test_a_replay_passes_its_gates_as_its_data_pass_them(room: WorkerRoom) -> None:
    with_gates(room, clock="replay")
    log = [hourly(START + hour) for hour in range(96)]
    room.send(0, log)
    worker = room.worker()  # the clock on the wall is years later
    worker.assign([0])
    for message in in_log(log[:34]):
        worker.process(0, [message])
    worker.run_maintenance()
    assert products(room) == []
    # the hour after the one that was due at the gate: the gate has passed
    worker.process(0, in_log(log)[34:35])
    worker.run_maintenance()
    assert {(row[1], row[6]) for row in products(room)} == {(FIRST_DAY + timedelta(days=1), from_hour(START + 33))}
    worker.process(0, in_log(log)[35:])
    worker.run_maintenance()
    found = {(row[1], row[6]) for row in products(room)}
    assert found == {(FIRST_DAY + timedelta(days=days), from_hour(START + 33 + 24 * (days - 1))) for days in (1, 2, 3)}


def test_a_forecast_that_ends_within_the_day_says_so_and_one_that_ends_before_it_is_no_product(
    room: WorkerRoom,
) -> None:
    with_gates(room, horizon_h=24)
    log = [hourly(START + hour) for hour in range(33)]
    room.send(0, log)
    clock = Moments(from_hour(START))
    worker = room.worker(clock=clock)
    worker.assign([0])
    live(worker, clock, log, START, range(START, START + 33))
    clock.now = from_hour(START + 34) + timedelta(minutes=1)
    worker.run_maintenance()
    for _, body in sent(room):
        message = DayAheadMessage.model_validate_json(body)
        assert (message.hours, message.complete, len(message.p50)) == (24, False, 24 - (47 - 32) + 1)
    count = len(products(room))
    assert count == len(MINE)
    clock.now += timedelta(days=2)
    worker.run_maintenance()
    assert len(products(room)) == count


@pytest.mark.parametrize(("day", "count"), [(date(2023, 3, 26), 23), (date(2023, 10, 29), 25)])
def test_a_day_whose_clock_is_changed_has_23_or_25_hours(room: WorkerRoom, day: date, count: int) -> None:
    with_gates(room)
    end = hours_of_day(day, ZONE).start - 14
    log = [hourly(hour) for hour in range(end - 40, end)]
    room.send(0, log)
    clock = Moments(from_hour(end - 40))
    worker = room.worker(clock=clock)
    worker.assign([0])
    live(worker, clock, log, end - 40, range(end - 40, end))
    clock.now = from_hour(end + 2)
    worker.run_maintenance()
    bodies = [DayAheadMessage.model_validate_json(body) for _, body in sent(room)]
    assert {(one.day, one.hours, one.complete, len(one.p90)) for one in bodies} >= {(day, count, True, count)}


def test_a_day_is_scored_when_it_is_over_and_again_when_it_is_revised(room: WorkerRoom) -> None:
    with_gates(room)
    gap = START + 60
    log = [hourly(START + hour, MINE[1:] if START + hour == gap else MINE) for hour in range(74)]
    revised = batch([(MINE[1], START + 50, 444.0)], START + 74)
    late = batch([(MINE[0], gap, 333.0)], START + 74)
    room.send(0, [*log, revised, late])
    clock = Moments(from_hour(START))
    worker = room.worker(clock=clock)
    worker.assign([0])
    # the product of 2023-01-20 is over with the hour that starts at 22:00Z
    live(worker, clock, log, START, range(START, START + 70))
    assert scores(room) == {}
    live(worker, clock, log, START, range(START + 70, START + 71))
    first = scores(room)
    assert set(first) == set(MINE)
    assert {one: values[0] for one, values in first.items()} == {MINE[0]: 23, MINE[1]: 24, MINE[2]: 24}
    live(worker, clock, log, START, range(START + 71, START + 74))
    assert scores(room) == first
    worker.process(0, in_log([revised, late], 74))
    assert scores(room) == first
    crashing = room.worker(CrashingProbe(Step.GATE_SCORED), clock=clock)
    crashing.assign([0])
    with pytest.raises(Crash):
        crashing.run_maintenance()
    again = scores(room)
    assert (again[MINE[0]][0], again[MINE[1]][0]) == (24, 24)
    assert again[MINE[2]] == first[MINE[2]]
    for series_id, (_, error, naive, weekly) in again.items():
        assert error == pytest.approx(by_hand(room, series_id)[0])
        assert naive == pytest.approx(by_hand(room, series_id)[1])
        assert weekly == pytest.approx(naive)  # with three days of history the day stands in for the week


def scores(room: WorkerRoom) -> dict[str, tuple[int, float, float, float]]:
    found = room.query(
        "SELECT series_id, hours, absolute_error, daily_naive_error, naive_error FROM day_ahead_score"
        " JOIN series USING (series_key) WHERE day = '2023-01-20'"
    )
    return {series_id: tuple(values) for series_id, *values in found}


def by_hand(room: WorkerRoom, series_id: str) -> tuple[float, float]:
    """Sum of |error| of the product and of the newest same hour of the day that its origin knew."""
    [(p50, starts_at, origin)] = room.query(
        "SELECT p50, starts_at, origin FROM day_ahead JOIN series USING (series_key)"
        " WHERE series_id = %s AND day = '2023-01-20'",
        [series_id],
    )
    values = {
        to_hour(moment): value
        for moment, value in room.query(
            "SELECT valid_time, value FROM observation JOIN series USING (series_key) WHERE series_id = %s", [series_id]
        )
    }
    start, last = to_hour(starts_at), to_hour(origin)
    error = naive = 0.0
    for place, value in enumerate(p50):
        hour = start + place
        same = hour - 24
        while same > last:
            same -= 24
        error += abs(float(np.float32(value)) - values[hour])
        naive += abs(values[same] - values[hour])
    return error, naive


def test_a_removed_gate_leaves_its_products_readable_and_scored(room: WorkerRoom) -> None:
    with_gates(room)
    log = [hourly(START + hour) for hour in range(74)]
    room.send(0, log)
    clock = Moments(from_hour(START))
    worker = room.worker(clock=clock)
    worker.assign([0])
    live(worker, clock, log, START, range(START, START + 36))
    with_gates(room, gates=[])
    later = room.worker(clock=clock)
    later.assign([0])
    live(later, clock, log, START, range(START + 36, START + 74), tend=False)
    room.worker(clock=clock).assign([0])
    last = room.worker(clock=clock)
    last.assign([0])
    last.run_maintenance()
    assert set(scores(room)) == set(MINE)
    assert format_utc(room.query("SELECT max(gate_at) FROM day_ahead")[0][0]) == "2023-01-19T10:00:00Z"
