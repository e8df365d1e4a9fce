"""A worker may end at any moment: what the next one makes of the log is what an unbroken one makes of it."""

import itertools
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from dayahead.errors import FencedError
from dayahead.storage import copied_table
from stream.servers.kafka_output import KafkaOutput, Outgoing
from stream.servers.probe import BATCH_STEPS, Step
from tests.stream.conftest import WorkerRoom
from tests.stream.crashing import Crash, CrashingProbe
from tests.stream.logs import START, batch, eventful_log, in_log, rows_only, series_of
from tests.stream.unbroken import unbroken
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


def test_a_kill_at_any_step_changes_nothing(room: WorkerRoom) -> None:
    logs = {partition: eventful_log(partition) for partition in (0, 1)}
    expected = unbroken(room, logs)
    for partition, log in logs.items():
        room.send(partition, log)
    for rows, step in enumerate(BATCH_STEPS, 10):
        # sending out again what the one before did not send reaches the last two steps once, for each partition
        count = 3 if step in {Step.REDIS, Step.KAFKA} else 1
        # a new group, so that it need not wait for the session timeout of the previous worker
        worker = room.start(f"{step}:{count}", worker_batch_rows=rows, worker_group=f"worker-{step}")
        assert worker.wait(60) == -signal.SIGKILL, step
    assert 0 < sum(room.offsets().values()) < sum(map(len, logs.values()))
    room.start(worker_group="worker-last")
    for partition, log in logs.items():
        room.wait_for(partition, len(log))
    wait_until(lambda: room.redis() == room.newest_forecasts(), 30, "Redis to follow")
    wait_until(lambda: room.kept_messages() == room.all_forecasts(), 30, "Kafka to follow")
    assert room.tables() == expected


