"""Sends rejected rows and messages to the dead letters."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from dayahead.dead_letters import DeadLetter, count_letter
from dayahead.storage.tables.worker_offset import Claim
from dayahead.topics import DEAD_LETTERS
from dayahead.tracing import spans
from stream.intake.decode import Refusal
from stream.servers.kafka_output import KafkaOutput, Outgoing
from stream.servers.log_reader import Log
from stream.servers.withheld import Withheld

STAGE = "stream"
AT_ONCE_BYTES = 16 * 1024 * 1024
"""Limit of dead letters in memory before they are sent, bytes."""


class RefusalWriter:
    """Sends dead letters and waits for acknowledgement before the offset advances.

    A batch that is repeated after a crash sends its dead letters again; topic, partition and offset in the headers and
    the value identify duplicates. A dead letter that is too large for the broker is sent as a stub.
    """

    def __init__(self, output: KafkaOutput, kafka_log: Log, topic_prefix: str) -> None:
        self._output, self._log = output, kafka_log
        self._topic = topic_prefix + DEAD_LETTERS.name

    def write(self, claim: Claim, refusals: Sequence[Refusal], now: datetime) -> None:
        """Send the rejected rows and messages of a batch.

        Raises:
            Stopped: the worker was asked to stop while it waited for the broker.
        """
        held: list[Outgoing] = []
        size = 0
        for refusal in refusals:
            letter = self._letter(claim, refusal, now)
            count_letter(letter)
            held.append(self._outgoing(letter))
            size += len(letter.value)
            if size > AT_ONCE_BYTES:
                self._output.deliver(held)
                held, size = [], 0
        if held:
            self._output.deliver(held)

    def _letter(self, claim: Claim, refusal: Refusal, now: datetime) -> DeadLetter:
        value, stub = refusal.value, None
        if isinstance(value, Withheld):
            whole = self._log.value_at(claim.topic, claim.partition, refusal.offset) if value.is_in_log else None
            value, stub = (bytes(value), value.stub) if whole is None else (whole, None)
        return DeadLetter(
            value=value,
            code=refusal.error.code,
            reason=refusal.error.reason,
            stage=STAGE,
            time=now,
            source=refusal.source,
            series_id=refusal.series_id,
            source_topic=claim.topic,
            source_partition=claim.partition,
            source_offset=refusal.offset,
            carried=refusal.carried,
            stub=stub,
        )

    def _outgoing(self, letter: DeadLetter) -> Outgoing:
        shorter = None if letter.stub else partial(self._shorter, letter)
        headers = [*letter.headers(), *spans.headers()]
        return Outgoing(self._topic, letter.value, headers=headers, shorter=shorter)

    def _shorter(self, letter: DeadLetter) -> Outgoing:
        return self._outgoing(letter.shortened())
