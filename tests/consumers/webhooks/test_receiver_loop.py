import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest
from confluent_kafka import Consumer, KafkaException

from consumers.webhooks.delivery import Waiting
from consumers.webhooks.receiver_loop import ReceiverLoop
from consumers.webhooks.receivers import Receiver
from dayahead.hours import wall_clock


class FailingConsumer:
    """A consumer whose client cannot continue while a request is on its way, which then ends."""

    def __init__(self, end_request: threading.Event) -> None:
        self._end_request = end_request

    def assignment(self) -> list[Any]:
        return []

    def pause(self, _: list[Any]) -> None:
        pass

    def resume(self, _: list[Any]) -> None:
        pass

    def poll(self, _: float) -> None:
        threading.Timer(0.2, self._end_request.set).start()
        raise KafkaException("the coordinator is not known")


def wait_and_hold_nothing(ended: threading.Event) -> list[Waiting]:
    ended.wait(30)
    return []


def test_where_kafka_fails_no_request_of_the_round_is_on_its_way_when_the_next_begins() -> None:
    receiver = Receiver.model_validate({"name": "one", "url": "http://receiver.invalid/", "secrets": ["one"]})
    loop = ReceiverLoop(receiver, [], "", "", wall_clock, threading.Event())
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        request = pool.submit(lambda: wait_and_hold_nothing(ended))
        with pytest.raises(KafkaException):
            loop._wait(cast(Consumer, FailingConsumer(ended)), [request])
        assert request.done()
