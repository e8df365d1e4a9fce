"""Parts of Faust that the worker replaces: the start offset, and waits for features that it does not use."""

from typing import Any

from faust.auth import SASLCredentials, SSLCredentials
from faust.tables import TableManager
from faust.transport.drivers import aiokafka as faust_kafka

from dayahead.kafka_login import kafka_security, tls_context, uses_login, uses_tls
from stream.group.fetching import bound_fetches

FETCH_WAIT_MS = 200
"""Milliseconds that the broker may hold a fetch open while there are no messages.

A fetch that is open during a seek delays the next one; Faust's default of 1,500 ms would delay each start.
"""


class _ConsumerThread(faust_kafka.AIOKafkaConsumerThread):  # type: ignore[misc]
    def _create_worker_consumer(self, transport: Any) -> Any:
        bound_fetches()
        consumer = super()._create_worker_consumer(transport)
        # Faust has no setting for this; the consumer reads the attribute when it starts
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer


class _Consumer(faust_kafka.Consumer):  # type: ignore[misc]
    """Starts reading at the offset in TimescaleDB, not at the one committed to Kafka."""

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def perform_seek(self) -> None:
        """Take over the assigned partitions; Faust calls this after each assignment, before it reads."""
        await self.app.take_over()


class SeekingTransport(faust_kafka.Transport):  # type: ignore[misc]
    """Kafka as the worker reads it; the application has `take_over`."""

    Consumer = _Consumer


def kafka_credentials() -> SASLCredentials | SSLCredentials | None:
    """Return the credentials of Faust from the settings of all Kafka clients; None without a login and TLS."""
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
    """Replaces Faust's tables, which the worker does not use, to skip a wait of one second at the start."""

    async def on_start(self) -> None:
        """Start without the wait."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()
