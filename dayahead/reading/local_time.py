"""Converts times of sources to UTC: with or without an offset, across clock changes."""

from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from dayahead.errors import ContractError, DeadLetterCode

SECONDS = 60


class LocalTimes:
    """Converts the time column of one answer.

    When clocks are set back, a wall time without an offset occurs twice for each series; their order decides which is
    which, so the direction of the answer must be known.
    """

    def __init__(self, zone: str) -> None:
        """Start a new answer.

        Args:
            zone: IANA name of the zone of times without an offset.
        """
        self._zone = ZoneInfo(zone)
        self._name = zone
        self._newest_first = False
        self._plain: dict[object, int] = {}  # time as written -> minute, if it is unambiguous
        self._seen: dict[tuple[object, tuple[str, ...]], int] = {}

    def learn_direction(self, times: Iterable[object]) -> None:
        """Detect whether an answer has its newest times first.

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
            keys: of the record's series: wall times repeat for each series separately.

        Raises:
            ContractError: it is not a time, has seconds, or does not exist because clocks are set forward.
        """
        if not isinstance(written, str | datetime):
            raise ContractError(DeadLetterCode.BAD_TIME, f"{written!r} is not an ISO 8601 time")
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
                    DeadLetterCode.BAD_TIME, f"{written} does not exist in {self._name}: clocks are set forward"
                )
        self._plain[written] = _minute(moment)
        return self._plain[written]

    def _is_second(self, written: object, keys: tuple[str, ...]) -> bool:
        """Whether a repeated wall time is the second occurrence; a third counts as the second."""
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
    raise ContractError(DeadLetterCode.BAD_TIME, f"{written!r} is not an ISO 8601 time")


def _exists(moment: datetime) -> bool:
    """Whether a wall time exists: one hour is skipped when clocks are set forward."""
    return moment.astimezone(UTC).astimezone(moment.tzinfo).replace(tzinfo=None) == moment.replace(tzinfo=None)


def _minute(moment: datetime) -> int:
    return int(moment.timestamp() // SECONDS)