def test_a_crash_inside_the_transaction_leaves_nothing_of_it(room: WorkerRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    log = rows_only(eventful_log(0))
    room.send(0, log)
    first = room.worker()
    first.assign([0])
    first.process(0, in_log(log[:30]))
    before, offsets = room.tables(), room.offsets()
    copy_rows = vars(copied_table)["copy_rows"]
    for survived in itertools.count():
        copies = iter(range(survived + 1))

        def copy_until_killed(*arguments: Any, copies: Iterator[int] = copies) -> int:
            if next(copies, None) is None:
                raise Crash
            return copy_rows(*arguments)

        monkeypatch.setattr(copied_table, "copy_rows", copy_until_killed)
        worker = room.worker()
        worker.assign([0])
        try:
            worker.process(0, in_log(log)[30:])
        except Crash:
            worker.close()
            assert (room.tables(), room.offsets()) == (before, offsets), f"after {survived + 1} copies"
        else:
            break
    # revisions; then observations, forecasts, snapshots, scores of day 1 of the horizon and of later ones, those that
    # are new and those that may be there
    assert survived + 1 == 11
    assert room.offsets()[0] == len(log)


def test_half_sent_outputs_are_completed_by_the_next_worker(room: WorkerRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    log = rows_only(eventful_log(0))
    room.send(0, log)
    deliver = KafkaOutput.deliver

    def deliver_half(output: KafkaOutput, messages: Sequence[Outgoing]) -> None:
        if messages[0].key is None:  # dead letters
            deliver(output, messages)
            return
        deliver(output, messages[: len(messages) // 2])
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(KafkaOutput, "deliver", deliver_half)
        worker = room.worker()
        worker.assign([0])
        with pytest.raises(Crash):
            worker.process(0, in_log(log))
    assert room.end_of("forecasts", 0) > 0
    assert room.newest_messages() != room.newest_forecasts()
    room.worker().assign([0])
    assert room.redis() == room.newest_forecasts() == room.newest_messages()


@pytest.mark.parametrize("step", [Step.COMMITTED, Step.REDIS])
def test_what_was_committed_but_not_sent_out_is_sent_by_the_next_worker(room: WorkerRoom, step: Step) -> None:
    log = rows_only(eventful_log(0))
    room.send(0, log)
    worker = room.worker(CrashingProbe(step))
    worker.assign([0])
    with pytest.raises(Crash):
        worker.process(0, in_log(log))
    assert room.offsets()[0] == len(log)
    assert room.newest_messages() == {}
    room.worker().assign([0])
    assert room.redis() == room.newest_forecasts() == room.newest_messages()
    assert len(room.newest_messages()) == 3


def test_a_worker_whose_partition_was_taken_over_writes_nothing(room: WorkerRoom) -> None:
    log = eventful_log(0)
    room.send(0, log)
    old, new = room.worker(), room.worker()
    old.assign([0])
    old.process(0, in_log(log[:20]))
    new.assign([0])
    before, mirrored, sent = room.tables(), room.redis(), room.end_of("forecasts", 0)
    # the new owner stands where the old one does: the offset alone would let the old one write
    with pytest.raises(FencedError, match="another worker"):
        old.process(0, in_log(log)[20:])
    assert (room.tables(), room.redis(), room.end_of("forecasts", 0)) == (before, mirrored, sent)
    new.process(0, in_log(log)[20:])
    assert room.offsets()[0] == len(log)


class Sleep:
    """A worker that sleeps after its commit while another one takes its partition over and continues."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile

    def reached(self, step: Step) -> None:
        if step is Step.COMMITTED:
            self._meanwhile()


def test_a_worker_that_slept_after_its_commit_does_not_write_over_its_successor(room: WorkerRoom) -> None:
    log = eventful_log(0)
    room.send(0, log)

    def go_on() -> None:
        successor = room.worker()
        successor.assign([0])
        successor.process(0, in_log(log)[30:])

    old = room.worker(Sleep(go_on))
    old.assign([0])
    with pytest.raises(FencedError, match="Redis has a newer claim"):
        old.process(0, in_log(log[:30]))
    assert room.redis() == room.newest_forecasts() == room.newest_messages()


def test_a_returned_partition_without_changes_is_not_read_again(room: WorkerRoom) -> None:
    log = eventful_log(0)
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    held = worker.held[0]
    worker.assign([0, 1])
    assert worker.held[0] is held
    room.worker().assign([0])
    worker.assign([0, 1])
    assert worker.held[0] is not held


def test_an_emptied_redis_is_filled_again(room: WorkerRoom) -> None:
    log = eventful_log(0)
    one_series = batch([(series_of(0, 1)[0], START + 96, 100.0)], START + 97)
    room.send(0, [*log, one_series])
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    room.forget_redis()
    worker.process(0, in_log([one_series], len(log)))
    assert room.redis() == room.newest_forecasts()
    assert len(room.redis()) == 3


def test_both_workers_killed_leave_what_an_unbroken_worker_leaves(room: WorkerRoom) -> None:
    logs = {partition: eventful_log(partition) for partition in (0, 1)}
    expected = unbroken(room, logs)
    # one is killed with a batch before its commit, the other one after it
    both = [room.start(f"{step}:2", worker_batch_rows=25) for step in (Step.COMPUTED, Step.COMMITTED)]
    wait_until(lambda: len(room.owners()) == 2, 60, "the two workers to share the partitions")
    for partition, log in logs.items():
        room.send(partition, log)
    assert [process.wait(60) for process in both] == [-signal.SIGKILL] * 2
    assert any(0 < room.offsets()[partition] < len(log) for partition, log in logs.items())
    # a new group, so that it need not wait for the session timeouts of the killed workers
    room.start(worker_batch_rows=25, worker_group="worker-last")
    for partition, log in logs.items():
        room.wait_for(partition, len(log))
    wait_until(lambda: room.redis() == room.newest_forecasts(), 30, "Redis to follow")
    wait_until(lambda: room.kept_messages() == room.all_forecasts(), 30, "Kafka to follow")
    assert room.tables() == expected
