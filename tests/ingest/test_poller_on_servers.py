"""The poller against real Kafka and TimescaleDB; the source is a replay in this process."""

import threading
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from kafka.errors import KafkaTimeoutError
from prometheus_client import REGISTRY

from dayahead.contracts import ObservationBatch
from dayahead.dead_letters import STUB_BYTES, DeadLetter
from dayahead.errors import BrokerUnavailable, DeadLetterCode, SourceError, SourceRefused, SourceUnavailable
from dayahead.hours import from_hour
from dayahead.publisher import Publication, Publisher, kafka_producer
from dayahead.reading.kinds.file import FileSource
from dayahead.reading.reader import Answer
from dayahead.reading.records import Row
from dayahead.source import Source
from dayahead.storage.database import connect
from dayahead.storage.tables.poll_cursor import join_backfill
from dayahead.storage.tables.poll_failure import PollFailure, read_failure
from dayahead.storage.tables.source import load_sources, register_source
from ingest import poller as poller_module
from ingest.condition import Condition
from ingest.poller import Poller
from ingest.replay.faults import Fault, FaultKind
from tests.conftest import TopicRoom
from tests.ingest.building import FIRST, NOW, make_record, make_records, make_source, reader_of, replay_client
from tests.ingest.servers import (
    batches,
    connector,
    cursor_of,
    dead_letters,
    make_poller,
    make_publisher,
    published,
)
from tests.waiting import wait_until

pytestmark = pytest.mark.servers


@pytest.fixture
def room(topics: TopicRoom) -> TopicRoom:
    topics.create(partitions=4)
    return topics


