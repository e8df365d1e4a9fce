"""Finds the message of a batch that makes the worker fail, and rejects it; the others are processed.

The rules of `stream.intake` reject known faults. This handles the unknown ones: a message that makes the code raise
would crash every worker that reads it.
"""

from collections.abc import Callable, Mapping, Sequence

import psycopg
import redis
import structlog
from confluent_kafka import KafkaException

from dayahead.errors import ContractError, DayaheadError
from stream.intake.decode import DecodedMessage, failed, refused_whole
from stream.partition.held import HeldPartition
from stream.servers.log_reader import LogMessage

log = structlog.get_logger()

TakeIn = Callable[[HeldPartition, Sequence[DecodedMessage]], None]
"""Processes messages of a partition, all or none."""


class Isolation:
    """Processes batches, and bisects a batch that may cause an error.

    Args:
        take_in: processes messages and advances the offset of the partition past them.
        rebuild: rebuilds the state of a partition from the tables, since an error leaves it inconsistent.
    """

    def __init__(self, take_in: TakeIn, rebuild: Callable[[HeldPartition], None]) -> None:
        self._take_in, self._rebuild = take_in, rebuild

    def take_in(
        self, held: HeldPartition, decoded: Sequence[DecodedMessage], messages: Mapping[int, LogMessage]
    ) -> None:
        """Process messages; one that fails alone, twice, becomes a dead letter with code `failed`.

        Args:
            held: the partition.
            decoded: of it, in the order of the log.
            messages: the same as they stand in the log, by offset.

        Raises:
            Exception: any error that no message causes: an unreachable server, a lost partition, an error that also
                occurs without any row.
        """
        before = held.next_offset
        try:
            self._take_in(held, decoded)
        except Exception as error:
            # the batch is committed, so it is valid: publishing it failed, which the next owner retries
            if held.next_offset != before or not may_be_of_a_message(error):
                raise
            log.exception(
                "batch_failed",
                partition=held.claim.partition,
                first_offset=decoded[0].offset,
                messages=len(decoded),
            )
            self._rebuild(held)
        else:
            return
        if len(decoded) == 1:
            self._alone(held, decoded[0], messages[decoded[0].offset])
            return
        middle = len(decoded) // 2
        self.take_in(held, decoded[:middle], messages)
        self.take_in(held, decoded[middle:], messages)

    def _alone(self, held: HeldPartition, decoded: DecodedMessage, message: LogMessage) -> None:
        before = held.next_offset
        try:
            self._take_in(held, [decoded])
        except Exception as error:
            if held.next_offset != before or not may_be_of_a_message(error):
                raise
            log.exception("message_failed", partition=held.claim.partition, offset=message.offset)
            self._rebuild(held)
            self._take_in(held, [refused_whole(message, failed(error), decoded.source)])


def may_be_of_a_message(error: Exception) -> bool:
    """Check whether a message may have caused an error, so that the others may succeed without it."""
    # InternalError_ itself, not its siblings of transactions: a read-only server rejects every message
    if isinstance(error, ContractError | psycopg.DataError | psycopg.IntegrityError | psycopg.errors.InternalError_):
        return True
    return not isinstance(error, DayaheadError | psycopg.Error | redis.RedisError | KafkaException | OSError)
