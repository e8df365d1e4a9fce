"""Parts of Faust that the worker has otherwise: where reading starts, and no waiting for what it does not use."""

from typing import Any

from faust.auth import SASLCredentials, SSLCredentials
from faust.tables import TableManager
from faust.transport.drivers import aiokafka as faust_kafka

from dayahead.kafka_login import kafka_security, tls_context, uses_login, uses_tls
from stream.group.fetching import bound_fetches

FETCH_WAIT_MS = 200
"""Milliseconds that the broker may keep a fetch open for want of messages.

A fetch that is open when a partition is sought holds up the next one; Faust's own 1,500 ms would delay each start.
"""


class _ConsumerThread(faust_kafka.AIOKafkaConsumerThread):  # type: ignore[misc]
    def _create_worker_consumer(self, transport: Any) -> Any:
        bound_fetches()
        consumer = super()._create_worker_consumer(transport)
        # Faust has no setting for it; the consumer reads it when it starts
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer


class _Consumer(faust_kafka.Consumer):  # type: ignore[misc]
    """Starts reading where TimescaleDB says, not where Kafka was told last."""

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Called by Faust after each assignment, before the first message is read."""
        await self.app.take_over()


class SeekingTransport(faust_kafka.Transport):  # type: ignore[misc]
    """Kafka as the worker reads it; the application has `take_over`."""

    Consumer = _Consumer


def kafka_credentials() -> SASLCredentials | SSLCredentials | None:
    """How Faust logs in to Kafka, of the same settings as all other clients; None for not at all."""
    settings = kafka_security()
    context = tls_context(settings) if uses_tls(settings) else None
    if uses_login(settings):
        return SASLCredentials(
            username=settings.kafka_username,
            password=settings.kafka_password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=context,
        )
    return SSLCredentials(context) if context else None


class NoTables(TableManager):  # type: ignore[misc]
    """Faust's tables, of which the worker has none: it does not wait a second for some to be declared."""

    async def on_start(self) -> None:
        """Go on at once."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()
