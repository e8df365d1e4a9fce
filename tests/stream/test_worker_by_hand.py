"""A worker without Faust on real servers: broken input, gaps in the log, lost connections, new releases."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import psycopg
import pytest
from typer.testing import CliRunner

from dayahead.cli import app
from dayahead.contracts import Rung
from dayahead.errors import DeadLetterCode, FencedError, StorageError
from dayahead.hours import from_hour
from dayahead.models.release import Release
from dayahead.storage.checkpoint import CheckpointWriter
from dayahead.storage.releases import ReleaseRecord, promote, save_release
from stream.commands import register
from stream.decode import LogMessage
from tests.dayahead.conftest import consumption
from tests.stream.conftest import START, WorkerRoom, batch, in_log, series_of

pytestmark = pytest.mark.servers


def letters(room: WorkerRoom) -> list[tuple[str, bytes]]:
    return [(headers["code"], value) for _, value, headers in room.read("observations.dead-letter", partitions=1)]


def test_broken_rows_and_messages_become_dead_letters_and_the_others_go_on(room: WorkerRoom) -> None:
    mine, stranger = series_of(0, 2), series_of(1, 1)[0]
    rows: list[tuple[str, int, object]] = [
        (mine[0], START, 1.0),
        (stranger, START, 2.0),
        (mine[0].split("/")[0], START, 3.0),
        ("DK1/%00", START, 3.0),
        (mine[1], START, None),
        (mine[1], START + 1, 4.0),
    ]
    unknown = batch([(mine[0], START, 9.0)], START + 2).replace(b'"test"', b'"nobody"')
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


def test_a_mended_dead_letter_is_put_back(room: WorkerRoom, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
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
    assert "null_value" in str(refused.exception)
    mended = tmp_path / "mended.json"  # type: ignore[operator]
    mended.write_bytes(batch([(mine, START, 6.0)], START + 2))
    for arguments in (["--offset", "0", "--with", str(mended)], ["--offset", "1"]):
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


def test_a_topic_that_was_made_anew_is_noticed(room: WorkerRoom) -> None:
    log = [batch([(series_of(0, 1)[0], START, 1.0)], START + 1)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    with psycopg.connect(room.database_url) as connection:
        connection.execute("UPDATE worker_offset SET next_offset = 50, published_offset = 50")
    with pytest.raises(StorageError, match="made anew"):
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


def test_a_commit_whose_answer_was_lost_is_not_taken_for_another_worker(
    room: WorkerRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = [batch([(series_of(0, 1)[0], START + hour, 1.0 + hour)], START + hour + 1) for hour in range(30)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    write, broken = CheckpointWriter.write, []

    def write_and_lose_the_answer(writer: CheckpointWriter, *arguments: Any) -> None:
        write(writer, *arguments)
        if not broken:
            broken.append(True)
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(CheckpointWriter, "write", write_and_lose_the_answer)
    assert worker.process(0, in_log(log)).next_offset == 30
    assert broken
    assert room.redis() == room.newest_forecasts() == room.newest_messages()


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


def test_a_release_is_taken_up_without_a_restart(room: WorkerRoom, small_release: Release) -> None:
    log = history(room, 0)
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log[:-1]))
    before = [orjson.loads(value) for value in room.redis().values()]
    assert {(one["rung"], one["release"]) for one in before} == {(Rung.PROFILE, None)}
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    worker.tend()
    after = [orjson.loads(value) for value in room.redis().values()]
    assert {one["release"] for one in after} == {small_release.release_id}
    assert {one["rung"] for one in after} <= {Rung.FULL, Rung.DEGRADED_INPUT}
    assert {one["origin"] for one in after} == {one["origin"] for one in before}
    assert room.redis() == room.newest_forecasts() == room.newest_messages()
    worker.process(0, in_log(log)[-1:])
    assert {orjson.loads(value)["release"] for value in room.redis().values()} == {small_release.release_id}
    # a worker that starts later finds nothing to do anew
    issued = room.query("SELECT max(issued_at) FROM forecast")
    room.worker().assign([0])
    assert room.query("SELECT max(issued_at) FROM forecast") == issued


def test_a_promotion_that_no_worker_saw_is_made_up_for_on_assignment(room: WorkerRoom, small_release: Release) -> None:
    log = history(room, 0)
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    room.worker().assign([0])
    assert {orjson.loads(value)["release"] for value in room.redis().values()} == {small_release.release_id}


def test_a_release_that_does_not_load_leaves_the_one_before_in_service(
    room: WorkerRoom, small_release: Release
) -> None:
    log = history(room, 0)
    room.send(0, log)
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log[:-1]))
    record = record_of(small_release)
    broken = ReleaseRecord("r-broken", *list(vars(record).values())[1:])
    crown(room, "r-broken", broken, b"dayahead-release-1\nno release at all")
    worker.tend()
    worker.process(0, in_log(log)[-1:])
    assert {orjson.loads(value)["release"] for value in room.redis().values()} == {small_release.release_id}


def test_a_partition_at_rest_is_not_sent_out_again(room: WorkerRoom) -> None:
    log = [batch([(series_of(0, 1)[0], START + hour, 1.0 + hour)], START + hour + 1) for hour in range(30)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    worker.tend()
    sent = room.end_of("forecasts", 0)
    room.worker().assign([0])
    assert room.end_of("forecasts", 0) == sent == 30


def test_a_lost_partition_is_not_refreshed_with_a_new_release(room: WorkerRoom, small_release: Release) -> None:
    log = history(room, 0)
    room.send(0, log)
    old = room.worker()
    old.assign([0])
    old.process(0, in_log(log))
    room.worker().assign([0])
    crown(room, small_release.release_id, record_of(small_release), small_release.to_bytes())
    with pytest.raises(FencedError):
        old.tend()
    assert room.query("SELECT count(*) FROM forecast WHERE release IS NOT NULL") == [(0,)]
