"""Sends the rows of requests to Kafka; the answer waits for its acknowledgement."""

import threading
from typing import Protocol

import structlog

from dayahead.errors import BrokerUnavailable
from dayahead.publisher import Publication, Publisher, kafka_producer

log = structlog.get_logger()

TURN_S = 5.0
"""Timeout of a request that waits for the one before it, as where Kafka is unreachable, seconds."""


class RowSender(Protocol):
    """Sends rows of one source."""

    def send(self, publication: Publication, source: str, refresh: bool) -> bool:
        """Send, and wait until all are acknowledged; False where they are not."""


class KafkaRows:
    """One producer for all requests, one request at a time; connects when the first one comes."""

    def __init__(self, bootstrap: str, topic_prefix: str) -> None:
        self._turn = threading.Lock()
        self._publisher = Publisher(lambda: kafka_producer(bootstrap, "dayahead-api-rows"), topic_prefix)

    def send(self, publication: Publication, source: str, refresh: bool) -> bool:
        """Send rows to the partitions of their series, and wait until all are acknowledged; False where they are not.

        What was sent before a failure may have arrived: the caller sends all again, which changes nothing.
        """
        if not self._turn.acquire(timeout=TURN_S):
            return False
        try:
            self._publisher.publish([publication], [], source, refresh)
        except BrokerUnavailable as error:
            log.warning("kafka_unavailable", topic="observations", error=str(error))
            return False
        finally:
            self._turn.release()
        return True

    def close(self) -> None:
        """Close the connections."""
        self._publisher.close()
