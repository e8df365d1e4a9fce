"""Weather in the log: forecasts and tables are a function of it, however it is cut, continued or repeated."""

import itertools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
import pytest
from prometheus_client import REGISTRY

from dayahead.dead_letter_box import DeadLetterBox
from dayahead.errors import DeadLetterCode, FencedError
from dayahead.hours import wall_clock
from dayahead.series import partition_of
from dayahead.storage import checkpoint
from dayahead.storage.tables.weather_arrival import read_arrived
from dayahead.weather.message import weather_bytes
from stream.audit.auditor import Outcome
from stream.dead_letters.replay import Replayer, partition_of_weather
from stream.partition.state import PartitionState
from stream.servers.probe import Step
from tests.conftest import TopicRoom
from tests.dayahead.weather.publications import run
from tests.stream.audit.test_auditor import auditor_of
from tests.stream.conftest import WorkerRoom
from tests.stream.crashing import Crash, CrashingProbe
from tests.stream.logs import SOURCE, START, batch, eventful_log, in_log, rows_only, series_of
from tests.stream.unbroken import unbroken
from tests.stream.weather.shown import prints_of, show_weather

pytestmark = pytest.mark.servers

HOURS = range(START, START + 60)
ONE, OTHER = series_of(0, 2)


@pytest.fixture(autouse=True)
def weather_in_forecasts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forecasts that depend on every bit of the weather."""
    show_weather(monkeypatch)


def history(hours: int = 30) -> bytes:
    """Enough hours of two series for a forecast."""
    rows = [(one, START + hour, 90.0 + hour % 24) for one in (ONE, OTHER) for hour in range(hours)]
    return batch(rows, START + hours)


def row(hour: int, series_id: str = ONE, value: float = 100.0) -> bytes:
    return batch([(series_id, START + hour, value)], START + hour + 1)


def forecast_run(start: int, temperature: float = 5.0, location: str = "aarhus") -> bytes:
    return weather_bytes("gfs", [run(START + start, [temperature] * 72, location=location)])


def take_in(room: WorkerRoom, log: Sequence[bytes | None], **settings: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The tables after one worker has taken a log in; everything is empty again afterwards."""
    room.send(0, log)
    worker = room.worker(**settings)
    worker.assign([0])
    worker.process(0, in_log(log))
    tables = room.tables()
    room.start_over()
    return tables


def medians(tables: dict[str, list[tuple[Any, ...]]], series_id: str = ONE) -> list[tuple[int, str]]:
    """Message and p50 of each forecast of a series, by origin."""
    return [(line[6], line[7]) for line in tables["forecast"] if line[0] == series_id]


def weather_bits(state: PartitionState) -> bytes:
    """All that a state knows of the weather around the hours of the tests."""
    assert SOURCE.weather is not None
    ids = [one.series_id for one in state.series]
    found = b""
    for origin in HOURS:
        series = np.arange(len(ids))
        windows = state.weather.windows(
            1, SOURCE.weather, series, lambda index: ids[index], np.full(len(ids), origin), 80
        )
        found += prints_of(windows).tobytes()
    return found


def test_weather_counts_for_the_rows_after_it_and_not_for_those_before(room: WorkerRoom) -> None:
    first, second = forecast_run(20), forecast_run(26, 9.0)
    before = take_in(room, [history(), first, row(30), row(31), second])
    between = take_in(room, [history(), first, row(30), second, row(31)])
    after = take_in(room, [history(), first, second, row(30), row(31)])
    assert [p50 for _, p50 in medians(before)][:2] == [p50 for _, p50 in medians(between)][:2]
    assert medians(before)[1][1] != medians(after)[1][1]
    assert medians(between)[2][1] == medians(after)[2][1] != medians(before)[2][1]


def test_a_run_counts_from_the_next_message_of_each_series_on_and_refreshes_none(room: WorkerRoom) -> None:
    log = [history(), forecast_run(20), row(30), row(30, OTHER), forecast_run(26, 9.0), row(31)]
    tables = take_in(room, log)
    assert [offset for offset, _ in medians(tables)] == [0, 2, 5]
    assert [offset for offset, _ in medians(tables, OTHER)] == [0, 3]


