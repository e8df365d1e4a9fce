"""The interface of a stand-in: how one publisher answers over HTTP, described by the test of its kind.

To test a kind, add a module to `publishers/` with a subclass of `StandIn`; `test_conformance.py` runs all its tests for
every one. A stand-in renders points as the publisher writes them and reads what is asked from the request, from the
publisher's documentation alone: it shares no code with the kind.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

HOUR_MINUTES = 60


@dataclass(frozen=True)
class Point:
    """One value as the publisher has it.

    Attributes:
        series: series_id that it belongs to in Dayahead.
        start: of its period, UTC.
        minutes: length of the period.
        value: in the publisher's unit; None: published without a value.
    """

    series: str
    start: datetime
    minutes: int
    value: float | None


@dataclass(frozen=True)
class Request:
    """What a reader asks.

    Attributes:
        path: with the leading slash.
        query: each parameter with its values.
        headers: names in small letters.
    """

    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]

    def parameter(self, name: str, default: str = "") -> str:
        """The first value of a parameter."""
        return self.query.get(name, [default])[0]


@dataclass(frozen=True)
class Response:
    """What the server answers."""

    body: bytes | str = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class StandIn(ABC):
    """A publisher, as its own documentation describes it.

    Attributes:
        kind: name of the kind that is tested.
        series: series_ids that the source of `fields` has, one or more.
        zone: time zone of the publisher's local days: both clock changes are tested in it.
        resolutions: lengths of a period that the publisher has, in minutes, the usual one first; with one only, it
            never changes.
        cap_h: hours (of all series) that no single response holds; None: the publisher has no limit.
        writes_nulls: whether a value can be missing from a record that exists.
        key: name of the key; None: the publisher has none.
        max_records: DAYAHEAD_MAX_RECORDS, for a kind that asks for so many.
    """

    kind: ClassVar[str]
    series: ClassVar[Sequence[str]]
    zone: ClassVar[str] = "UTC"
    resolutions: ClassVar[Sequence[int]] = (HOUR_MINUTES, 15)
    cap_h: ClassVar[int | None] = None
    writes_nulls: ClassVar[bool] = True
    key: ClassVar[str | None] = None
    max_records: ClassVar[int] = 200_000

    @abstractmethod
    def fields(self, address: str) -> Mapping[str, Any]:
        """The source file without `name`, `kind` and `title`.

        Args:
            address: of the server, http://127.0.0.1:PORT, for `url`.
        """

    @abstractmethod
    def answer(self, request: Request, points: Sequence[Point]) -> Response:
        """The answer to a request, with the publisher's own limits.

        Args:
            request: what was asked.
            points: all that are published, in the order of time; none: nothing was ever published.
        """

    def no_data(self, request: Request) -> Response:
        """How the publisher says that it has nothing; by default an answer without points."""
        return self.answer(request, [])

    def key_refused(self, key: str) -> Response:
        """How it answers a wrong key."""
        return Response(f'{{"error": "invalid key {key}"}}', 401, {"Content-Type": "application/json"})

    def has_key(self, request: Request, key: str) -> bool:
        """Whether a request carries the key where the publisher expects it."""
        raise NotImplementedError
