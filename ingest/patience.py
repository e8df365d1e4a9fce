"""Retries of a read while the source is unavailable, for commands that run once."""

from collections.abc import Callable
from dataclasses import replace

from dayahead.errors import SourceUnavailable
from dayahead.reading.reader import Answer, Reader
from dayahead.retry import Backoff, Pause, retry


class PatientReader:
    """Retry a read a few times before it fails: for a command that runs once. The poller retries whole polls."""

    def __init__(
        self,
        *,
        reader: Reader,
        pause: Pause,
        backoff: Backoff,
        on_failure: Callable[[SourceUnavailable, float], None],
        attempts: int,
    ) -> None:
        """Wrap a reader.

        Args:
            reader: what reads.
            pause: waits between attempts.
            backoff: how long to wait.
            on_failure: called with each failure and the pause after it, in seconds.
            attempts: failures of one read after which to give up.
        """
        self._reader, self._pause, self._backoff = reader, pause, backoff
        self._on_failure, self._attempts = on_failure, attempts

    def read(self, start: int, end: int | None) -> Answer:
        """See `Reader.read`; retried while the source is unavailable, with its tables already read.

        A file is opened and parsed when its tables are read, so that one which is still being written fails there. The
        tables of an answer are therefore held in memory at once; the rows that a command makes of them take more.

        Raises:
            SourceRefused: the source rejects the request; a retry would not help.
            SourceUnavailable: it failed `attempts` times.
            Stopped: the process was asked to stop while it waited.
        """
        return retry(
            lambda: self._read(start, end),
            (SourceUnavailable,),
            backoff=self._backoff,
            pause=self._pause,
            on_failure=self._on_failure,
            attempts=self._attempts,
        )

    def _read(self, start: int, end: int | None) -> Answer:
        answer = self._reader.read(start, end)
        return replace(answer, tables=tuple(answer.tables))
