"""The connection to the MQTT broker, by paho: reconnects, and says what became of it."""

import sys
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from consumers.mqtt.sensor import OFFLINE, ONLINE, Topics
from consumers.mqtt.settings import MqttSettings
from dayahead.errors import BrokerUnavailable, SettingsError

log = structlog.get_logger()

QOS = 1
KEEP_ALIVE_S = 30
LONGEST_PAUSE_S = 60
AT_ONCE = 200
TAKEN_WITHIN_S = 10.0


@dataclass(frozen=True)
class Retained:
    """A message that the broker keeps.

    Attributes:
        topic: its name.
        payload: the message.
    """

    topic: str
    payload: bytes


class MqttBroker:
    """A broker that knows from the last will whether this process is there. A context: connected inside it."""

    def __init__(self, settings: MqttSettings, topics: Topics) -> None:
        """Prepare; the context connects, and goes on trying.

        Args:
            settings: where the broker is.
            topics: of the broker.

        Raises:
            SettingsError: the file of CA certificates cannot be read.
        """
        self._where = f"{settings.mqtt_host}:{settings.mqtt_port}"
        self._host, self._port = settings.mqtt_host, settings.mqtt_port
        self._topics = topics
        self._renew = threading.Event()
        self._reason, self._refused = "no answer yet", False
        self._client = client = paho.Client(CallbackAPIVersion.VERSION2)
        if settings.mqtt_username:
            client.username_pw_set(settings.mqtt_username, settings.mqtt_password.get_secret_value())
        if settings.mqtt_tls:
            try:
                client.tls_set(str(settings.mqtt_ca_file) if settings.mqtt_ca_file else None)
            except OSError as error:
                raise SettingsError(f"DAYAHEAD_MQTT_CA_FILE {settings.mqtt_ca_file}: {error}") from error
        client.will_set(topics.status, OFFLINE, QOS, retain=True)
        client.reconnect_delay_set(1, LONGEST_PAUSE_S)
        client.on_connect = self._connected
        client.on_connect_fail = self._failed
        client.on_disconnect = self._disconnected
        client.on_message = self._heard

    def __enter__(self) -> Self:
        self._client.connect_async(self._host, self._port, KEEP_ALIVE_S)
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client.is_connected():
            # a clean end sends no last will
            try:
                self.publish([Retained(self._topics.status, OFFLINE.encode())])
            except BrokerUnavailable as unsent:
                log.warning("mqtt_not_published", error=str(unsent))
        self._client.disconnect()
        self._client.loop_stop()

    @property
    def is_connected(self) -> bool:
        """Whether messages can be published."""
        return self._client.is_connected()

    @property
    def condition(self) -> str:
        """How the connection is, in words."""
        if self.is_connected:
            return f"connected to the MQTT broker at {self._where}"
        return f"waiting for the MQTT broker at {self._where} ({self._reason}): check that it runs, and DAYAHEAD_MQTT_…"

    def take_renewal(self) -> bool:
        """Whether everything is to be published again: after a connection, or a start of Home Assistant."""
        if not self._renew.is_set():
            return False
        self._renew.clear()
        return True

    def publish(self, messages: list[Retained]) -> None:
        """Publish, and wait until the broker has taken all.

        Raises:
            BrokerUnavailable: it has not; after the next connection everything is published again.
        """
        for start in range(0, len(messages), AT_ONCE):
            sent = [
                self._client.publish(one.topic, one.payload, QOS, retain=True)
                for one in messages[start : start + AT_ONCE]
            ]
            until = time.monotonic() + TAKEN_WITHIN_S
            try:
                for info in sent:
                    info.wait_for_publish(max(0.0, until - time.monotonic()))
            except (RuntimeError, ValueError) as error:
                raise BrokerUnavailable(f"the MQTT broker at {self._where} did not take a message: {error}") from error
            if not all(info.is_published() for info in sent):
                raise BrokerUnavailable(
                    f"the MQTT broker at {self._where} did not take all of {len(sent)} messages within "
                    f"{TAKEN_WITHIN_S:g} s"
                )

    def _connected(self, client: paho.Client, _: Any, __: Any, code: ReasonCode, ___: Properties | None) -> None:
        self._refused = code.is_failure
        if self._refused:
            self._reason = str(code)
            log.warning("mqtt_refused", broker=self._where, reason=self._reason)
            return
        log.info("mqtt_connected", broker=self._where)
        client.publish(self._topics.status, ONLINE, QOS, retain=True)
        if self._topics.discovery:
            client.subscribe(self._topics.birth, QOS)
        self._renew.set()

    def _failed(self, _: paho.Client, __: Any) -> None:
        error = sys.exception()  # paho calls this where it handles the error, which it does not give
        self._reason, self._refused = str(error) if error else "no connection", False
        log.warning("mqtt_unavailable", broker=self._where, reason=self._reason)

    def _disconnected(self, _: paho.Client, __: Any, ___: Any, code: ReasonCode, ____: Properties | None) -> None:
        if self._refused:  # the reason of the refusal says more
            return
        self._reason = str(code)
        log.warning("mqtt_disconnected", broker=self._where, reason=self._reason)

    def _heard(self, _: paho.Client, __: Any, message: paho.MQTTMessage) -> None:
        """Home Assistant said whether it is there; one that has started asks for everything."""
        if message.payload == ONLINE.encode():
            self._renew.set()
