"""One publisher with its server, its source and readers of it, as a test uses them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from dayahead.hours import Hour, from_hour, to_hour
from dayahead.reading.converter import convert_answer
from dayahead.reading.http.budget import Budgets
from dayahead.reading.reader import Reader
from dayahead.reading.records import Rejection, Row, within
from dayahead.reading.source_file import kind_of, source_of
from dayahead.reading.source_kind import Surroundings
from dayahead.source import Source
from tests.dayahead.reading.kinds.conformance.loopback import Loopback, serving
from tests.dayahead.reading.kinds.conformance.stand_in import HOUR_MINUTES, Point, Request, Response, StandIn
from tests.ingest.building import ManualTime

KEY = "5up3r-s3cret/key+0042="
MOST_PARTS = 200
"""Answers that a read may take; more means that it does not advance."""

Values = dict[tuple[str, Hour], float]


@dataclass
class Room:
    """A publisher that has published some points.

    Attributes:
        publisher: the stand-in.
        server: its faults and requests.
        source: its source.
        now: the present moment of the readers.
        points: all that are published.
        usual: the reader of `read`, unless it is given another one.
    """

    publisher: StandIn
    server: Loopback
    source: Source
    resources: ExitStack
    now: datetime = datetime(2025, 11, 20, 12, 30, tzinfo=UTC)
    points: list[Point] = field(default_factory=list)
    time: ManualTime = field(default_factory=ManualTime)
    budgets: Budgets = field(init=False)
    usual: Reader = field(init=False)

    def __post_init__(self) -> None:
        """Start with nothing sent."""
        self.budgets = Budgets(monotonic=self.time.monotonic)
        self.usual = self.reader()

    def reader(self, budgets: Budgets | None = None, key: str | None = KEY) -> Reader:
        """A reader of the source.

        Args:
            budgets: of another process.
            key: the key that is set, if the publisher has one; None: not set.
        """
        name = self.publisher.key
        surroundings = Surroundings(
            clock=lambda: self.now,
            pause=self.time.pause,
            resources=self.resources,
            request_timeout_s=20,
            answer_timeout_s=60,
            max_records=self.publisher.max_records,
            keys={name: SecretStr(key)} if name and key else {},
            budgets=budgets or self.budgets,
        )
        return kind_of(self.source).reader(self.source, surroundings)

    def publish(self, start: datetime, hours: int, minutes: int | None = None) -> None:
        """Publish values of every series, each another, oldest first; short periods have their share of an energy.

        Args:
            start: of the first hour.
            hours: how many.
            minutes: length of a period; by default the usual one of the publisher.
        """
        minutes = minutes or self.publisher.resolutions[0]
        for period in range(hours * HOUR_MINUTES // minutes):
            moment = start + timedelta(minutes=period * minutes)
            for number, series in enumerate(self.publisher.series):
                value = 1000.0 + int(moment.timestamp()) // (60 * minutes) % 797 + number * 1000
                share = 1.0 if self.source.is_power else minutes / HOUR_MINUTES
                self.points.append(Point(series, moment, minutes, value * share))

    def revise(self, hour: datetime, series: str, by: float) -> None:
        """Change the values of one hour."""
        self.points = [
            Point(point.series, point.start, point.minutes, (point.value or 0) + by)
            if point.series == series and hour <= point.start < hour + timedelta(hours=1)
            else point
            for point in self.points
        ]

    def expected(self, start: datetime, end: datetime | None = None) -> Values:
        """The hourly values that the points mean, in the unit of the source."""
        parts: dict[tuple[str, Hour], list[Point]] = {}
        for point in self.points:
            if start <= point.start and (end is None or point.start < end) and point.value is not None:
                parts.setdefault((point.series, to_hour(point.start)), []).append(point)
        values: Values = {}
        for place, hour_points in parts.items():
            if sum(point.minutes for point in hour_points) == HOUR_MINUTES:
                total = sum(point.value or 0.0 for point in hour_points)
                whole = total / len(hour_points) if self.source.is_power else total
                values[place] = whole * self.source.scale
        return values

    def read(
        self, start: datetime, end: datetime | None = None, reader: Reader | None = None
    ) -> tuple[list[Row], list[Rejection]]:
        """Read as the poller does: on from the hour at which an answer was cut, then only the hours asked for."""
        reader = reader or self.usual
        first, last = to_hour(start), None if end is None else to_hour(end)
        position, rows, rejections = first, {}, []
        for _ in range(MOST_PARTS):
            answer = reader.read(position, last)
            conversion = convert_answer(answer, self.source, self.now)
            for row in within(conversion.rows, first, last):
                rows[row.series_id, row.hour] = row  # the later part wins, as in the log
            rejections += conversion.rejections
            if answer.cut_at is None:
                return list(rows.values()), rejections
            assert answer.cut_at > position, f"cut at {from_hour(answer.cut_at)} again: it does not advance"
            position = answer.cut_at
        raise AssertionError(f"{MOST_PARTS} answers and no end")

    def values(self, start: datetime, end: datetime | None = None) -> Values:
        """Read hourly values, none of which may be rejected."""
        rows, rejections = self.read(start, end)
        assert [(one.code, one.reason) for one in rejections] == []
        return values_of(rows)


def values_of(rows: Sequence[Row]) -> Values:
    """The values of rows by series and hour."""
    return {(row.series_id, row.hour): row.value for row in rows}


@contextmanager
def room_of(publisher: StandIn) -> Iterator[Room]:
    """Start the server of a publisher that has published nothing yet."""
    room: Room | None = None

    def answer(request: Request) -> Response:
        assert room is not None
        return publisher.answer(request, room.points)

    with serving(answer) as (address, server), ExitStack() as resources:
        fields = {"name": "stand-in", "kind": publisher.kind, "title": "A stand-in", **publisher.fields(address)}
        room = Room(publisher, server, source_of(fields), resources)
        yield room


def clock_changes(zone: str, year: int = 2025) -> list[datetime]:
    """The moments of a year at which clocks change, UTC; the middle of June and January where they never do."""
    day = datetime(year, 1, 1, tzinfo=UTC)
    hours = [day + timedelta(hours=hour) for hour in range(365 * 24)]
    info = ZoneInfo(zone)
    changes = [
        later
        for earlier, later in pairwise(hours)
        if earlier.astimezone(info).utcoffset() != later.astimezone(info).utcoffset()
    ]
    return changes or [datetime(year, 1, 15, tzinfo=UTC), datetime(year, 6, 15, tzinfo=UTC)]


def midnight(moment: datetime, zone: str, days: int = 0) -> datetime:
    """The start of the local day of a moment, or of a day after it, UTC."""
    day: date = moment.astimezone(ZoneInfo(zone)).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
