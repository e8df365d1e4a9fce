"""Messages that are not handed over whole, so that none can fill the memory of a worker or stop its reading."""

from hashlib import sha256
from typing import Self

from dayahead.contracts import MAX_MESSAGE_BYTES
from dayahead.dead_letters import STUB_BYTES, Stub
from dayahead.errors import ContractError, DeadLetterCode


class Withheld(bytes):
    """The beginning of a message, in the place of its value; bytes, since Faust passes nothing else on.

    Attributes:
        error: why the message is set aside; None where nothing is known against it, or where it is part of a batch
            whose first message has the letter of all.
        stub: what is known of the whole; None where nothing is.
        is_in_log: whether the log gives the whole value to another reader (`stream.servers.log_reader.Log.value_at`).
    """

    error: ContractError | None
    stub: Stub | None
    is_in_log: bool

    @classmethod
    def of(cls, beginning: bytes, error: ContractError | None, stub: Stub | None, *, is_in_log: bool) -> Self:
        """Withhold a message of which only the beginning is kept."""
        withheld = cls(beginning[:STUB_BYTES])
        withheld.error, withheld.stub, withheld.is_in_log = error, stub, is_in_log
        return withheld

    @classmethod
    def too_large(cls, value: bytes) -> Self:
        """Withhold a message that is larger than the contract allows."""
        return cls.of(value, too_large(value), Stub(len(value), sha256(value).hexdigest()), is_in_log=True)


def too_large(value: bytes) -> ContractError:
    """The error of a message that is larger than the contract allows."""
    return ContractError(
        DeadLetterCode.TOO_LARGE,
        f"the message has {len(value):,} bytes and may have {MAX_MESSAGE_BYTES:,}: send fewer rows in each",
    )
