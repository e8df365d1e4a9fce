"""A broker that takes a connection and then says nothing more."""

import socket
import threading
from collections.abc import Iterator

import pytest
import structlog

from consumers.mqtt import broker as module
from consumers.mqtt.broker import AT_ONCE, MqttBroker, Retained
from consumers.mqtt.sensor import Topics
from consumers.mqtt.settings import MqttSettings
from dayahead.errors import BrokerUnavailable
from tests.waiting import wait_until

ACCEPTED = bytes([0x20, 2, 0, 0])
"""CONNACK of MQTT 3.1.1."""


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(ACCEPTED)
                while connection.recv(65536):
                    pass

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]


@pytest.mark.timeout(30)
def test_all_messages_together_are_waited_for_once_also_at_the_end(
    silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TAKEN_WITHIN_S", 0.5)
    settings = MqttSettings(_env_file=None, mqtt_port=silent_port)
    with MqttBroker(settings, Topics("dayahead", "")) as broker:
        wait_until(lambda: broker.is_connected, 10, "the connection")
        with pytest.raises(BrokerUnavailable, match=f"did not take all of {AT_ONCE} messages"):
            broker.publish([Retained(f"dayahead/{number}", b"1") for number in range(AT_ONCE)])


@pytest.mark.timeout(30)
def test_why_there_is_no_connection_is_in_the_log_and_in_the_condition() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with (
        structlog.testing.capture_logs() as lines,
        MqttBroker(MqttSettings(_env_file=None, mqtt_port=port), Topics("dayahead", "")) as broker,
    ):
        wait_until(lambda: "Connection refused" in broker.condition, 20, "the reason")
    (line,) = [one for one in lines if one["event"] == "mqtt_unavailable"][:1]
    assert "Connection refused" in line["reason"]
