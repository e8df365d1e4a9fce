"""`dayahead dead-letters` as its users have it: a process whose output is piped, on real Kafka and TimescaleDB."""

import base64
import subprocess
import sys
from pathlib import Path

import orjson
import psycopg
import pytest
from confluent_kafka import Producer

from dayahead.dead_letters import DeadLetter
from dayahead.errors import BrokerUnavailable, DeadLetterCode
from dayahead.hours import format_utc, from_hour, wall_clock
from dayahead.storage.tables.source import register_source
from stream.dead_letters.replay import Replayer
from stream.intake.decode import DecodedMessage
from tests.stream.conftest import WorkerRoom
from tests.stream.logs import SOURCE, START, batch, in_log, series_of

pytestmark = pytest.mark.servers

COMMAND = Path(sys.executable).with_name("dayahead")


def dayahead(room: WorkerRoom, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command with its output in a pipe, as a script does, in a terminal of no particular size."""
    environment = {name: value for name, value in room.environment().items() if name != "COLUMNS"}
    return subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, check=False, timeout=120)


def output_of(room: WorkerRoom, *arguments: str) -> str:
    """What a command writes to standard output."""
    return dayahead(room, *arguments).stdout.decode()


def write(room: WorkerRoom, *letters: DeadLetter) -> None:
    """Put letters into their topic as the services do."""
    producer = Producer({"bootstrap.servers": room.topics.bootstrap, "message.max.bytes": 8_000_000})
    for letter in letters:
        producer.produce(room.topics.name("observations.dead-letter"), value=letter.value, headers=letter.headers())
        assert producer.flush(30) == 0


def letter(value: bytes, code: DeadLetterCode, stage: str = "stream", hour: int = START + 2) -> DeadLetter:
    return DeadLetter(
        value, code, f"a sentence of why, {'long ' * 40}", stage, from_hour(hour), SOURCE.name, "observations", 0, hour
    )


@pytest.fixture
def letters(room: WorkerRoom) -> list[DeadLetter]:
    """Letters of a worker and of a poller."""
    mine, stranger = series_of(0, 1)[0], series_of(1, 1)[0]
    area, kind = mine.split("/")
    record = {"HourUTC": "2023-01-18T00:00:00Z", "Area": area, "Kind": kind, "kWh": 8.5}
    return [
        letter(batch([(mine, START, None)], START + 2), DeadLetterCode.NULL_VALUE),
        letter(batch([(stranger, START, 5.0)], START + 2), DeadLetterCode.MISROUTED, hour=START + 3),
        letter(b"\xff\x00" * 5_000, DeadLetterCode.NOT_JSON, hour=START + 4),
        letter(orjson.dumps(record), DeadLetterCode.ABSURD_VALUE, "ingest", hour=START + 5),
        letter(orjson.dumps({**record, "kWh": "many"}), DeadLetterCode.NOT_A_NUMBER, "ingest", hour=START + 6),
        letter(b"x" * 2_000_000, DeadLetterCode.TOO_LARGE, hour=START + 7).shortened(),
        letter(batch([(mine, START + 1, 7.0)], START + 2), DeadLetterCode.UNKNOWN_SOURCE, hour=START + 8),
    ]


def test_a_piped_list_cuts_nothing_and_json_holds_the_whole_value(room: WorkerRoom, letters: list[DeadLetter]) -> None:
    write(room, *letters)
    listed = output_of(room, "dead-letters", "list")
    for one in letters[:2]:
        assert one.value.decode() in listed
        assert one.reason.strip() in listed
    header, *rows = listed.splitlines()
    assert header.split("\t")[:3] == ["offset", "time", "stage"]
    assert len(rows) == len(letters)
    # no line is padded to the longest value, which has megabytes
    assert sum(len(row) < 1_000 for row in rows) == sum(len(one.value) < 500 for one in letters)
    lines = [orjson.loads(line) for line in output_of(room, "dead-letters", "list", "--json").splitlines()]
    assert [line["offset"] for line in lines] == list(range(len(letters)))
    assert [line.get("value", "").encode() or base64.b64decode(line["value_base64"]) for line in lines] == [
        one.value for one in letters
    ]
    assert (lines[5]["whole"], lines[5]["size"]) == (False, 2_000_000)
    assert {line["replayed_at"] for line in lines} == {None}
    listed = output_of(room, "dead-letters", "list", "--json", "--code", "misrouted")
    assert orjson.loads(listed)["offset"] == 1
    since = format_utc(from_hour(START + 100 * 24 * 365))
    assert output_of(room, "dead-letters", "list", "--since", since).strip() == "No dead letters."


def test_one_letter_is_shown_whole_with_what_to_do(room: WorkerRoom, letters: list[DeadLetter]) -> None:
    write(room, *letters)
    shown = output_of(room, "dead-letters", "show", "0")
    assert f"value: {letters[0].value.decode()}" in shown
    assert "remedy: " in shown
    assert dayahead(room, "dead-letters", "show", "2", "--raw").stdout == letters[2].value
    missing = dayahead(room, "dead-letters", "show", "70")
    assert (missing.returncode, b"no dead letter has offset 70" in missing.stderr) == (2, True)


def test_a_bulk_replay_sends_what_can_pass_says_why_the_rest_cannot_and_sends_nothing_twice(
    room: WorkerRoom, letters: list[DeadLetter]
) -> None:
    write(room, *letters)
    dry = output_of(room, "dead-letters", "replay", "--source", SOURCE.name, "--dry-run").splitlines()
    assert dry[-1] == "dry run, nothing was sent: 3 put back, 4 refused, 0 skipped"
    assert [room.end_of("observations", partition) for partition in (0, 1)] == [0, 0]
    done = dayahead(room, "dead-letters", "replay", "--source", SOURCE.name)
    results = dict(line.split(" ", 1) for line in done.stdout.decode().splitlines()[:-1])
    assert done.returncode == 1
    assert results["1"] == results["1"].split(":")[0] + ": 1 row put back into observations"
    assert "refused: it would be set aside again, null_value" in results["0"]
    assert "not_json" in results["2"]
    # a record of a source is converted as its poller does
    assert results["3"].endswith("1 row put back into observations")
    assert "not_a_number" in results["4"]
    assert "a stub: the first 16,384 of 2,000,000 bytes" in results["5"]
    assert "send the rows again in smaller messages" in results["5"]
    again = output_of(room, "dead-letters", "replay", "--source", SOURCE.name)
    assert again.splitlines()[-1] == "0 put back, 4 refused, 3 skipped"
    assert [room.end_of("observations", partition) for partition in (0, 1)] == [2, 1]
    listed = [orjson.loads(line) for line in output_of(room, "dead-letters", "list", "--json").splitlines()]
    assert [line["replayed_at"] is not None for line in listed] == [False, True, False, True, False, False, True]
    # the worker takes what was put back
    worker = room.worker()
    worker.assign([0, 1])
    for partition in (0, 1):
        worker.process(partition, in_log([value for _, value, _ in room.read("observations")][2 * partition :][:2]))
    assert [row[2] for row in room.tables()["observation"] if row[0] == series_of(0, 1)[0]] == [8.5, 7.0]


def test_a_corrected_message_goes_in_the_place_of_a_letter(
    room: WorkerRoom, letters: list[DeadLetter], tmp_path: Path
) -> None:
    write(room, *letters)
    corrected = tmp_path / "corrected.json"
    corrected.write_bytes(batch([(series_of(0, 1)[0], START, 6.0)], START + 2))
    for offset in ("0", "5"):
        done = dayahead(room, "dead-letters", "replay", offset, "--with", str(corrected))
        assert done.returncode == 0, done.stdout
    assert room.end_of("observations", 0) == 2
    assert room.query("SELECT letter_offset, rows, replaced FROM dead_letter_replay ORDER BY 1") == [
        (0, 1, True),
        (5, 1, True),
    ]
    repeated = ["dead-letters", "replay", "--offset", "0", "--with", str(corrected)]
    assert b"0 put back, 0 refused, 1 skipped" in dayahead(room, *repeated).stdout
    assert room.end_of("observations", 0) == 2
    assert b"1 put back, 0 refused, 0 skipped" in dayahead(room, *repeated, "--again").stdout
    assert room.end_of("observations", 0) == 3
    unclear = dayahead(room, "dead-letters", "replay", "0", "--code", "misrouted")
    assert (unclear.returncode, b"name dead letters by their offsets" in unclear.stderr) == (2, True)


def test_a_letter_of_a_source_that_is_not_registered_names_the_command_that_does_it(
    room: WorkerRoom, letters: list[DeadLetter]
) -> None:
    write(room, letters[3], letters[6])
    with psycopg.connect(room.database_url) as connection:
        connection.execute("DELETE FROM source")
    done = output_of(room, "dead-letters", "replay", "0", "1").splitlines()
    assert all("dayahead sources register" in line for line in done[:2])


def test_release_ids_are_whole_in_a_pipe(room: WorkerRoom) -> None:
    release = "r-" + 8 * "0123456789abcdef"
    with psycopg.connect(room.database_url) as connection:
        connection.execute(
            "INSERT INTO model_release VALUES (%s, '', now(), now(), now(), 'x', '{}', '{}')",
            [release],
        )
    assert release in output_of(room, "models", "list")


def test_a_record_of_a_reference_is_not_replayed_as_an_observation(room: WorkerRoom) -> None:
    with psycopg.connect(room.database_url) as connection:
        register_source(connection, SOURCE.model_copy(update={"name": "operator", "forecast_of": SOURCE.name}))
    record = DeadLetter(b'{"kWh": "many"}', DeadLetterCode.NOT_A_NUMBER, "why", "ingest", from_hour(START), "operator")
    write(room, record)
    done = output_of(room, "dead-letters", "replay", "--source", "operator")
    assert "refused: it is a record of source 'operator', a reference forecast" in done


def test_rows_cannot_be_replayed_while_kafka_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.dead_letters.replay.ANSWER_S", 0.5)
    replay = Replayer("127.0.0.1:1", "", {}, wall_clock)
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 does not answer"):
        replay.put_back(DecodedMessage(0))