def test_however_a_log_with_weather_is_cut_and_continued_the_tables_and_outputs_are_the_same(room: WorkerRoom) -> None:
    logs = {partition: eventful_log(partition) for partition in (0, 1)}
    assert len(logs[0]) - len(rows_only(logs[0])) > 30
    expected = unbroken(room, logs)
    assert len({run_id for _, run_id, _ in expected["weather_arrival"]}) == len(expected["weather_run"])
    chance = random.Random(3)
    for rows in (1, 7, 5_000):
        for partition, log in logs.items():
            room.send(partition, log)
        workers = 0
        for partition, log in logs.items():
            cuts = sorted(chance.sample(range(1, len(log)), 3))
            for start, end in itertools.pairwise([0, *cuts, len(log)]):
                if rows == 5_000:
                    # from the copy of the windows in Redis, and the messages since
                    worker = room.worker(worker_batch_rows=rows)
                    worker.assign([partition])
                    middle = (start + end) // 2
                    worker.process(partition, in_log(log)[start:middle])
                    worker.prepare_shutdown()
                    worker.process(partition, in_log(log)[middle:end])
                else:
                    worker = room.worker(worker_batch_rows=rows)
                    worker.assign([partition])
                    # from the start again: what is in the tables is skipped
                    worker.process(partition, in_log(log)[:end])
                workers += 1
        assert workers == 8
        assert room.tables() == expected, rows
        assert room.redis() == room.newest_forecasts() == room.newest_messages()
        assert room.kept_messages() == room.all_forecasts()
        room.start_over()


def test_a_restored_state_has_the_weather_bit_for_bit(room: WorkerRoom) -> None:
    log = eventful_log(0)
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    expected = weather_bits(worker.held[0].state)
    restored = REGISTRY.get_sample_value("dayahead_partitions_restored_total", {"source": "redis"}) or 0
    worker.prepare_shutdown()
    other = room.worker()
    other.assign([0])
    assert REGISTRY.get_sample_value("dayahead_partitions_restored_total", {"source": "redis"}) == restored + 1
    assert weather_bits(other.held[0].state) == expected
    room.forget_redis()
    other = room.worker()
    other.assign([0])
    assert weather_bits(other.held[0].state) == expected
    assert weather_bits(PartitionState()) == b""
    assert len({*np.frombuffer(expected, np.float32).tolist()}) > len(HOURS)


def test_a_crash_inside_the_transaction_leaves_no_weather(room: WorkerRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    log = [history(), forecast_run(20), row(30)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log[:1]))
    before, offsets = room.tables(), room.offsets()
    write = vars(checkpoint)["write_arrivals"]

    def write_then_crash(*arguments: Any) -> None:
        write(*arguments)
        raise Crash

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "write_arrivals", write_then_crash)
        with pytest.raises(Crash):
            worker.process(0, in_log(log)[1:])
    worker.close()
    assert (room.tables(), room.offsets()) == (before, offsets)
    after = room.worker()
    after.assign([0])
    after.process(0, in_log(log))
    tables = room.tables()
    room.start_over()
    assert tables == take_in(room, log)


