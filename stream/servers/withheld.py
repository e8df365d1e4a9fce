"""Messages of which only the first bytes are kept, so that no message can exhaust memory or block the partition."""

from hashlib import sha256
from typing import Self

from dayahead.contracts import MAX_MESSAGE_BYTES
from dayahead.dead_letters import STUB_BYTES, Stub
from dayahead.errors import ContractError, DeadLetterCode


class Withheld(bytes):
    """The first bytes of a message, in place of its value; a subclass of bytes, since Faust passes only bytes.

    Attributes:
        error: why the message is rejected; None where no error is known, or where the first message of its batch
            carries the dead letter of the whole batch.
        stub: size and checksum of the whole, None where they are unknown.
        is_in_log: whether another reader gets the whole value from the log (`stream.servers.log_reader.Log.value_at`).
    """

    error: ContractError | None
    stub: Stub | None
    is_in_log: bool

    @classmethod
    def of(cls, beginning: bytes, error: ContractError | None, stub: Stub | None, *, is_in_log: bool) -> Self:
        """Withhold a message; keep its first bytes only."""
        withheld = cls(beginning[:STUB_BYTES])
        withheld.error, withheld.stub, withheld.is_in_log = error, stub, is_in_log
        return withheld

    @classmethod
    def too_large(cls, value: bytes) -> Self:
        """Withhold a message that is larger than the contract allows."""
        return cls.of(value, too_large(value), Stub(len(value), sha256(value).hexdigest()), is_in_log=True)


def too_large(value: bytes) -> ContractError:
    """Return the error of a message that is larger than the contract allows."""
    return ContractError(
        DeadLetterCode.TOO_LARGE,
        f"the message has {len(value):,} bytes and may have {MAX_MESSAGE_BYTES:,}: send fewer rows in each",
    )
