"""Services whose servers are away: every line that they write is JSON, there are few, and they end when asked to."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psycopg
import pytest

from dayahead.storage.tables.source import register_source
from deploy.local.ports import free_ports
from deploy.local.stack import LocalStack
from tests.away import hanging, stopped
from tests.conftest import TopicRoom
from tests.ingest.building import SAMPLE_SOURCE
from tests.stream.logs import SOURCE
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

COMMAND = [sys.executable, "-c", "from dayahead.cli import main; main()"]
SERVICES: dict[str, Sequence[str]] = {
    "worker": ["worker"],
    "ingest": ["ingest", f"--source={SAMPLE_SOURCE}"],
    "trainer": ["trainer"],
    "api": ["api"],
}
HEARD_S = 15.0
LINES_A_SECOND = 5.0
"""At most, over the whole time: the first of each kind come at once."""
END_S = 10.0


@dataclass
class Heard:
    """A process and what it writes."""

    name: str
    process: subprocess.Popen[bytes]
    lines: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._threads = [threading.Thread(target=self._read, args=[pipe]) for pipe in self._pipes()]
        for thread in self._threads:
            thread.start()

    def _pipes(self) -> list[object]:
        return [self.process.stdout, self.process.stderr]

    def _read(self, pipe: Iterator[bytes]) -> None:
        self.lines.extend(pipe)

    def end(self) -> None:
        """Kill what has not ended."""
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join()

    def check(self, since: int, seconds: float) -> None:
        """Every line is JSON, and since some line there were few."""
        for line in self.lines:
            entry = json.loads(line)
            assert {"event", "service", "level", "timestamp"} <= entry.keys(), line
            assert entry["service"] == self.name
        count = len(self.lines) - since
        summary = f"{self.name} wrote {count} lines in {seconds:.0f} s"
        print(summary)
        assert count <= LINES_A_SECOND * seconds, f"{summary}: {self.lines[since:][:40]}"


class Room:
    """Settings of services, and the processes that run with them."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._folder = folder
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self._settings = settings
        self.heard: list[Heard] = []

    def start(self, name: str, arguments: Sequence[str]) -> Heard:
        port = str(self.ports.get(name, 0))
        environment = {
            **os.environ,
            **{f"DAYAHEAD_{key.upper()}": value for key, value in self._settings.items()},
            "DAYAHEAD_METRICS_PORT": port,
            "DAYAHEAD_API_PORT": port,
            "DAYAHEAD_SOURCE_URL": "http://127.0.0.1:9",
        }
        process = subprocess.Popen(
            [*COMMAND, *arguments], env=environment, cwd=self._folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.heard.append(Heard(name, process))
        return self.heard[-1]

    def is_live(self, name: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[name]}/health/live", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def is_ready(self, name: str) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[name]}/health/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def ask_api(self) -> None:
        """A request that needs Redis or TimescaleDB; it need not be answered."""
        with suppress(httpx.TimeoutException):
            httpx.get(f"http://127.0.0.1:{self.ports['api']}/v1/forecasts/DK1/111", trust_env=False, timeout=3)

    def close(self) -> None:
        for heard in self.heard:
            heard.end()


def listen(room: Room) -> None:
    """Let the services run for a while, with an API that is asked."""
    until = time.monotonic() + HEARD_S

    def is_over() -> bool:
        room.ask_api()
        return time.monotonic() >= until

    wait_until(is_over, HEARD_S + 60, "the time to be over", pause_s=0.1)


def end_all(room: Room) -> None:
    """Ask all to end; each does so in time."""
    for heard in room.heard:
        heard.process.send_signal(signal.SIGTERM)
    until = time.monotonic() + END_S
    for heard in room.heard:
        try:
            heard.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            pytest.fail(f"{heard.name} runs {END_S:.0f} s after SIGTERM: {heard.lines[-10:]}")


@pytest.mark.parametrize("away", [stopped, hanging])
def test_services_whose_servers_go_away_write_few_lines_of_json_and_end_in_time(
    topics: TopicRoom,
    database_url: str,
    redis_url: str,
    stack: LocalStack,
    tmp_path: Path,
    away: Callable[[LocalStack], AbstractContextManager[None]],
) -> None:
    topics.create(4)
    with psycopg.connect(database_url) as connection:
        register_source(connection, SOURCE)
    room = Room(
        tmp_path,
        database_url=database_url,
        redis_url=redis_url,
        kafka_bootstrap=topics.bootstrap,
        topic_prefix=topics.prefix,
        worker_session_timeout_s="6",
    )
    try:
        for name, arguments in SERVICES.items():
            room.start(name, arguments)
        wait_until(lambda: room.is_ready("worker") and room.is_ready("api"), 120, "the services to be ready")
        wait_until(lambda: room.is_live("ingest") and room.is_live("trainer"), 120, "the services to run")
        with away(stack):
            before = [len(heard.lines) for heard in room.heard]
            began = time.monotonic()
            listen(room)
            for heard, since in zip(room.heard, before, strict=True):
                heard.check(since, time.monotonic() - began)
            end_all(room)
    finally:
        room.close()
    for heard in room.heard:
        heard.check(len(heard.lines), 0)


def test_services_that_start_without_servers_write_few_lines_of_json_and_end_in_time(tmp_path: Path) -> None:
    away = "127.0.0.1:9"
    room = Room(
        tmp_path,
        database_url=f"postgresql://a:b@{away}/x",
        owner_database_url=f"postgresql://a:b@{away}/x",
        redis_url=f"redis://{away}/0",
        kafka_bootstrap=away,
    )
    began = time.monotonic()
    try:
        for name, arguments in {**SERVICES, "migrate": ["migrate"]}.items():
            room.start(name, arguments)
        wait_until(lambda: room.is_live("api"), 60, "the API to answer")
        listen(room)
        for heard in room.heard:
            heard.check(0, time.monotonic() - began)
            assert heard.lines, f"{heard.name} says nothing"
        end_all(room)
    finally:
        room.close()
    for heard in room.heard:
        heard.check(len(heard.lines), 0)
