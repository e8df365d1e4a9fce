"""A worker without Faust on real servers: broken input, gaps in the log, lost connections, new releases."""

from dataclasses import replace
from typing import Any

import psycopg
import pytest
from confluent_kafka import Producer
from typer.testing import CliRunner

from dayahead.cli import app
from dayahead.dead_letter_box import DeadLetterBox
from dayahead.errors import DeadLetterCode, StorageError
from dayahead.hours import HOUR_US, from_hour, to_microseconds, wall_clock
from dayahead.storage.checkpoint import CheckpointWriter
from stream.commands import register
from stream.commit import freshness
from stream.servers.log_reader import LogMessage
from stream.servers.probe import Step
from tests.stream.conftest import WorkerRoom
from tests.stream.crashing import Crash, CrashingProbe
from tests.stream.logs import START, batch, in_log, series_of

pytestmark = pytest.mark.servers


def letters(room: WorkerRoom) -> list[tuple[str, bytes]]:
    return [(headers["code"], value) for _, value, headers in room.read("observations.dead-letter", partitions=1)]


def test_invalid_rows_and_messages_become_dead_letters_and_the_others_are_processed(room: WorkerRoom) -> None:
    mine, stranger = series_of(0, 2), series_of(1, 1)[0]
    rows: list[tuple[str, int, object]] = [
        (mine[0], START, 1.0),
        (stranger, START, 2.0),
        (mine[0].split("/")[0], START, 3.0),
        ("DK1/%00", START, 3.0),
        (mine[1], START, None),
        (mine[1], START + 1, 4.0),
    ]
    unknown = batch([(mine[0], START, 9.0)], START + 2).replace(b'"test"', b'"unknown"')
    log = [None, b"rubbish", batch(rows, START + 2), unknown]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    assert [row[:3] for row in room.tables()["observation"]] == sorted(
        [(mine[0], from_hour(START), 1.0), (mine[1], from_hour(START + 1), 4.0)]
    )
    found = letters(room)
    assert sorted(code for code, _ in found) == sorted(
        [
            *[DeadLetterCode.NOT_JSON] * 2,
            DeadLetterCode.MISROUTED,
            *[DeadLetterCode.BAD_SERIES_ID] * 2,
            DeadLetterCode.NULL_VALUE,
            DeadLetterCode.UNKNOWN_SOURCE,
        ]
    )
    assert room.offsets()[0] == len(log)


