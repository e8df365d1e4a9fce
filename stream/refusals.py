"""Refused rows and messages on their way to the dead letters."""

from collections.abc import Sequence
from datetime import datetime

from dayahead.dead_letters import DeadLetter, DeadLetterWriter, Headers
from dayahead.storage.worker_offsets import Claim
from stream.decode import Refusal
from stream.kafka_output import KafkaOutput, Outgoing

STAGE = "stream"


class _Tray:
    """Collects what `DeadLetterWriter` sends, so that all of a batch is acknowledged together."""

    def __init__(self) -> None:
        self.messages: list[Outgoing] = []

    def send(self, topic: str, value: bytes, *, headers: Headers) -> None:
        """Put a message in."""
        self.messages.append(Outgoing(topic, value, headers=headers))


class RefusalWriter:
    """Sends dead letters and waits for them: the offset does not move on before they are kept.

    A batch that is repeated after a crash sends its letters again; topic, partition and offset in the headers, with the
    value, tell that they are the same.
    """

    def __init__(self, output: KafkaOutput, topic_prefix: str) -> None:
        self._output = output
        self._topic_prefix = topic_prefix

    def write(self, claim: Claim, refusals: Sequence[Refusal], now: datetime) -> None:
        """Send what was refused of a batch.

        Raises:
            Stopping: the worker was asked to end while it waited for the broker.
        """
        if not refusals:
            return
        tray = _Tray()
        writer = DeadLetterWriter(tray, self._topic_prefix)
        for refusal in refusals:
            writer.write(
                DeadLetter(
                    value=refusal.value,
                    code=refusal.error.code,
                    reason=refusal.error.reason,
                    stage=STAGE,
                    time=now,
                    source=refusal.source,
                    source_topic=claim.topic,
                    source_partition=claim.partition,
                    source_offset=refusal.offset,
                )
            )
        self._output.deliver(tray.messages)
