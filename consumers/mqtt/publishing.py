"""The process `dayahead mqtt`: keeps the newest forecast of each series at an MQTT broker."""

import threading
import time
import uuid
from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase
from importlib.metadata import version

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition
from prometheus_client import Counter, Gauge
from pydantic import ValidationError

from consumers.forecast import Forecast
from consumers.mqtt.broker import MqttBroker, Retained
from consumers.mqtt.sensor import Topics, discovery_of, state_of
from consumers.mqtt.settings import MqttSettings
from dayahead.broker_watch import BrokerWatch
from dayahead.errors import BrokerUnavailable
from dayahead.hours import Clock, Hour, to_hour
from dayahead.kafka_clients import UNDECODABLE, open_consumer
from dayahead.stopping import stop_on_signals
from dayahead.telemetry import Health, TelemetryServer
from dayahead.topics import FORECASTS

log = structlog.get_logger()

CLIENT = "dayahead-mqtt"
POLL_S = 0.5
MESSAGES_AT_ONCE = 500
RETRY_S = 2.0
HEARTBEAT_S = 120.0

PUBLISHED = Counter(
    "dayahead_mqtt_messages_total", "Messages that the MQTT broker took, by kind: forecast, discovery", ["kind"]
)
UNREADABLE = Counter("dayahead_mqtt_unreadable_total", "Messages of topic forecasts that are none of ours, skipped")
SERIES = Gauge("dayahead_mqtt_series", "Series whose forecasts are published to the MQTT broker")
CONNECTED = Gauge("dayahead_mqtt_connected", "1 while the MQTT broker is connected, 0 while it is not")


class MqttPublishing:
    """Reads topic `forecasts` from its beginning and publishes what is newest; stores nothing itself."""

    def __init__(self, settings: MqttSettings, clock: Clock) -> None:
        """Connect to nothing yet.

        Args:
            settings: of the process.
            clock: the present moment.

        Raises:
            SettingsError: the connection to the broker cannot be set up.
        """
        self._settings, self._clock = settings, clock
        self._stop = threading.Event()
        self._topics = Topics(settings.mqtt_topic, settings.mqtt_discovery_topic)
        self._broker = MqttBroker(settings, self._topics)
        self._newest: dict[str, Forecast] = {}
        self._unsent: set[str] = set()
        self._undiscovered: set[str] = set()
        self._hour: Hour | None = None
        self._version = version("dayahead")
        self._alive_at = time.monotonic()

    def run(self) -> None:
        """Publish until SIGTERM or SIGINT."""
        stop_on_signals(self._stop)
        SERIES.set_function(lambda: len(self._newest))
        CONNECTED.set_function(lambda: float(self._broker.is_connected))
        topic = self._settings.topic_prefix + FORECASTS.name
        kafka = BrokerWatch(self._settings.kafka_bootstrap, topic, f"{CLIENT}-watch")
        server = TelemetryServer(
            "mqtt",
            self._settings.bind_host,
            self._settings.metrics_port,
            live=self._live,
            ready=lambda: self._ready(kafka),
        )
        with server, kafka.thread(), self._broker:
            log.info("started", port=server.port)
            while not self._stop.is_set():
                try:
                    self._read(topic)
                except KafkaException as error:
                    log.warning("forecasts_not_read", topic=topic, error=str(error))
                    self._stop.wait(RETRY_S)
        log.info("stopped")

    def _read(self, topic: str) -> None:
        """Read and publish until stopped.

        Raises:
            KafkaException: the consumer cannot continue.
        """
        # a group that is never seen again: every process reads all, from the beginning
        consumer = open_consumer(
            self._settings.kafka_bootstrap, CLIENT, f"{CLIENT}-{uuid.uuid4()}", {"auto.offset.reset": "earliest"}
        )
        try:
            consumer.subscribe([topic])
            while not self._stop.is_set():
                self._alive_at = time.monotonic()
                self._take(self._next(consumer))
                self._publish()
        finally:
            consumer.close()

    def _next(self, consumer: Consumer) -> list[bytes]:
        first = consumer.poll(POLL_S)
        if first is None:
            return []
        values = []
        for message in (first, *consumer.consume(MESSAGES_AT_ONCE, timeout=0)):
            error = message.error()
            if error is None:
                values.append(message.value() or b"")
            elif error.code() in UNDECODABLE:
                UNREADABLE.inc()
                # the end of a batch that cannot be decoded is unknown: its messages are skipped one by one
                consumer.seek(TopicPartition(message.topic(), message.partition(), message.offset() + 1))
            else:
                raise KafkaException(error)
        return values

    def _take(self, messages: Iterable[bytes]) -> None:
        for message in messages:
            try:
                forecast = Forecast.model_validate_json(message)
            except ValidationError as error:
                UNREADABLE.inc()
                log.warning("forecast_unreadable", error=str(error)[:300])
                continue
            name = forecast.series_id
            if not any(fnmatchcase(name, pattern) for pattern in self._settings.mqtt_series):
                continue
            known = self._newest.get(name)
            if forecast.is_newer_than(known):
                self._newest[name] = forecast
                self._unsent.add(name)
            if known is None:
                self._undiscovered.add(name)

    def _publish(self) -> None:
        """Publish what is new: forecasts, all of them at a new hour, and everything after a connection."""
        now = self._clock()
        if to_hour(now) != self._hour:
            self._hour = to_hour(now)
            self._unsent.update(self._newest)
        if not self._broker.is_connected:
            return
        if self._broker.take_renewal():
            self._unsent.update(self._newest)
            self._undiscovered.update(self._newest)
        try:
            self._publish_discovery()
            self._publish_forecasts(now)
        except BrokerUnavailable as error:
            log.warning("mqtt_not_published", error=str(error))

    def _publish_discovery(self) -> None:
        if self._topics.discovery and self._undiscovered:
            found = [self._newest[one] for one in sorted(self._undiscovered)]
            self._broker.publish(
                [
                    Retained(self._topics.config(one.series_id), discovery_of(one, self._topics, self._version))
                    for one in found
                ]
            )
            PUBLISHED.labels("discovery").inc(len(found))
        self._undiscovered.clear()

    def _publish_forecasts(self, now: datetime) -> None:
        if self._unsent:
            found = [self._newest[one] for one in sorted(self._unsent)]
            hours = self._settings.mqtt_hours
            self._broker.publish(
                [Retained(self._topics.forecast(one.series_id), state_of(one, now, hours)) for one in found]
            )
            PUBLISHED.labels("forecast").inc(len(found))
        self._unsent.clear()

    def _live(self) -> Health:
        stuck = time.monotonic() - self._alive_at > HEARTBEAT_S
        return Health(not stuck, "no sign of life" if stuck else "reading")

    def _ready(self, kafka: BrokerWatch) -> Health:
        reading = kafka.health()
        return Health(reading.ok and self._broker.is_connected, f"{reading.reason}; {self._broker.condition}")
