"""Times as sources write them, in UTC: with or without an offset, also where a clock is put forward or back."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dayahead.errors import ContractError, DeadLetterCode

SECONDS = 60


class LocalTimes:
    """Reads the time column of one answer.

    In the night when clocks are set back, a wall time without an offset comes twice for each series; the order of
    occurrence decides which is which, for which the direction of the answer must be known.
    """

    def __init__(self, zone: str) -> None:
        """Start on an answer.

        Args:
            zone: IANA name of the zone of times that carry no offset.
        """
        self._zone = ZoneInfo(zone)
        self._name = zone
        self._newest_first = False
        self._plain: dict[object, int] = {}  # moment as written -> minute, where that is all that matters
        self._seen: dict[tuple[object, tuple[str, ...]], int] = {}

    def learn_direction(self, times: Iterable[object]) -> None:
        """Find out whether an answer has its newest times first.

        Args:
            times: the time column in the order of the answer.
        """
        if self._name == "UTC":
            return
        first: datetime | None = None
        for written in times:
            try:
                moment = _parsed(written)
            except ContractError:
                continue
            wall = moment.replace(tzinfo=None)
            if first is None:
                first = wall
            elif wall != first:
                self._newest_first = wall < first
                return

    def minute_of(self, written: object, keys: tuple[str, ...]) -> int:
        """Whole minutes since 1970-01-01T00:00Z.

        Args:
            written: text in ISO 8601 or a datetime.
            keys: of the record's series: wall times repeat for each series by itself.

        Raises:
            ContractError: it is no time, has seconds, or is skipped by the clock that day.
        """
        if not isinstance(written, str | datetime):
            raise ContractError(DeadLetterCode.BAD_TIME, f"{written!r} is no time as ISO 8601 writes it")
        if (known := self._plain.get(written)) is not None:
            return known
        moment = _parsed(written)
        if moment.second or moment.microsecond:
            raise ContractError(DeadLetterCode.NOT_ON_THE_HOUR, f"{written} is not on a whole minute")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=self._zone, fold=0)
            if moment.utcoffset() != (later := moment.replace(fold=1)).utcoffset():
                if _exists(moment):
                    return _minute(later if self._is_second(written, keys) else moment)
                raise ContractError(
                    DeadLetterCode.BAD_TIME, f"{written} does not exist in {self._name}: the clock is put forward"
                )
        self._plain[written] = _minute(moment)
        return self._plain[written]

    def _is_second(self, written: object, keys: tuple[str, ...]) -> bool:
        """Whether a wall time that comes twice is meant the second time; a third is taken for the second."""
        times = self._seen.get((written, keys), 0)
        self._seen[written, keys] = times + 1
        return (times == 0) if self._newest_first else (times > 0)


def _parsed(written: object) -> datetime:
    if isinstance(written, datetime):
        return written
    if isinstance(written, str):
        try:
            return datetime.fromisoformat(written)
        except ValueError:
            pass
    raise ContractError(DeadLetterCode.BAD_TIME, f"{written!r} is no time as ISO 8601 writes it")


def _exists(moment: datetime) -> bool:
    """Whether a wall time is shown by a clock at all, which the spring night leaves out an hour of."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) == moment.replace(tzinfo=None)


def _minute(moment: datetime) -> int:
    return int(moment.timestamp() // SECONDS)