def test_hours_count_as_in_time_or_late_when_their_forecasts_have_been_sent(room: WorkerRoom) -> None:
    mine = series_of(0, 1)[0]
    log = [batch([(mine, START + hour, 1.0)], START + hour + 2) for hour in range(2)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    old, new = in_log(log)
    before = freshness.LATE._value.get(), freshness.IN_TIME._value.get()
    now_us = to_microseconds(wall_clock())
    worker.process(0, [replace(old, received_us=(START + 3) * HOUR_US), replace(new, received_us=now_us)])
    assert (freshness.LATE._value.get(), freshness.IN_TIME._value.get()) == (before[0] + 1, before[1] + 1)


def test_a_corrected_dead_letter_is_replayed(
    room: WorkerRoom, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    mine, stranger = series_of(0, 1)[0], series_of(1, 1)[0]
    log = [batch([(mine, START, None)], START + 2), batch([(stranger, START, 5.0)], START + 2)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0, 1])
    worker.process(0, in_log(log))
    for name, value in room.environment().items():
        monkeypatch.setenv(name, value)
    if not any(group.name == "dead-letters" for group in app.registered_groups):
        register(app)
    shown = CliRunner().invoke(app, ["dead-letters", "list"], terminal_width=200)
    assert "null_value" in shown.output
    assert "misrouted" in shown.output
    refused = CliRunner().invoke(app, ["dead-letters", "replay", "--offset", "0"])
    assert refused.exit_code == 1
    assert "refused: it would be set aside again, null_value" in refused.output
    corrected = tmp_path / "corrected.json"  # type: ignore[operator]
    corrected.write_bytes(batch([(mine, START, 6.0)], START + 2))
    for arguments in (["--offset", "0", "--with", str(corrected)], ["--offset", "1"]):
        done = CliRunner().invoke(app, ["dead-letters", "replay", *arguments])
        assert "1 row put back" in done.output
    worker.process(0, [LogMessage(2, batch([(mine, START, 6.0)], START + 2))])
    assert room.end_of("observations", 0) == 3
    # the misrouted row went to the partition of its series
    assert room.end_of("observations", 1) == 1
    assert room.tables()["observation"] == [(mine, from_hour(START), 6.0, from_hour(START + 2), None)]


def test_a_series_of_another_source_is_refused(room: WorkerRoom) -> None:
    mine = series_of(0, 1)[0]
    with psycopg.connect(room.database_url) as connection:
        connection.execute(
            "INSERT INTO source (name, definition)"
            " SELECT 'other', jsonb_set(definition, '{name}', '\"other\"') FROM source WHERE name = 'test'"
        )
    first = batch([(mine, START, 1.0)], START + 2)
    log = [first, first.replace(b'"test"', b'"other"')]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    assert [code for code, _ in letters(room)] == [DeadLetterCode.BAD_SERIES_ID]


def test_messages_after_a_gap_are_not_taken_in_before_it(room: WorkerRoom) -> None:
    log = [batch([(series_of(0, 1)[0], START + hour, 1.0 + hour)], START + hour + 1) for hour in range(6)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    messages = in_log(log)
    progress = worker.process(0, [*messages[:2], *messages[3:]])
    assert (progress.next_offset, progress.seek_to) == (2, 2)
    assert len(room.tables()["observation"]) == 2
    progress = worker.process(0, messages)
    assert (progress.next_offset, progress.seek_to) == (6, None)


def test_a_hole_that_the_log_itself_has_is_passed(room: WorkerRoom) -> None:
    log = [batch([(series_of(0, 1)[0], START + hour, 1.0 + hour)], START + hour + 1) for hour in range(4)]
    # a committed transaction leaves a marker in the log, an offset without a message
    producer = Producer({"bootstrap.servers": room.topics.bootstrap, "transactional.id": room.topics.prefix})
    producer.init_transactions(30)
    for part in (log[:2], log[2:]):
        producer.begin_transaction()
        for value in part:
            producer.produce(room.topics.name("observations"), value=value, partition=0)
        producer.commit_transaction(30)
    assert room.end_of("observations", 0) == 6
    worker = room.worker()
    worker.assign([0])
    progress = worker.process(0, [*in_log(log[:2]), *in_log(log[2:], 3)])
    assert (progress.next_offset, progress.seek_to) == (5, None)
    assert len(room.tables()["observation"]) == 4


def test_a_dead_letter_that_was_written_twice_is_shown_once(room: WorkerRoom) -> None:
    mine = series_of(0, 1)[0]
    log = [batch([(mine, START, None), (mine, START + 1, None)], START + 2)]
    room.send(0, log)
    for _ in range(2):
        worker = room.worker(CrashingProbe(Step.COMPUTED))
        worker.assign([0])
        with pytest.raises(Crash):
            worker.process(0, in_log(log))
    assert len(letters(room)) == 4
    assert [letter.offset for letter in DeadLetterBox(room.topics.bootstrap, room.topics.prefix).scan(50)] == [0, 1]


def test_a_log_that_lost_messages_stops_the_worker_until_that_is_accepted(room: WorkerRoom) -> None:
    log = [batch([(series_of(0, 1)[0], START + hour, 1.0 + hour)], START + hour + 1) for hour in range(6)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log[:2]))
    room.delete_before(0, 4)
    with pytest.raises(StorageError, match="messages 2 to 3 are lost"):
        room.worker().assign([0])
    assert room.worker(worker_accept_lost_messages=True).assign([0]) == {0: 4}
    assert room.worker().assign([0]) == {0: 4}


def test_a_topic_that_was_recreated_is_noticed(room: WorkerRoom) -> None:
    log = [batch([(series_of(0, 1)[0], START, 1.0)], START + 1)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    with psycopg.connect(room.database_url) as connection:
        connection.execute("UPDATE worker_offset SET next_offset = 50, published_offset = 50")
    with pytest.raises(StorageError, match="created again"):
        room.worker().assign([0])


def test_a_broken_connection_costs_nothing(room: WorkerRoom, owner_database_url: str) -> None:
    log = [batch([(series_of(0, 1)[0], START + hour, 1.0 + hour)], START + hour + 1) for hour in range(30)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    for offset in range(0, 30, 10):
        with psycopg.connect(owner_database_url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND usename = 'dayahead_app'"
            )
        worker.process(0, in_log(log[offset : offset + 10], offset))
    assert len(room.tables()["observation"]) == 30
    assert room.redis() == room.newest_forecasts() == room.newest_messages()


def test_a_commit_with_a_lost_answer_is_not_mistaken_for_another_worker(
    room: WorkerRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = [batch([(series_of(0, 1)[0], START + hour, 1.0 + hour)], START + hour + 1) for hour in range(30)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    write = CheckpointWriter.write
    broken: list[object] = []

    def write_and_lose_the_answer(writer: CheckpointWriter, *arguments: Any) -> None:
        write(writer, *arguments)
        if not broken:
            broken.append(True)
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(CheckpointWriter, "write", write_and_lose_the_answer)
    assert worker.process(0, in_log(log)).next_offset == 30
    assert broken
    assert room.redis() == room.newest_forecasts() == room.newest_messages()


def test_a_partition_at_rest_is_not_sent_out_again(room: WorkerRoom) -> None:
    log = [batch([(series_of(0, 1)[0], START + hour, 1.0 + hour)], START + hour + 1) for hour in range(30)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    worker.run_maintenance()
    sent = room.end_of("forecasts", 0)
    room.worker().assign([0])
    assert room.end_of("forecasts", 0) == sent == 30


def test_a_row_inserted_by_hand_is_replaced(room: WorkerRoom) -> None:
    name = series_of(0, 1)[0]
    log = [batch([(name, START + hour, 1.0 + hour)], START + hour + 1) for hour in range(31)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log[:30]))
    with psycopg.connect(room.database_url) as connection:
        connection.execute(
            "INSERT INTO observation (series_key, valid_time, value, available_at)"
            " SELECT series_key, %(hour)s, 7.0, %(hour)s FROM series",
            {"hour": from_hour(START + 30)},
        )
    assert worker.process(0, in_log(log[30:], 30)).next_offset == 31
    assert room.tables()["observation"][-1][:3] == (name, from_hour(START + 30), 31.0)
    assert len(room.tables()["forecast"]) == 31
