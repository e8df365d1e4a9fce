"""What a producer leaves behind where Kafka is away; counted in a process that has nothing else open."""

import subprocess
import sys
import threading

import pytest

from dayahead import publisher
from dayahead.errors import BrokerUnavailable
from dayahead.publisher import Publication, Publisher, kafka_producer
from dayahead.reading.records import Row
from deploy.local.stack import LocalStack
from tests.away import stopped
from tests.conftest import TopicRoom
from tests.ingest.building import FIRST, NOW

FAILURES = 30
COUNTING = """
import gc, os, socket, sys
from dayahead import publisher
from dayahead.errors import BrokerUnavailable

gc.disable()  # nothing but the code under test closes anything
publisher.METADATA_TIMEOUT_MS = 50
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
if sys.argv[1] == "silent":
    listener.listen(100)
address = f"127.0.0.1:{listener.getsockname()[1]}"
for _ in range(int(sys.argv[2])):
    try:
        publisher.kafka_producer(address)
    except BrokerUnavailable:
        print(len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")))
"""


@pytest.mark.parametrize("port", ["closed", "silent"])
def test_failed_connections_leave_no_descriptor_and_no_thread_behind(port: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNTING, port, str(FAILURES)], capture_output=True, text=True, check=False
    )
    held = done.stdout.splitlines()
    assert len(held) == FAILURES, done.stderr
    assert len(set(held)) == 1, held


@pytest.mark.servers
def test_a_producer_that_cannot_send_the_rest_in_time_ends_its_thread(
    topics: TopicRoom, stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def senders() -> list[str]:
        return [thread.name for thread in threading.enumerate() if "test-ends" in thread.name]

    monkeypatch.setattr(publisher, "CLOSE_TIMEOUT_S", 0.5)
    topics.create(4)
    rows = [Publication(NOW, [Row("DK1/111", FIRST, 1.0)])]
    with Publisher(lambda: kafka_producer(topics.bootstrap, "test-ends"), topics.prefix) as sender:
        sender.publish(rows, [], "test", refresh=False)
        assert len(senders()) == 1
        with stopped(stack, [stack.kafka.name]):
            # shorter than the delivery timeout that the producer has: its close finds the batch not yet given up
            monkeypatch.setattr(publisher, "DELIVERY_TIMEOUT_MS", 500)
            with pytest.raises(BrokerUnavailable):
                sender.publish(rows, [], "test", refresh=False)
            assert senders() == []
