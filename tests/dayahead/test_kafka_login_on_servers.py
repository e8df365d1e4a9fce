"""Every Kafka client of the services on a real broker that refuses clients without a password."""

import os
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from kafka import KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError
from pydantic import SecretStr

from dayahead.errors import SettingsError
from dayahead.kafka_login import confluent_options, kafka_python_options
from dayahead.settings import MigrationSettings
from dayahead.storage.migrate import migrate_topics
from deploy.backup.backup import kafka_bounds
from deploy.local.passwords import Passwords
from deploy.local.places import Places
from deploy.local.ports import ServerPorts
from deploy.local.servers.kafka import USER
from deploy.local.stack import LocalStack
from deploy.local.throwaway import PREFIX, owned
from tests.conftest import TopicRoom
from tests.stream.conftest import make_room
from tests.stream.logs import eventful_log
from tests.waiting import wait_until

pytestmark = pytest.mark.servers

MECHANISMS = ("SCRAM-SHA-512", "PLAIN")


@pytest.fixture(scope="module")
def guarded() -> Iterator[LocalStack]:
    """A separate stack whose Kafka asks for a password."""
    places, name = Places(), f"{PREFIX}login-{os.getpid()}"
    with owned(places, name):
        stack = LocalStack(
            name,
            ServerPorts.free(),
            Passwords.random(),
            places=places,
            durable=False,
            dies_with_parent=True,
            kafka_login=True,
        )
        try:
            stack.start_servers()
            yield stack
        finally:
            stack.remove()


def log_in(monkeypatch: pytest.MonkeyPatch, mechanism: str, password: SecretStr) -> None:
    """Set what an operator sets."""
    monkeypatch.setenv("DAYAHEAD_KAFKA_SECURITY", "SASL_PLAINTEXT")
    monkeypatch.setenv("DAYAHEAD_KAFKA_SASL_MECHANISM", mechanism)
    monkeypatch.setenv("DAYAHEAD_KAFKA_USERNAME", USER)
    monkeypatch.setenv("DAYAHEAD_KAFKA_PASSWORD", password.get_secret_value())


def migration(stack: LocalStack, prefix: str) -> MigrationSettings:
    return MigrationSettings(kafka_bootstrap=stack.kafka.bootstrap, topic_prefix=prefix, partitions=2)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_clients_of_both_libraries_log_in_write_and_read(
    guarded: LocalStack, monkeypatch: pytest.MonkeyPatch, mechanism: str
) -> None:
    log_in(monkeypatch, mechanism, guarded.passwords.kafka)
    bootstrap, prefix = guarded.kafka.bootstrap, f"{mechanism.lower()}."
    assert f"{prefix}observations" in migrate_topics(migration(guarded, prefix))
    producer = Producer(confluent_options(bootstrap))
    producer.produce(f"{prefix}drift", b"of confluent-kafka")
    assert producer.flush(60) == 0
    other = KafkaProducer(**kafka_python_options(bootstrap))
    other.send(f"{prefix}drift", b"of kafka-python").get(60)
    other.close()
    reader = Consumer({**confluent_options(bootstrap), "group.id": prefix, "auto.offset.reset": "earliest"})
    reader.subscribe([f"{prefix}drift"])
    found: set[bytes] = set()

    def read() -> bool:
        message = reader.poll(1)
        if message is not None and message.error() is None:
            found.add(message.value() or b"")
        return len(found) == 2

    wait_until(read, 60, "both messages")
    reader.close()
    again = KafkaConsumer(
        f"{prefix}drift", auto_offset_reset="earliest", consumer_timeout_ms=60_000, **kafka_python_options(bootstrap)
    )
    assert {next(again).value, next(again).value} == found
    again.close()
    assert set(kafka_bounds(migration(guarded, prefix))) == {0, 1}


def test_a_missing_or_wrong_password_is_rejected(guarded: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    bootstrap = guarded.kafka.bootstrap
    with pytest.raises(KafkaException):
        Consumer({**confluent_options(bootstrap), "group.id": "stranger"}).list_topics(timeout=3)
    log_in(monkeypatch, "PLAIN", SecretStr("wrong"))
    with pytest.raises(KafkaException):
        Consumer({**confluent_options(bootstrap), "group.id": "stranger"}).list_topics(timeout=3)
    with pytest.raises(KafkaError):
        KafkaProducer(bootstrap_timeout_ms=3_000, **kafka_python_options(bootstrap))


def test_a_login_without_a_password_is_refused_with_the_names_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(monkeypatch, "PLAIN", SecretStr(""))
    with pytest.raises(SettingsError, match="DAYAHEAD_KAFKA_USERNAME and DAYAHEAD_KAFKA_PASSWORD"):
        confluent_options("127.0.0.1:9092")


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_worker_with_faust_takes_in_observations_and_publishes_forecasts(
    guarded: LocalStack, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, mechanism: str
) -> None:
    log_in(monkeypatch, mechanism, guarded.passwords.kafka)
    prefix = f"worker-{mechanism.lower()}."
    migrate_topics(migration(guarded, prefix))
    room = make_room(TopicRoom(guarded.kafka.bootstrap, prefix), database_url, redis_url, partitions=2)
    try:
        log = eventful_log(0)
        producer = Producer(confluent_options(guarded.kafka.bootstrap))
        for message in log:
            producer.produce(f"{prefix}observations", message, partition=0)
        assert producer.flush(60) == 0
        room.start()
        room.wait_for(0, len(log), deadline_s=200)
        wait_until(lambda: room.redis() == room.newest_forecasts(), 60, "Redis to follow")
        assert room.newest_forecasts()
        reader = KafkaConsumer(
            f"{prefix}forecasts",
            auto_offset_reset="earliest",
            consumer_timeout_ms=60_000,
            **kafka_python_options(guarded.kafka.bootstrap),
        )
        assert next(reader).value
        reader.close()
    finally:
        room.close()
