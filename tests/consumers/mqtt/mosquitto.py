"""A real MQTT broker: mosquitto, on a free port of this machine."""

import getpass
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from deploy.local.ports import free_ports
from tests.waiting import wait_until

PROGRAM = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass
class Mosquitto:
    """Can be stopped and started again; what is retained is lost then, as without a disk."""

    folder: Path
    options: str = "allow_anonymous true"
    port: int = field(default_factory=lambda: free_ports(1)[0])
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if PROGRAM is None:
            pytest.skip("mosquitto is not installed: apt-get install mosquitto, or make mosquitto")
        file = self.folder / "mosquitto.conf"
        # as root it would become a user who cannot read the folder
        file.write_text(f"listener {self.port} 127.0.0.1\nuser {getpass.getuser()}\n{self.options}\n")
        log = (self.folder / "mosquitto.log").open("ab")
        self._process = subprocess.Popen([PROGRAM, "-c", file], stdout=log, stderr=log)
        wait_until(lambda: "running" in (self.folder / "mosquitto.log").read_text(), 30, "mosquitto to run")
        (self.folder / "mosquitto.log").write_text("")

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


class Reader:
    """What a subscriber of everything has got, the last payload of each topic."""

    def __init__(self, port: int, username: str = "", password: str = "") -> None:
        self.topics: dict[str, bytes] = {}
        self.retained: set[str] = set()
        self.counts: dict[str, int] = {}
        self._lock = threading.Lock()
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2)
        if username:
            client.username_pw_set(username, password)
        client.on_connect = self._subscribe
        client.on_message = self._take
        client.connect("127.0.0.1", port)
        client.loop_start()

    def _subscribe(self, client: paho.Client, *_: object) -> None:
        client.subscribe("#", 1)

    def _take(self, _: paho.Client, __: object, message: paho.MQTTMessage) -> None:
        with self._lock:
            self.topics[message.topic] = bytes(message.payload)
            self.counts[message.topic] = self.counts.get(message.topic, 0) + 1
            if message.retain:
                self.retained.add(message.topic)

    def publish(self, topic: str, payload: str) -> None:
        self._client.publish(topic, payload, 1).wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def reading(broker: Mosquitto, username: str = "", password: str = "") -> Iterator[Reader]:
    reader = Reader(broker.port, username, password)
    try:
        yield reader
    finally:
        reader.close()
