"""What the code under test logs: the services that a session of tests shares log in the same process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.testing import capture_logs
from structlog.typing import EventDict, WrappedLogger


@contextmanager
def logged_here() -> Iterator[list[EventDict]]:
    """The lines that the caller's thread logs inside the block."""
    here = threading.get_ident()

    def only_here(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        if threading.get_ident() != here:
            raise structlog.DropEvent
        return line

    with capture_logs(processors=[only_here]) as lines:
        yield lines
