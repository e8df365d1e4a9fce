"""Selects the messages of Faust that follow the offset of a partition: skips duplicates, stops at a gap."""

from collections.abc import Sequence

from stream.ownership.takeover import Takeover
from stream.partition.held import HeldPartition
from stream.servers.log_reader import Log, LogMessage


class LogOrder:
    """Compares messages with the next offset of a partition, and queries the log where they do not follow."""

    def __init__(self, kafka_log: Log, takeover: Takeover) -> None:
        self._log, self._takeover = kafka_log, takeover

    def of(self, held: HeldPartition, messages: Sequence[LogMessage]) -> tuple[list[LogMessage], bool]:
        """Return the messages that follow without a gap; False where others follow after a gap.

        Raises:
            StorageError: messages that are not in the tables are no longer in the log.
        """
        ready: list[LogMessage] = []
        expected = held.next_offset
        for message in messages:
            if message.offset < expected:
                continue
            if message.offset > expected:
                low, high = self._log.bounds(held.claim.topic, held.claim.partition)
                if expected < low:
                    if ready:
                        return ready, False
                    expected = held.next_offset = self._takeover.lose(held.claim, expected, low, high)
                if message.offset > expected and not self._is_hole(held, expected, message.offset):
                    return ready, False
            ready.append(message)
            expected = message.offset + 1
        return ready, True

    def _is_hole(self, held: HeldPartition, expected: int, found: int) -> bool:
        """Check whether the log itself has no messages between two offsets (such as transaction markers)."""
        return self._log.first_from(held.claim.topic, held.claim.partition, expected) == found
