import ast
from pathlib import Path

import pytest

from dayahead.errors import BrokerUnavailable
from dayahead.kafka_clients import Unsent, open_producer, send_all
from tests.conftest import TopicRoom
from tests.ingest.servers import messages

CHECKOUT = Path(__file__).parents[2]
PACKAGES = ("dayahead", "ingest", "stream", "trainer", "api", "consumers", "dashboards", "deploy")
CLIENTS = {
    "Consumer",
    "Producer",
    "AdminClient",
    "KafkaProducer",
    "KafkaConsumer",
    "KafkaAdminClient",
    "ClosingProducer",
}
# A broker that has just started is asked with the password that it was given, before any setting names it.
ELSEWHERE = {"deploy/local/servers/kafka.py"}


def test_one_module_makes_kafka_clients() -> None:
    makers = {
        str(path.relative_to(CHECKOUT))
        for package in PACKAGES
        for path in (CHECKOUT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLIENTS
    }
    assert makers == {"dayahead/kafka_clients.py"} | ELSEWHERE


def test_messages_are_sent_in_their_order_to_the_partition_that_they_name(topics: TopicRoom) -> None:
    topics.create()
    producer = open_producer(topics.bootstrap, "test", 20)
    send_all(producer, topics.name("observations"), [Unsent(b"a", b"key", 2), Unsent(b"b", partition=2)], 25)
    found = [(one.partition, one.key, one.value) for one in messages(topics, "observations")]
    assert found == [(2, b"key", b"a"), (2, None, b"b")]


def test_a_message_rejected_by_the_broker_does_not_count_as_sent(topics: TopicRoom) -> None:
    topics.create()
    producer = open_producer(topics.bootstrap, "test", 20, {"message.max.bytes": 64 * 1024 * 1024})
    large = Unsent(bytes(32 * 1024 * 1024), partition=0)
    with pytest.raises(BrokerUnavailable, match="1 of 2 messages"):
        send_all(producer, topics.name("observations"), [Unsent(b"a", partition=1), large], 25)


def test_brokers_that_are_away_are_given_up_after_the_timeout() -> None:
    with pytest.raises(BrokerUnavailable):
        send_all(open_producer("127.0.0.1:1", "test", 0.2), "topic", [Unsent(b"a")], 1.0)