def rows_of(records: Iterable[dict[str, object]]) -> list[Any]:
    return sorted(
        (f"{record['Area']}/{record['Type']}", from_hour(FIRST + n // 2), record["kWh"])
        for n, record in enumerate(records)
    )


def test_every_hour_reaches_kafka_in_its_partition_and_the_cursor_follows(room: TopicRoom, database_url: str) -> None:
    records = make_records(30)
    with closing(make_poller(room, database_url, reader_of(replay_client(records)))) as poller:
        result = poller.poll_once()
    assert (result.rows, result.newest, result.advanced) == (60, FIRST + 29, True)
    assert published(room) == rows_of(records)
    assert {(batch.source, batch.refresh, batch.available_at) for batch in batches(room)} == {
        ("test-source", True, NOW)
    }
    assert cursor_of(database_url) == (from_hour(FIRST + 30), NOW, NOW)


def test_the_hours_that_come_at_once_for_a_series_are_in_one_message(room: TopicRoom, database_url: str) -> None:
    with closing(make_poller(room, database_url, reader_of(replay_client(make_records(24))))) as poller:
        poller.poll_once()
    for series_id in ("DK1/000", "DK1/001"):
        holding = [batch for batch in batches(room) if series_id in {row[0] for row in batch.rows}]
        assert len(holding) == 1


def test_a_second_poll_sends_only_what_is_new_or_revised(room: TopicRoom, database_url: str) -> None:
    records = make_records(10)
    client = replay_client(records, published_until=FIRST + 8)
    with closing(make_poller(room, database_url, reader_of(client))) as poller:
        poller.poll_once()
        assert poller.poll_once().rows == 0
        client.post("/_clock", params={"end": "2023-01-01T09"})
        records[14]["kWh"] = 999.0  # hour 7, within the revision window of 3 h
        records[2]["kWh"] = 998.0  # hour 1, beyond it
        result = poller.poll_once()
    assert (result.rows, result.advanced) == (3, True)
    assert len(published(room)) == 16 + 3
    assert ("DK1/000", from_hour(FIRST + 7), 999.0) in published(room)
    assert 998.0 not in {value for _, _, value in published(room)}


def test_a_restarted_poller_continues_from_its_cursor(room: TopicRoom, database_url: str) -> None:
    client = replay_client(make_records(50), published_until=FIRST + 40)
    with closing(make_poller(room, database_url, reader_of(client))) as poller:
        poller.poll_once()
    client.post("/_clock", params={"end": "2023-01-03"})
    with closing(make_poller(room, database_url, reader_of(client))) as poller:
        assert poller.poll_once().rows == 2 * (8 + 3)
    assert {(s, t) for s, t, _ in published(room)} == {(s, t) for s, t, _ in rows_of(make_records(48))}


def test_a_crash_between_kafka_and_the_cursor_skips_no_hour(
    room: TopicRoom, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = make_records(20)
    client = replay_client(records, published_until=FIRST + 10)
    with closing(make_poller(room, database_url, reader_of(client))) as poller:
        poller.poll_once()
    client.post("/_clock", params={"end": "2023-01-01T15"})

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, closing(make_poller(room, database_url, reader_of(client))) as poller:
        patched.setattr(poller_module, "move_cursor", crash)
        with pytest.raises(KeyboardInterrupt):
            poller.poll_once()
    assert cursor_of(database_url)[0] == from_hour(FIRST + 10)
    client.post("/_clock", params={"end": "2023-01-01T20"})
    with closing(make_poller(room, database_url, reader_of(client))) as poller:
        poller.poll_once()
    assert sorted(set(published(room))) == rows_of(records)
    assert cursor_of(database_url)[0] == from_hour(FIRST + 20)


def test_the_cursor_does_not_move_when_kafka_does_not_acknowledge(room: TopicRoom, database_url: str) -> None:
    client = replay_client(make_records(10), published_until=FIRST + 5)
    with closing(make_poller(room, database_url, reader_of(client))) as poller:
        poller.poll_once()
    client.post("/_clock", params={"end": "2023-01-01T10"})
    lost = TopicRoom(room.bootstrap, room.prefix + "lost.")  # its topics do not exist

    with (
        closing(make_poller(room, database_url, reader_of(client), publisher=impatient_publisher(lost))) as poller,
        pytest.raises(BrokerUnavailable),
    ):
        poller.poll_once()
    assert cursor_of(database_url)[0] == from_hour(FIRST + 5)


def impatient_publisher(room: TopicRoom) -> Publisher:
    def producer() -> Any:
        made = kafka_producer(room.bootstrap)
        vars(made)["config"]["max_block_ms"] = 500
        return made

    return Publisher(producer, room.prefix)


def test_records_that_break_their_contract_are_dead_letters_once_and_hold_nothing_up(
    room: TopicRoom, database_url: str
) -> None:
    records = [*make_records(5), make_record(FIRST + 4, None, kind="bad"), make_record(FIRST + 4, 1e9, kind="bad")]
    with closing(make_poller(room, database_url, reader_of(replay_client(records)))) as poller:
        result = poller.poll_once()
        assert (result.rows, result.rejections) == (10, 2)
        assert poller.poll_once().rejections == 0
    letters = dead_letters(room)
    assert [headers["code"] for _, headers in letters] == ["null_value", "absurd_value"]
    value, headers = letters[0]
    assert orjson.loads(value) == records[-2]
    assert headers["reason"] == "column 'kWh' is null"
    assert (headers["stage"], headers["source"], headers["time"]) == ("ingest", "test-source", "2023-01-25T00:00:00Z")
    assert (headers["source_topic"], headers["source_partition"], headers["source_offset"]) == ("", "-1", "-1")


def test_a_long_catch_up_is_read_in_parts_and_nothing_is_missing_between_them(
    room: TopicRoom, database_url: str
) -> None:
    records = make_records(200)
    with closing(make_poller(room, database_url, reader_of(replay_client(records), max_records=33))) as poller:
        assert poller.poll_once().rows == 400
    assert published(room) == rows_of(records)


def test_the_source_is_registered_for_the_other_services(room: TopicRoom, database_url: str) -> None:
    with closing(make_poller(room, database_url, reader_of(replay_client(make_records(1))))) as poller:
        poller.poll_once()
    with psycopg.connect(database_url) as connection:
        assert load_sources(connection)["test-source"].source == make_source()


def test_without_a_cursor_the_first_poll_fetches_the_history_that_the_source_says(
    room: TopicRoom, database_url: str
) -> None:
    source = make_source(history_h=24 * 24 - 100)
    with closing(make_poller(room, database_url, reader_of(replay_client(make_records(120))), source)) as poller:
        assert poller.poll_once().rows == 2 * 20


def test_a_source_that_is_older_than_the_first_poll_looks_back_is_not_polled_in_silence(
    room: TopicRoom, database_url: str
) -> None:
    source = make_source(history_h=24)  # since 2023-01-24, and the newest hour is of the 2nd
    condition = Condition(source.name)
    reader = reader_of(replay_client(make_records(36), source))
    with closing(make_poller(room, database_url, reader, source, condition=condition)) as poller:
        with pytest.raises(
            SourceUnavailable,
            match=r"no hour since 2023-01-24.*if its newest hour is older: raise history_h or run `dayahead backfill`",
        ):
            poller.poll_once()
        poller._poll_and_judge()
    assert not condition.ready().ok
    assert "no hour since 2023-01-24T00:00:00Z, history_h (24 h)" in condition.ready().reason
    with connect(database_url, autocommit=True) as connection:
        failure = read_failure(connection, register_source(connection, source).source_key)
    assert failure is not None
    assert "raise history_h" in failure.error


def test_a_file_that_is_older_than_the_first_poll_looks_back_says_how_old_it_is(
    room: TopicRoom, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "old.csv"
    path.write_text("HourUTC,Area,Type,kWh\n2022-12-31T22:00:00,DK1,111,1\n2022-12-31T23:00:00,DK1,111,2\n")
    source = make_source(kind="file", path=path, history_h=24)
    reader = Reading(FileSource(source))

    def says(newest: str) -> None:
        with pytest.raises(SourceUnavailable, match=f"its newest hour is {newest}: raise history_h or run"):
            poller.poll_once()

    with closing(make_poller(room, database_url, reader, source)) as poller:
        says("2022-12-31T23:00:00Z")
        assert len(reader.starts) == 2  # the range of the first poll, and all before it
        says("2022-12-31T23:00:00Z")
        assert len(reader.starts) == 3  # what is before is read again only when the file has changed
        with path.open("a") as file:
            file.write("2023-01-01T00:00:00,DK1,111,3\n")
        says("2023-01-01T00:00:00Z")
    assert batches(room) == []


def test_when_no_newer_hour_appears_the_time_of_the_last_one_stays(room: TopicRoom, database_url: str) -> None:
    client = replay_client(make_records(10))
    with closing(make_poller(room, database_url, reader_of(client))) as poller:
        poller.poll_once()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE poll_cursor SET new_hour_at = '2023-01-02Z', polled_at = '2023-01-02Z'")
    with closing(make_poller(room, database_url, reader_of(client))) as poller:
        poller.poll_once()
    _, polled_at, new_hour_at = cursor_of(database_url) or (None, None, None)
    assert (polled_at, new_hour_at) == (NOW, NOW.replace(day=2))


class Silent:
    """A source that has nothing, or that does not answer."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def read(self, start: int, end: int | None) -> Answer:
        if self.error:
            raise self.error
        return Answer.of([])


def heard_at(source: Source) -> float | None:
    return REGISTRY.get_sample_value("dayahead_source_last_new_hour_timestamp_seconds", {"source": source.name})


@pytest.mark.parametrize("error", [None, SourceRefused("gone")], ids=["says_nothing", "does_not_answer"])
def test_a_source_that_dies_right_after_its_backfill_is_silent_since_then(
    room: TopicRoom, database_url: str, error: Exception
) -> None:
    source = make_source(name="dies-after-refusing" if error else "dies-after-backfill")
    with connect(database_url, autocommit=True) as connection:
        key = register_source(connection, source).source_key
        join_backfill(connection, key, FIRST, FIRST + 10, NOW.replace(day=3))
    with closing(make_poller(room, database_url, Silent(error), source)) as poller:
        _poll(poller)
        assert heard_at(source) == NOW.replace(day=3).timestamp()


@pytest.mark.parametrize("error", [None, SourceRefused("gone")], ids=["says_nothing", "does_not_answer"])
def test_a_source_that_never_had_anything_is_silent_since_it_is_polled(
    room: TopicRoom, database_url: str, error: Exception
) -> None:
    source = make_source(name="never-answered" if error else "never-had-anything")
    clock = iter(NOW.replace(hour=hour) for hour in range(1, 24))
    poller = Poller(
        source=source,
        reader=Silent(error),
        publisher=make_publisher(room),
        connect=connector(database_url),
        clock=lambda: next(clock),
        pause=lambda _: False,
        condition=Condition(source.name),
    )
    with closing(poller):
        _poll(poller)
        first = heard_at(source)
        _poll(poller)
    assert first is not None
    assert heard_at(source) == first


def _poll(poller: Poller) -> None:
    with suppress(SourceError):
        poller.poll_once()


def retries(cause: str) -> float:
    labels = {"source": "test-source", "cause": cause}
    return REGISTRY.get_sample_value("dayahead_source_retries_total", labels) or 0.0


def failure_of(database_url: str) -> PollFailure | None:
    with psycopg.connect(database_url, options="-c timezone=UTC") as connection:
        return read_failure(connection, load_sources(connection)["test-source"].source_key)


class Failing:
    """A source that fails as often as asked, with a Retry-After or without."""

    def __init__(self, *errors: SourceUnavailable) -> None:
        self.errors = list(errors)

    def read(self, start: int, end: int | None) -> Answer:
        if self.errors:
            raise self.errors.pop(0)
        return Answer.of([make_record()])


class Reading:
    """A reader that notes from which hours on it is asked."""

    def __init__(self, reader: FileSource) -> None:
        self.reader = reader
        self.starts: list[int] = []

    def read(self, start: int, end: int | None) -> Answer:
        self.starts.append(start)
        return self.reader.read(start, end)


class Pauses:
    """A pause that takes no time, notes what it was asked for, and stops the poller after the last."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.asked.append(seconds)
        return len(self.asked) >= self.count


def test_the_pauses_between_failed_polls_grow_to_three_poll_intervals_and_no_further(
    room: TopicRoom, database_url: str
) -> None:
    source, pauses = make_source(poll_interval_s=5), Pauses(12)
    reader = Failing(*[SourceUnavailable("away")] * 12)
    poller = make_poller(room, database_url, reader, source, pause=pauses, draw=lambda: 1.0)
    poller.run()
    assert pauses.asked == [1, 2, 4, 8, *[15] * 8]


def test_retry_after_is_honoured_up_to_an_hour_and_reported(room: TopicRoom, database_url: str) -> None:
    pauses, condition = Pauses(2), Condition("test-source")
    said: list[str] = []

    def pause(seconds: float) -> bool:
        said.append(condition.ready().reason)
        return pauses(seconds)

    reader = Failing(SourceUnavailable("busy", 600.0), SourceUnavailable("busy", 86_400.0))
    make_poller(room, database_url, reader, pause=pause, condition=condition, draw=lambda: 0.0).run()
    assert pauses.asked == [600, 3600]
    assert said == [
        "test-source: busy (Retry-After: 600 s); next try in 600 s",
        "test-source: busy (Retry-After: 86400 s, the wait is limited to 3600 s); next try in 3600 s",
    ]


def test_a_failing_source_is_recorded_since_its_first_failure_also_over_a_restart_until_a_poll_succeeds(
    room: TopicRoom, database_url: str
) -> None:
    make_poller(room, database_url, Failing(SourceUnavailable("it is away")), pause=Pauses(1)).run()
    first = failure_of(database_url)
    assert (first.failing_since, first.error) == (NOW, "it is away")
    assert first.retry_at >= NOW
    later = NOW + timedelta(hours=1)
    again = make_poller(
        room, database_url, Failing(SourceUnavailable("still\0away")), pause=Pauses(1), clock=lambda: later
    )
    again.run()
    second = failure_of(database_url)
    assert (second.failing_since, second.error) == (NOW, "still\N{REPLACEMENT CHARACTER}away")
    gauge = "dayahead_poll_failing_since_timestamp_seconds"
    assert REGISTRY.get_sample_value(gauge, {"source": "test-source"}) == NOW.timestamp()
    make_poller(room, database_url, Failing(), pause=Pauses(1)).run()
    assert failure_of(database_url) is None
    assert REGISTRY.get_sample_value(gauge, {"source": "test-source"}) == 0


def gauges() -> tuple[float | None, ...]:
    """Since when the source fails, and since when polls wait for Kafka and for TimescaleDB."""
    waiting = "dayahead_poll_waiting_since_timestamp_seconds"
    return (
        REGISTRY.get_sample_value("dayahead_poll_failing_since_timestamp_seconds", {"source": "test-source"}),
        *(
            REGISTRY.get_sample_value(waiting, {"source": "test-source", "server": server})
            for server in ("kafka", "database")
        ),
    )


def test_servers_of_ours_that_are_away_are_no_failure_of_the_source(room: TopicRoom, database_url: str) -> None:
    moment, since = [NOW], NOW.timestamp()
    condition = Condition("test-source")
    away = {"database": False}

    def connect() -> psycopg.Connection:
        return connector("postgresql://nobody@127.0.0.1:1/nothing" if away["database"] else database_url)()

    reader = Failing(SourceUnavailable("it is away"))
    publisher = Publisher(lambda: kafka_producer("127.0.0.1:1"), room.prefix)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dayahead.publisher.METADATA_TIMEOUT_MS", 200)
        poller = make_poller(
            room,
            database_url,
            reader,
            connect=connect,
            publisher=publisher,
            condition=condition,
            clock=lambda: moment[0],
        )
        poller._poll_and_judge()
        assert gauges() == (since, 0, 0)
        assert failure_of(database_url) is not None
        for minutes in (1, 2):  # the source answers, and Kafka does not
            moment[0] = NOW + timedelta(minutes=minutes)
            poller._poll_and_judge()
            assert gauges() == (0, since + 60, 0)
            assert failure_of(database_url) is None
            assert "Kafka at 127.0.0.1:1 does not answer" in condition.ready().reason
    poller._drop_connection()
    away["database"] = True
    poller._poll_and_judge()
    assert gauges() == (0, 0, since + 120)
    away["database"] = False
    poller._publisher = Publisher(lambda: kafka_producer(room.bootstrap), room.prefix)
    poller._poll_and_judge()
    assert gauges() == (0, 0, 0)
    assert condition.ready().ok
    poller.close()
    assert published(room) == rows_of([make_record()])


def test_it_waits_for_a_database_a_broker_and_a_source_that_are_away_and_drops_nothing(
    room: TopicRoom, database_url: str
) -> None:
    records = make_records(10)
    faults = [Fault(kind=FaultKind.SERVER_ERROR, answers=2), Fault(kind=FaultKind.CUT_JSON)]
    stop = threading.Event()
    condition = Condition("test-source")
    away = {"database": 2, "kafka": 2}

    def connect() -> psycopg.Connection:
        if away["database"]:
            away["database"] -= 1
            return connector("postgresql://nobody@127.0.0.1:1/nothing")()
        return connector(database_url)()

    def producer() -> Any:
        if away["kafka"]:
            away["kafka"] -= 1
            raise BrokerUnavailable("Kafka is away")
        return kafka_producer(room.bootstrap)

    causes = ("server_error", "bad_answer")
    before = [retries(cause) for cause in causes]
    poller = make_poller(
        room,
        database_url,
        reader_of(replay_client(records, faults=faults)),
        connect=connect,
        pause=stop.wait,
        condition=condition,
        publisher=Publisher(producer, room.prefix),
    )
    thread = threading.Thread(target=poller.run)
    thread.start()
    try:
        wait_until(lambda: condition.ready().ok, 30, "the poller to be ready")
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()
    assert [retries(cause) - counted for cause, counted in zip(causes, before, strict=True)] == [2, 1]
    assert away == {"database": 0, "kafka": 0}
    assert published(room) == rows_of(records)


def test_a_broken_connection_is_reopened(room: TopicRoom, database_url: str, owner_database_url: str) -> None:
    client = replay_client(make_records(10), published_until=FIRST + 5)
    stop = threading.Event()
    condition = Condition("test-source")
    poller = make_poller(room, database_url, reader_of(client), pause=stop.wait, condition=condition)
    thread = threading.Thread(target=poller.run)
    thread.start()
    try:
        wait_until(lambda: condition.ready().ok, 30, "the poller to be ready")
        with psycopg.connect(owner_database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename = 'dayahead_app' AND datname = current_database()"
            )
        client.post("/_clock", params={"end": "2023-01-01T10"})
        wait_until(lambda: cursor_of(database_url)[0] == from_hour(FIRST + 10), 30, "the cursor to move")
    finally:
        stop.set()
        thread.join(20)
    assert published(room) == rows_of(make_records(10))


def test_a_source_that_rejects_requests_is_not_ready_and_retried(room: TopicRoom, database_url: str) -> None:
    asked = threading.Semaphore(0)

    class Refusing:
        def __init__(self) -> None:
            self.reader = reader_of(replay_client(make_records(2), source=make_source(dataset="Other")))

        def read(self, start: int, end: int | None) -> Answer:
            asked.release()
            return self.reader.read(start, end)

    stop = threading.Event()
    condition = Condition("test-source")
    poller = make_poller(room, database_url, Refusing(), pause=stop.wait, condition=condition)
    thread = threading.Thread(target=poller.run)
    thread.start()
    try:
        assert asked.acquire(timeout=20)
        assert asked.acquire(timeout=20)
        assert not condition.ready().ok
        assert "dataset Test does not exist" in condition.ready().reason
    finally:
        stop.set()
        thread.join(20)


def test_what_is_sent_fits_the_contract_and_one_message_holds_at_most_500_rows(
    room: TopicRoom, database_url: str
) -> None:
    with make_publisher(room) as publisher, closing(connector(database_url)()):
        rows = [Row(f"DK1/{n:03d}", FIRST + hour, 1.0) for n in range(30) for hour in range(70)]
        publisher.publish([Publication(NOW, rows)], [], "test-source", refresh=False)
    found = batches(room)
    assert all(isinstance(batch, ObservationBatch) and len(batch.rows) <= 500 for batch in found)
    assert sum(len(batch.rows) for batch in found) == 2100


def test_a_record_that_is_too_large_for_kafka_is_set_aside_as_a_stub(room: TopicRoom) -> None:
    sizes = [100, 1_000_000, 1_048_576, 8_388_508, 8_388_608, 20_000_000]
    letters = [
        DeadLetter(b"x" * size, DeadLetterCode.NOT_A_NUMBER, "a text " + "y" * size, "ingest", NOW) for size in sizes
    ]
    with Publisher(lambda: kafka_producer(room.bootstrap), room.prefix) as publisher:
        publisher.publish([], letters, "test", refresh=True)
    found = {int(headers.get("stub_size", len(value))): (value, headers) for value, headers in dead_letters(room)}
    assert sorted(found) == sizes
    whole = [size for size, (value, _) in found.items() if len(value) == size]
    assert sorted(whole) == sizes[:3]
    value, headers = found[20_000_000]
    assert (value, headers["stub_sha256"]) == (b"x" * STUB_BYTES, sha256(b"x" * 20_000_000).hexdigest())


class LosingItsBroker:
    """A producer that is not answered once."""

    def __init__(self, producer: Any, losses: list[str]) -> None:
        self._producer, self._losses = producer, losses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def flush(self, timeout: float | None = None) -> None:
        self._producer.flush(timeout)
        if self._losses:
            raise KafkaTimeoutError(self._losses.pop())


def test_dead_letters_of_a_publication_that_fails_and_is_sent_again_are_counted_once(room: TopicRoom) -> None:
    def counted() -> float:
        labels = {"stage": "ingest", "code": "not_a_number"}
        return REGISTRY.get_sample_value("dayahead_dead_letters_total", labels) or 0.0

    letters = [DeadLetter(b"x" * size, DeadLetterCode.NOT_A_NUMBER, "a text", "ingest", NOW) for size in (1, 1_000_000)]
    before, losses = counted(), ["no answer"]
    with Publisher(lambda: LosingItsBroker(kafka_producer(room.bootstrap), losses), room.prefix) as publisher:
        with pytest.raises(BrokerUnavailable, match="no answer"):
            publisher.publish([], letters, "test", refresh=True)
        assert counted() == before
        publisher.publish([], letters, "test", refresh=True)
    assert counted() == before + 2


def test_a_series_that_loses_values_to_a_maximum_is_warned_of_once_and_kept_for_the_page(
    room: TopicRoom, database_url: str
) -> None:
    records = make_records(40)
    high = [record for record in records if record["Type"] == "000"][::4]
    for record in high:
        record["kWh"] = 900.0
    source = make_source(maximum=500.0)
    with closing(make_poller(room, database_url, reader_of(replay_client(records)), source=source)) as poller:
        poller.poll_once()
        poller.poll_once()
    name = source.name
    assert REGISTRY.get_sample_value("dayahead_series_losing_values", {"source": name}) == 1
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT series_id, outside_hours, given_hours, extreme FROM limit_loss").fetchall()
    assert found == [("DK1/000", len(high), 40, 900.0)]
    assert len(dead_letters(room)) == len(high)
