"""Finds the message of a batch on which the worker fails, and sets it aside; the others are taken in.

The rules of `stream.intake` reject what is known to be wrong. This is for what is not known: an error of the code that
one message causes each time would end every worker that reads it.
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
"""Takes messages of a partition in, all or none."""


class Isolation:
    """Takes batches in, in halves where an error is theirs.

    Args:
        take_in: takes messages in and moves the offset of the partition behind them.
        rebuild: reads the state of a partition from the tables again, since an error leaves it half changed.
    """

    def __init__(self, take_in: TakeIn, rebuild: Callable[[HeldPartition], None]) -> None:
        self._take_in, self._rebuild = take_in, rebuild

    def take_in(
        self, held: HeldPartition, decoded: Sequence[DecodedMessage], messages: Mapping[int, LogMessage]
    ) -> None:
        """Take messages in; one that fails alone, twice, becomes a dead letter with code `failed`.

        Args:
            held: the partition.
            decoded: of it, in the order of the log.
            messages: the same as they stand in the log, by offset.

        Raises:
            Exception: whatever is no error of a message: a server that is away, a partition that was lost, an error
                that comes without any row as well.
        """
        before = held.next_offset
        try:
            self._take_in(held, decoded)
        except Exception as error:
            # what is in the tables already was good: sending it out failed, which the next owner repeats
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
            self._take_in(held, [refused_whole(message, failed(error))])


def may_be_of_a_message(error: Exception) -> bool:
    """Whether a message may have caused an error, so that others may go through without it."""
    # of the internal errors, not those of the transaction: a server that became read-only refuses every message
    if isinstance(error, ContractError | psycopg.DataError | psycopg.IntegrityError | psycopg.errors.InternalError_):
        return True
    return not isinstance(error, DayaheadError | psycopg.Error | redis.RedisError | KafkaException | OSError)
