"""`dayahead mqtt` on real Kafka and a real broker."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from dayahead.hours import format_utc, wall_clock
from deploy.local.ports import free_ports
from deploy.local.services import DAYAHEAD
from tests.conftest import TopicRoom
from tests.consumers.messages import forecast, send, send_forecasts
from tests.consumers.mqtt.mosquitto import Mosquitto, reading
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

CONFIG = "homeassistant/sensor/dayahead/DK1_111/config"
FORECAST = "dayahead/DK1_111/forecast"
STATUS = "dayahead/status"
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def broker(tmp_path: Path, resources: ExitStack) -> Mosquitto:
    one = Mosquitto(tmp_path)
    one.start()
    resources.callback(one.stop)
    return one


@pytest.fixture
def start(broker: Mosquitto, topics: TopicRoom, tmp_path: Path, resources: ExitStack) -> Start:
    topics.create(2)

    def run(**settings: str) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DAYAHEAD_KAFKA_BOOTSTRAP": topics.bootstrap,
            "DAYAHEAD_TOPIC_PREFIX": topics.prefix,
            "DAYAHEAD_MQTT_PORT": str(broker.port),
            "DAYAHEAD_METRICS_PORT": "0",
            **settings,
        }
        log = (tmp_path / "mqtt.log").open("ab")
        process = subprocess.Popen([DAYAHEAD, "mqtt"], cwd=tmp_path, env=environment, stdout=log, stderr=log)
        resources.callback(process.wait)
        resources.callback(process.kill)
        return process

    return run


def current(series_id: str) -> bytes:
    """A forecast whose hours run now."""
    message = json.loads(forecast(series_id))
    origin = wall_clock().replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    moments = {"origin": format_utc(origin), "issued_at": format_utc(origin)}
    return json.dumps(message | moments).encode()


def test_forecasts_and_discovery_are_retained_for_the_chosen_series(
    broker: Mosquitto, start: Start, topics: TopicRoom
) -> None:
    (port,) = free_ports(1)
    start(DAYAHEAD_MQTT_SERIES='["DK1/*"]', DAYAHEAD_METRICS_PORT=str(port))
    send(topics, [current("DK1/111"), current("DK2/111"), b"no json"], keys=["DK1/111", "DK2/111", "x"])
    with reading(broker) as early:
        wait_until(lambda: {STATUS, CONFIG, FORECAST} <= early.topics.keys(), 60, "the forecast and its discovery")
    with reading(broker) as late:
        wait_until(lambda: late.retained >= {STATUS, CONFIG, FORECAST}, 10, "what the broker kept")
        assert not [topic for topic in late.topics if "DK2" in topic]
        assert late.topics[STATUS] == b"online"
        state = json.loads(late.topics[FORECAST])
        assert state["now"] in {1.0, 2.0}  # the hour may just have changed
        assert json.loads(late.topics[CONFIG])["state_topic"] == FORECAST
    answer = httpx.get(f"http://127.0.0.1:{port}/health/ready")
    assert answer.status_code == 200, answer.text
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert "dayahead_mqtt_series 1.0" in metrics
    assert "dayahead_mqtt_unreadable_total 1.0" in metrics


def test_only_a_newer_forecast_replaces_what_is_published(broker: Mosquitto, start: Start, topics: TopicRoom) -> None:
    start()
    send_forecasts(topics, "DK1/111", hour=2)
    with reading(broker) as reader:
        wait_until(lambda: FORECAST in reader.topics, 60, "the first forecast")
        send_forecasts(topics, "DK1/111", hour=1)
        send_forecasts(topics, "DK1/111", hour=3)
        wait_until(lambda: b"2023-01-24T03:00:00Z" in reader.topics[FORECAST], 30, "the newest forecast")
        assert json.loads(reader.topics[FORECAST])["origin"] == "2023-01-24T03:00:00Z"


def test_the_last_will_says_that_a_killed_process_is_away_and_a_stopped_one_says_it_itself(
    broker: Mosquitto, start: Start
) -> None:
    with reading(broker) as reader:
        for number in (signal.SIGKILL, signal.SIGTERM):
            process = start()
            wait_until(lambda: reader.topics.get(STATUS) == b"online", 60, "the process to be online")
            process.send_signal(number)
            code = process.wait(30)
            assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
            wait_until(lambda: reader.topics[STATUS] == b"offline", 30, "the process to be offline")


def test_home_assistant_gets_everything_again_when_it_starts(
    broker: Mosquitto, start: Start, topics: TopicRoom
) -> None:
    start()
    send_forecasts(topics, "DK1/111")
    with reading(broker) as reader:
        wait_until(lambda: {CONFIG, FORECAST} <= reader.topics.keys(), 60, "the forecast and its discovery")
        before = dict(reader.counts)
        reader.publish("homeassistant/status", "offline")
        reader.publish("homeassistant/status", "online")
        wait_until(
            lambda: min(reader.counts[topic] - before[topic] for topic in (CONFIG, FORECAST)) >= 1,
            30,
            "both to be published again",
        )


def test_a_broker_that_lost_everything_is_filled_again(broker: Mosquitto, start: Start, topics: TopicRoom) -> None:
    process = start()
    send_forecasts(topics, "DK1/111")
    with reading(broker) as reader:
        wait_until(lambda: {CONFIG, FORECAST} <= reader.topics.keys(), 60, "the forecast and its discovery")
    broker.stop()
    send_forecasts(topics, "DK1/112")
    broker.start()
    with reading(broker) as reader:
        both = {CONFIG, FORECAST, FORECAST.replace("111", "112")}
        wait_until(lambda: both <= reader.topics.keys(), 60, "everything to be published again")
        assert reader.topics[STATUS] == b"online"
    assert process.poll() is None


@pytest.mark.skipif(shutil.which("mosquitto_passwd") is None, reason="mosquitto_passwd is not installed")
def test_a_password_is_sent_and_a_wrong_one_is_named(
    broker: Mosquitto, start: Start, tmp_path: Path, resources: ExitStack
) -> None:
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "dayahead", "right"], check=True)
    passwords.chmod(0o644)
    broker.stop()
    broker.options = f"allow_anonymous false\npassword_file {passwords}"
    broker.start()
    (port,) = free_ports(1)
    start(DAYAHEAD_MQTT_USERNAME="dayahead", DAYAHEAD_MQTT_PASSWORD="wrong", DAYAHEAD_METRICS_PORT=str(port))

    def reason() -> str:
        try:
            return str(httpx.get(f"http://127.0.0.1:{port}/health/ready").json()["reason"])
        except httpx.TransportError:
            return ""

    wait_until(lambda: "Not authorized" in reason(), 60, "the refusal to be named")
    start(DAYAHEAD_MQTT_USERNAME="dayahead", DAYAHEAD_MQTT_PASSWORD="right")
    with reading(broker, "dayahead", "right") as reader:
        wait_until(lambda: reader.topics.get(STATUS) == b"online", 60, "the process to be online")
