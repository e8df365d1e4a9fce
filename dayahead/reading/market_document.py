"""Reads market documents of the ENTSO-E Transparency Platform (IEC 62325-451-6, GL_MarketDocument).

A document has time series of periods. A period has a start, an end, a resolution and numbered points. Which points it
has depends on the curve type of its series: with A01 each, with A03 only those that differ from the point before, so a
number that is missing repeats the last one up to the end of the period. A gap in the data is a gap between periods.
Where there is no data, or the request is refused, the document is an Acknowledgement_MarketDocument with the reasons.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from dayahead.errors import MalformedAnswer
from dayahead.record_format import DIVISORS, HOUR_MINUTES

EVERY_POINT, CHANGES_ONLY = "A01", "A03"
MEGAWATT = "MAW"
NO_DATA_CODE, NO_DATA_TEXT = "999", "no matching data"
NAMESPACE_END = "}"
RESOLUTION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?")
LOAD_DOCUMENT, ACKNOWLEDGEMENT = "GL_MarketDocument", "Acknowledgement_MarketDocument"


@dataclass(frozen=True)
class Point:
    """The mean power of one period.

    Attributes:
        area: EIC code.
        start: of the period, UTC.
        minutes: length of the period.
        value: as written, in MW.
        curve: A01, or A03 where the value may be repeated.
    """

    area: str
    start: datetime
    minutes: int
    value: str
    curve: str


@dataclass(frozen=True)
class MarketDocument:
    """What a body says.

    Attributes:
        points: in the order of the document.
        refusal: the reasons of an acknowledgement; None if it is none, or if there is no data.
    """

    points: Sequence[Point] = ()
    refusal: str | None = None


def read_document(body: bytes) -> MarketDocument:
    """Read a body.

    Raises:
        MalformedAnswer: it is neither a document of load nor an acknowledgement, or it contradicts itself.
    """
    root = _tree(body)
    name = _name(root)
    if name == ACKNOWLEDGEMENT:
        return MarketDocument(refusal=_refusal(root))
    if name != LOAD_DOCUMENT:
        raise MalformedAnswer(f"a {name}, not a {LOAD_DOCUMENT}")
    return MarketDocument([point for series in _children(root, "TimeSeries") for point in _points_of(series)])


def one_resolution_an_hour(points: Iterable[Point]) -> list[Point]:
    """Leave out the points of hours that come in several resolutions, but for one.

    It is the finest one that has all periods of the hour, else the coarsest one.

    Args:
        points: of any number of areas.

    Returns:
        Those that are left, in their order.
    """
    given = list(points)
    found: dict[tuple[str, datetime], dict[int, set[datetime]]] = defaultdict(lambda: defaultdict(set))
    for point in given:
        found[_hour(point)][point.minutes].add(point.start)
    kept = {
        hour: min(
            (minutes for minutes, starts in lengths.items() if len(starts) == HOUR_MINUTES // minutes),
            default=max(lengths),
        )
        for hour, lengths in found.items()
    }
    return [point for point in given if point.minutes == kept[_hour(point)]]


def in_finest_resolution(points: Iterable[Point]) -> list[Point]:
    """Repeat coarser points, so that all are as far apart as the finest ones.

    The mean of an hour is the mean of its quarters whatever they are, and a change of resolution needs no guess.

    Args:
        points: of one area.

    Returns:
        Points with the length as published, each once for every finest period in it.
    """
    given = list(points)
    finest = min((point.minutes for point in given), default=HOUR_MINUTES)
    return [
        replace(point, start=point.start + timedelta(minutes=minute))
        for point in given
        for minute in range(0, point.minutes, finest)
    ]


def _tree(body: bytes) -> Element:
    """Parse XML without a document type: it could define entities that expand to gigabytes."""
    builder = TreeBuilder()
    parser = expat.ParserCreate(namespace_separator=NAMESPACE_END)
    parser.StartDoctypeDeclHandler = _refuse_document_type
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # or an encoding that is not known
        raise MalformedAnswer(f"no XML ({error})") from error
    return builder.close()


def _refuse_document_type(*_: object) -> NoReturn:
    raise MalformedAnswer("no XML of the platform (it has a document type)")


def _hour(point: Point) -> tuple[str, datetime]:
    return point.area, point.start.replace(minute=0)


def _points_of(series: Element) -> Iterator[Point]:
    area = _text(series, "outBiddingZone_Domain.mRID")
    unit = _text(series, "quantity_Measure_Unit.name")
    if unit != MEGAWATT:
        raise MalformedAnswer(f"a time series in {unit}, not in {MEGAWATT} (megawatts)")
    curve = _text(series, "curveType", EVERY_POINT)
    if curve not in (EVERY_POINT, CHANGES_ONLY):
        raise MalformedAnswer(f"a time series of curve type {curve}, not {EVERY_POINT} or {CHANGES_ONLY}")
    for period in _children(series, "Period"):
        interval = _child(period, "timeInterval")
        start, end = _moment(interval, "start"), _moment(interval, "end")
        minutes = _minutes(_text(period, "resolution"))
        length = timedelta(minutes=minutes)
        numbers = _numbered(period, (end - start) // length)
        if curve == CHANGES_ONLY:
            numbers = _repeated(numbers, (end - start) // length)
        for number, value in numbers:
            yield Point(area, start + (number - 1) * length, minutes, value, curve)


def _numbered(period: Element, count: int) -> list[tuple[int, str]]:
    """Number, from 1, and value of each point that is written."""
    points = []
    for point in _children(period, "Point"):
        written = _text(point, "position")
        if not written.isascii() or not written.isdigit() or not 1 <= int(written) <= count:
            raise MalformedAnswer(f"a point at position {written} of a period of {count}")
        points.append((int(written), _text(point, "quantity", "")))
    return sorted(points)


def _repeated(points: Sequence[tuple[int, str]], count: int) -> list[tuple[int, str]]:
    """The points, and the repetitions of each up to the next one, or to the end of the period."""
    ends = [*points, (count + 1, "")]
    return [
        (number, value)
        for (first, value), (following, _) in pairwise(ends)
        for number in range(first, max(following, first + 1))
    ]


def _minutes(resolution: str) -> int:
    found = RESOLUTION.fullmatch(resolution)
    minutes = HOUR_MINUTES * int(found[1] or 0) + int(found[2] or 0) if found else 0
    if minutes not in DIVISORS:
        raise MalformedAnswer(f"a period of resolution {resolution}, which does not divide an hour")
    return minutes


def _refusal(root: Element) -> str | None:
    reasons = [(_text(one, "code", ""), _text(one, "text", "")) for one in _children(root, "Reason")]
    if any(code == NO_DATA_CODE and NO_DATA_TEXT in text.lower() for code, text in reasons):
        return None
    return "; ".join(f"{code} {text}".strip() for code, text in reasons) or "no reason given"


def _moment(interval: Element, name: str) -> datetime:
    written = _text(interval, name)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError as error:
        raise MalformedAnswer(f"a period with the {name} {written!r}, which is no time") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _name(element: Element) -> str:
    return element.tag.rpartition(NAMESPACE_END)[2]  # each version of a document has a namespace of its own


def _children(element: Element, name: str) -> list[Element]:
    return [child for child in element if _name(child) == name]


def _child(element: Element, name: str) -> Element:
    found = _children(element, name)
    if not found:
        raise MalformedAnswer(f"a {_name(element)} without {name}")
    return found[0]


def _text(element: Element, name: str, default: str | None = None) -> str:
    if default is not None and not _children(element, name):
        return default
    return (_child(element, name).text or "").strip()
