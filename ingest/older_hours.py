"""The newest hour that a source has before the range of its first poll, for the message that it has none within."""

from dayahead.hours import Clock, Hour
from dayahead.reading.converter import convert_answer
from dayahead.reading.reader import Reader
from dayahead.reading.records import newest_hour
from dayahead.reading.source_file import kind_of
from dayahead.rules import RowRules
from dayahead.source import Source


class OlderHours:
    """Reads a whole source, once for each version; only for kinds whose reader knows the version, such as a file."""

    def __init__(self, source: Source, reader: Reader, clock: Clock) -> None:
        """Start; nothing is read yet.

        Args:
            source: what is polled.
            reader: reads it.
            clock: the present moment.
        """
        self._source, self._reader, self._clock = source, reader, clock
        self._version: object | None = None
        self._newest: Hour | None = None

    def newest_before(self, start: Hour) -> Hour | None:
        """The newest hour before `start`; None if it is unknown.

        Raises:
            SourceUnavailable, SourceRefused: the source cannot be read.
        """
        version = kind_of(self._source).version(self._source)
        if version is None:
            return None
        if version != self._version:
            answer = self._reader.read(RowRules(self._source).oldest, start)
            self._newest = newest_hour(convert_answer(answer, self._source, self._clock()).rows)
            self._version = version
        return self._newest
