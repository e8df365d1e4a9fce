"""The newest hour that a source has before the range of its first poll, for the message that it has none within."""

from pathlib import Path

from dayahead.hours import Clock, Hour
from dayahead.reading.reader import Reader
from dayahead.reading.records import convert, newest_hour
from dayahead.rules import RowRules
from dayahead.source import Source, SourceKind


class OlderHours:
    """Reads a file whole, once for each version of it; a source over HTTP is not asked for this."""

    def __init__(self, source: Source, reader: Reader, clock: Clock) -> None:
        """Start; nothing is read yet.

        Args:
            source: what is polled.
            reader: reads it.
            clock: the present moment.
        """
        self._source, self._reader, self._clock = source, reader, clock
        self._version: tuple[int, int] | None = None
        self._newest: Hour | None = None

    def newest_before(self, start: Hour) -> Hour | None:
        """The newest hour before `start`; None where it is not known.

        Raises:
            SourceUnavailable, SourceRefused: the file cannot be read.
        """
        if self._source.kind is not SourceKind.FILE or self._source.path is None:
            return None
        version = _version(self._source.path)
        if version is None or version != self._version:
            records = self._reader.read(RowRules(self._source).oldest, start).records
            self._newest = newest_hour(convert(records, self._source, self._clock()).rows)
            self._version = version
        return self._newest


def _version(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:  # the read says what is wrong
        return None
    return status.st_mtime_ns, status.st_size
