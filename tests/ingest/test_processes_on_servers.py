"""The poller and the replay as processes, as a user starts them, on real Kafka and TimescaleDB."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from deploy.local.ports import free_ports
from deploy.local.stack import LocalStack
from tests.away import hanging
from tests.conftest import TopicRoom
from tests.ingest.building import NOW, SAMPLE, SAMPLE_SOURCE, sample_source
from tests.ingest.servers import cursor_of, published
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

Start = Callable[..., subprocess.Popen[bytes]]
COMMAND = [sys.executable, "-c", "from dayahead.cli import main; main()"]
CUT = "2023-01-24T00"
RESTING = """
name: resting
kind: file
title: A meter that is read once an hour
path: {file}
time_column: hour
time_zone: UTC
key_columns: [site]
value_column: kwh
unit: kWh
minimum: 0
poll_interval_s: 3600
"""


@pytest.fixture
def room(topics: TopicRoom) -> TopicRoom:
    topics.create(partitions=4)
    return topics


@pytest.fixture
def ports() -> tuple[int, int]:
    replay, metrics = free_ports(2)
    return replay, metrics


@pytest.fixture
def start(room: TopicRoom, database_url: str, ports: list[int], tmp_path: Path) -> Iterator[Start]:
    """Starts a command of the service against the servers of this test, and ends it with the test."""
    environment = {
        **os.environ,
        "DAYAHEAD_DATABASE_URL": database_url,
        "DAYAHEAD_KAFKA_BOOTSTRAP": room.bootstrap,
        "DAYAHEAD_TOPIC_PREFIX": room.prefix,
        "DAYAHEAD_SOURCE_URL": f"http://127.0.0.1:{ports[0]}",
        "DAYAHEAD_MIN_REQUEST_INTERVAL_S": "0",
        "DAYAHEAD_METRICS_PORT": str(ports[1]),
    }
    running: list[subprocess.Popen[bytes]] = []

    def run(*arguments: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([*COMMAND, *arguments], env=environment, cwd=tmp_path)
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()


def replay(start: Start, port: int, state: Path, *options: str) -> subprocess.Popen[bytes]:
    process = start(
        "replay",
        f"--data={SAMPLE}",
        f"--source={SAMPLE_SOURCE}",
        f"--from={CUT}",
        "--seconds-per-hour=0",
        f"--port={port}",
        f"--state={state}",
        *options,
    )
    wait_until(
        lambda: answers(f"http://127.0.0.1:{port}/_clock") or process.poll() is not None, 60, "the replay to answer"
    )
    assert process.poll() is None
    return process


def answers(url: str) -> httpx.Response | None:
    try:
        return httpx.get(url)
    except httpx.TransportError:
        return None


def sample_rows(day: int) -> set[tuple[str, datetime, float]]:
    """Rows of the sample from a day of January 2023 on."""
    return {
        (f"{record['PriceArea']}/{record['ConsumerType_DE35']}", time, float(record["TotalCon"]))
        for record in pq.read_table(SAMPLE).to_pylist()
        if (time := datetime.fromisoformat(record["HourUTC"]).replace(tzinfo=UTC)) >= NOW.replace(day=day)
    }


def has_passed(database_url: str, until: datetime) -> bool:
    """Whether the cursor of the poller is at a moment or after it."""
    return cursor_of(database_url)[0] >= until


def test_killed_pollers_skip_no_hour_and_a_stopped_one_ends_in_good_order(
    start: Start, room: TopicRoom, ports: list[int], database_url: str, tmp_path: Path
) -> None:
    port, metrics = ports
    replay(start, port, tmp_path / "state.json", "--wait-for-poll")
    backfill = start("backfill", f"--source={SAMPLE_SOURCE}", f"--data={SAMPLE}", "--from=2023-01-23", f"--to={CUT}")
    assert backfill.wait(60) == 0
    backfilled = set(published(room))
    for hours in (4, 9, 14):  # killed wherever it is when so many hours are through
        poller = start("ingest", f"--source={SAMPLE_SOURCE}")
        until = NOW.replace(day=24, hour=hours)
        wait_until(partial(has_passed, database_url, until), 60, "the cursor to move")
        poller.kill()
        poller.wait()
    poller = start("ingest", f"--source={SAMPLE_SOURCE}")
    wait_until(lambda: cursor_of(database_url)[0] == NOW.replace(day=24, hour=23), 60, "the replay to be through")
    ready = wait_until(lambda: answers(f"http://127.0.0.1:{metrics}/health/ready"), 20, "health")
    assert (ready.status_code, "newest hour 2023-01-24T22:00:00Z" in ready.text) == (200, True)
    assert httpx.get(f"http://127.0.0.1:{metrics}/health/live").status_code == 200
    text = httpx.get(f"http://127.0.0.1:{metrics}/metrics").text
    name = sample_source().name
    assert (
        f'dayahead_source_silence_allowed_seconds{{source="{name}"}} {sample_source().silence_allowed.total_seconds()}'
        in text
    )
    assert f'dayahead_source_newest_hour_timestamp_seconds{{source="{name}"}} 1.6745976e+09' in text
    poller.send_signal(signal.SIGTERM)
    assert poller.wait(20) == 0
    live = {row for row in published(room) if row[1] >= NOW.replace(day=24)}
    assert live == sample_rows(24)
    assert len(backfilled) == 24 * 76


def test_a_poller_at_rest_says_that_kafka_hangs(
    start: Start, room: TopicRoom, stack: LocalStack, ports: list[int], tmp_path: Path
) -> None:
    file = tmp_path / "resting.csv"
    hour = datetime.now(UTC) - timedelta(hours=1)
    file.write_text(f"site,hour,kwh\nhall,{hour:%Y-%m-%dT%H:00},1\n")
    source = tmp_path / "resting.yaml"
    source.write_text(RESTING.format(file=file))

    def health() -> httpx.Response | None:
        return answers(f"http://127.0.0.1:{ports[1]}/health/ready")

    def is_ready() -> bool:
        return (answer := health()) is not None and answer.status_code == 200

    poller = start("ingest", f"--source={source}")
    wait_until(is_ready, 60, "the first poll")
    with hanging(stack, [stack.kafka.name]):
        unready = wait_until(lambda: (one := health()) and one.status_code == 503 and one, 60, "ingest to miss Kafka")
        assert unready.json()["reason"].startswith("waiting for Kafka")
    wait_until(is_ready, 60, "ingest to be ready again")
    assert poller.poll() is None


def test_once_polls_once_and_prints_the_result(
    start: Start,
    room: TopicRoom,
    ports: list[int],
    database_url: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    replay(start, ports[0], tmp_path / "state.json", "--wait-for-poll")
    assert start("backfill", f"--source={SAMPLE_SOURCE}", "--from=2023-01-23", f"--to={CUT}").wait(60) == 0
    assert "1,824 rows of 76 series published, 0 dead letters" in capfd.readouterr().out
    assert start("ingest", f"--source={SAMPLE_SOURCE}", "--once").wait(60) == 0
    assert f"{sample_source().name}: {76 * 3} rows, 0 dead letters" in capfd.readouterr().out


def test_a_restarted_replay_resumes(start: Start, ports: list[int], tmp_path: Path) -> None:
    first = replay(start, ports[0], tmp_path / "state.json")
    wait_until(lambda: httpx.get(f"http://127.0.0.1:{ports[0]}/_clock").json()["over"], 20, "the replay to end")
    first.kill()
    first.wait()
    replay(start, ports[0], tmp_path / "state.json", "--wait-for-poll")
    assert httpx.get(f"http://127.0.0.1:{ports[0]}/_clock").json() == {"end": "2023-01-24T23:00:00Z", "over": True}


def test_an_empty_range_is_refused_in_a_sentence(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    process = start("backfill", f"--source={SAMPLE_SOURCE}", "--from=2023-01-23", "--to=2023-01-23")
    assert process.wait(60) == 2
    assert "--to is the hour after the last" in capfd.readouterr().err
