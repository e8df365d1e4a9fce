"""Whether Kafka answers is asked of a real broker that hangs, comes back, and lacks the topic."""

import pytest

from dayahead.broker_watch import AWAY_AFTER_S, BrokerWatch
from deploy.local.stack import LocalStack
from tests.away import hanging
from tests.conftest import TopicRoom


class Seconds:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make(bootstrap: str, topic: str) -> tuple[BrokerWatch, Seconds]:
    seconds = Seconds()
    return BrokerWatch(bootstrap, topic, "test-watch", seconds), seconds


def test_a_broker_that_never_answers_is_unavailable_after_a_bounded_time() -> None:
    watch, seconds = make("127.0.0.1:1", "observations")
    seconds.now = AWAY_AFTER_S
    assert watch.health().ok
    seconds.now = AWAY_AFTER_S + 1
    assert not watch.health().ok
    assert "127.0.0.1:1 has not answered for 21 s" in watch.health().reason
    assert "DAYAHEAD_KAFKA_BOOTSTRAP" in watch.health().reason


@pytest.mark.servers
def test_a_broker_that_hangs_is_unavailable_until_it_answers(topics: TopicRoom, stack: LocalStack) -> None:
    topics.create(partitions=4)
    watch, seconds = make(topics.bootstrap, topics.name("observations"))
    seconds.now = 1000.0
    watch.look()
    assert watch.awaited is None
    seconds.now += AWAY_AFTER_S + 1
    with hanging(stack, [stack.kafka.name]):
        watch.look()
    assert watch.awaited is not None
    watch.look()
    assert watch.awaited is None


@pytest.mark.servers
def test_a_broker_without_the_topic_does_not_count_as_an_answer(topics: TopicRoom) -> None:
    watch, seconds = make(topics.bootstrap, topics.name("observations"))
    seconds.now = AWAY_AFTER_S + 1
    watch.look()
    assert topics.name("observations") in (watch.awaited or "")