def test_weather_is_rolled_back_with_the_batch_that_failed(room: WorkerRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    log = [history(), forecast_run(20), row(30), row(31, value=7.0), row(32)]
    expected = take_in(room, [*log[:3], None, log[4]])
    room.send(0, log)
    compute = checkpoint.CheckpointWriter.write

    def fail_on_seven(writer: Any, claim: Any, one: checkpoint.Checkpoint, now: Any) -> None:
        if 7.0 in one.observations.value:
            raise ZeroDivisionError("seven")
        compute(writer, claim, one, now)

    monkeypatch.setattr(checkpoint.CheckpointWriter, "write", fail_on_seven)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    # the message on which it fails is set aside, as if it were empty; the others are the same, weather included
    assert room.tables() == expected
    codes = [headers["code"] for _, _, headers in room.read("observations.dead-letter", partitions=1)]
    assert codes == [DeadLetterCode.FAILED]


@pytest.mark.parametrize("step", [Step.COMPUTED, Step.COMMITTED, Step.KAFKA])
def test_a_kill_around_a_message_of_weather_changes_nothing(room: WorkerRoom, step: Step) -> None:
    log = [history(), forecast_run(20), row(30), forecast_run(26, 9.0), forecast_run(26, 8.0, "odense"), row(31)]
    expected = take_in(room, log)
    room.send(0, log)
    for count in range(1, 4):
        worker = room.worker(CrashingProbe(step, count), worker_batch_rows=1)
        worker.assign([0])
        try:
            worker.process(0, in_log(log))
        except Crash:
            worker.close()
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    assert room.tables() == expected
    assert room.redis() == room.newest_forecasts() == room.newest_messages()


def test_a_worker_whose_partition_was_taken_over_writes_no_weather(room: WorkerRoom) -> None:
    log = [history(), forecast_run(20), forecast_run(26)]
    room.send(0, log)
    old, new = room.worker(), room.worker()
    old.assign([0])
    old.process(0, in_log(log[:2]))
    new.assign([0])
    before = room.tables()
    with pytest.raises(FencedError, match="another worker"):
        old.process(0, in_log(log)[2:])
    assert room.tables() == before
    new.process(0, in_log(log)[2:])
    assert len(room.tables()["weather_arrival"]) == 2


def test_a_publication_is_stored_once_and_arrives_in_each_partition(room: WorkerRoom) -> None:
    weather: list[bytes | None] = [forecast_run(20), forecast_run(26), forecast_run(20)]
    logs = {0: weather, 1: [None, *weather]}
    worker = room.worker()
    for partition, log in logs.items():
        room.send(partition, log)
    worker.assign(logs)
    for partition, log in logs.items():
        worker.process(partition, in_log(log))
    tables = room.tables()
    assert len(tables["weather_run"]) == 2
    # the first time that it arrives counts
    assert sorted(line[::2] for line in tables["weather_arrival"]) == [(0, 0), (0, 1), (1, 1), (1, 2)]


def test_a_broken_message_of_weather_is_a_dead_letter_and_the_rest_goes_on(room: WorkerRoom) -> None:
    hot = forecast_run(26, 5.0).replace(b"5.0", b"500.0")
    early = forecast_run(26).replace(b'"available_at":"2023', b'"available_at":"2022')
    log = [history(), hot, b'{"weather": "gfs"}', early, forecast_run(26), row(30)]
    room.send(0, log)
    refused = {"weather": "gfs", "outcome": "refused"}
    before = REGISTRY.get_sample_value("dayahead_weather_messages_total", refused) or 0
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    letters = room.read("observations.dead-letter", partitions=1)
    assert [(headers["code"], headers["source"], value) for _, value, headers in letters] == [
        (DeadLetterCode.ABSURD_VALUE, "gfs", hot),
        (DeadLetterCode.NOT_WEATHER, "gfs", log[2]),
        (DeadLetterCode.FUTURE_HOUR, "gfs", early),
    ]
    assert len(room.tables()["weather_run"]) == 1
    assert room.offsets()[0] == len(log)
    assert REGISTRY.get_sample_value("dayahead_weather_messages_total", refused) == before + 3
    worker.show()
    newest = {"weather": "gfs", "location": "aarhus"}
    assert REGISTRY.get_sample_value("dayahead_weather_known_run_timestamp_seconds", newest) == (START + 26) * 3600


def test_weather_that_no_source_names_is_kept_for_a_source_that_does_later(room: WorkerRoom) -> None:
    log = [history(), weather_bytes("icon", [run(START + 20, [5.0] * 72, location="skagen")])]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    assert worker.held[0].state.weather.newest_starts() == {("icon", "skagen"): START + 20}
    other = room.worker()
    other.assign([0])
    assert other.held[0].state.weather.newest_starts() == {("icon", "skagen"): START + 20}


def test_a_topic_that_was_created_again_keeps_the_weather(room: WorkerRoom) -> None:
    log = [history(), forecast_run(20)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    with psycopg.connect(room.database_url) as connection:
        connection.execute("UPDATE worker_offset SET next_offset = 50, published_offset = 50")
    worker = room.worker(worker_accept_lost_messages=True)
    worker.assign([0])
    assert worker.held[0].state.weather.newest_starts() == {("gfs", "aarhus"): START + 20}
    with psycopg.connect(room.database_url) as connection:
        # it is older than every message of the new log
        assert len(read_arrived(connection, room.topics.name("observations"), 0, before=0)) == 1


def test_topics_with_other_partitions_begin_with_the_weather_of_those_before(room: WorkerRoom) -> None:
    log = [history(), forecast_run(20), forecast_run(20, 8.0, "odense"), row(30)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0, 1])
    worker.process(0, in_log(log))
    expected = weather_bits(worker.held[0].state)
    # a partition of the same topic has its own log, whose copies of the runs are still to come
    assert worker.held[1].state.weather.newest_starts() == {}
    room.topics = TopicRoom(room.topics.bootstrap, f"{room.topics.prefix}more.")
    room.topics.create(3)
    home = partition_of(ONE, 3)
    with psycopg.connect(room.database_url) as connection:
        for series_id in (ONE, OTHER):
            connection.execute("UPDATE series SET partition = %s WHERE series_id = %s", [home, series_id])
    fresh = [row(31), forecast_run(26, 9.0), row(32)]
    room.send(home, fresh)
    for _ in range(2):
        worker = room.worker()
        worker.assign([home])
        assert weather_bits(worker.held[home].state) == expected
        assert len(worker.held[home].state.weather.newest_starts()) == 2
    worker.process(home, in_log(fresh))
    assert worker.held[home].state.weather.newest_starts()["gfs", "aarhus"] == START + 26
    known = room.query(
        "SELECT log_offset FROM weather_arrival WHERE topic = %s AND partition = %s ORDER BY 1",
        [room.topics.name("observations"), home],
    )
    assert known == [(-1,), (-1,), (1,)]
    later = room.worker()
    later.assign([home])
    assert weather_bits(later.held[home].state) == weather_bits(worker.held[home].state) != expected


def test_the_audit_uses_the_weather_that_had_come_before_the_message_of_a_forecast(room: WorkerRoom) -> None:
    log = [history(), forecast_run(20), row(30), row(30, OTHER), forecast_run(26, 9.0)]
    room.send(0, log)
    worker = room.worker()
    worker.assign([0])
    worker.process(0, in_log(log))
    auditor = auditor_of(room)
    # the last run counts for neither of the two newest forecasts
    assert {finding.outcome for finding in auditor.audit_all()} == {Outcome.MATCH}
    assert {finding.outcome for finding in auditor.audit_older([ONE, OTHER])} <= {Outcome.MATCH}
    with psycopg.connect(room.database_url) as connection:
        connection.execute("UPDATE weather_arrival SET log_offset = 1")
    findings = {finding.series_id: finding for finding in auditor.audit_all()}
    assert findings[ONE].outcome is Outcome.MISMATCH
    with psycopg.connect(room.database_url) as connection:
        connection.execute("UPDATE source SET updated_at = now()")
    skipped = {finding.series_id: finding for finding in auditor.audit_all()}[ONE]
    assert (skipped.outcome, "registered again" in skipped.message) == (Outcome.SKIPPED, True)
    auditor.close()


def test_a_dead_letter_of_weather_goes_back_to_its_partition_and_a_corrected_one_to_all(room: WorkerRoom) -> None:
    early = forecast_run(26).replace(b'"available_at":"2023', b'"available_at":"2022')
    worker = room.worker()
    room.send(0, [None])
    room.send(1, [early])
    worker.assign([0, 1])
    worker.process(1, in_log([early]))
    (letter,) = DeadLetterBox(room.topics.bootstrap, room.topics.prefix).scan(50)
    replayer = Replayer(room.topics.bootstrap, room.topics.prefix, {}, wall_clock)
    message = replayer.check(letter, forecast_run(26))
    assert replayer.put_back(message, partition_of_weather(letter, None)) == 1
    assert [room.end_of("observations", partition) for partition in (0, 1)] == [1, 2]
    assert replayer.put_back(message, partition_of_weather(letter, forecast_run(26))) == 2
    assert [room.end_of("observations", partition) for partition in (0, 1)] == [2, 3]
    (sent,) = [value for _, value, _ in room.read("observations") if value not in (None, early)][:1]
    assert sent == forecast_run(26)
