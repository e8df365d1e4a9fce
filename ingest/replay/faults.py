"""Faults of a source API on request, to test the poller against."""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from enum import StrEnum

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from dayahead.reading.record_table import Record


class FaultKind(StrEnum):
    """What is wrong with a response."""

    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    HTML = "html"
    CUT_JSON = "cut_json"
    NO_RECORDS = "no_records"
    RECORDS_NOT_LIST = "records_not_list"
    REDIRECT = "redirect"
    NULL_VALUES = "null_values"


class Fault(BaseModel):
    """One fault, for some of the next responses."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind = Field(description="Kind of fault")
    answers: int = Field(default=1, ge=1, description="Number of responses that it affects")
    retry_after: str | None = Field(default=None, description="Retry-After header: seconds or an HTTP date")


class Faults:
    """The queue of faults. Thread-safe."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._coming: deque[Fault] = deque()
        self.add(faults)

    def add(self, faults: Iterable[Fault]) -> None:
        """Append to the queue."""
        with self._lock:
            for fault in faults:
                self._coming.extend([fault] * fault.answers)

    def next(self) -> Fault | None:
        """Take the fault of the next response; None if the queue is empty."""
        with self._lock:
            return self._coming.popleft() if self._coming else None

    def left(self) -> int:
        """How many responses will still be faulty."""
        with self._lock:
            return len(self._coming)


def spoiled(fault: Fault, body: bytes) -> Response:
    """The faulty response.

    Args:
        fault: any but null_values, which changes single records (`with_null_values`).
        body: of the correct response.
    """
    status, text, media_type = {
        FaultKind.TOO_MANY_REQUESTS: (429, b"Too many requests", "text/plain"),
        FaultKind.SERVER_ERROR: (502, _html("502 Bad Gateway"), "text/html"),
        FaultKind.HTML: (200, _html("Service under maintenance"), "text/html"),
        FaultKind.CUT_JSON: (200, body[: len(body) // 2], "application/json"),
        FaultKind.NO_RECORDS: (200, b'{"total":0}', "application/json"),
        FaultKind.RECORDS_NOT_LIST: (200, b'{"total":1,"records":"none"}', "application/json"),
        FaultKind.REDIRECT: (302, b"", "text/plain"),
    }[fault.kind]
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
    if fault.kind is FaultKind.REDIRECT:
        headers["Location"] = "https://example.org/moved"
    return Response(text, status, headers, media_type)


def _html(title: str) -> bytes:
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>".encode()


def with_null_values(records: Sequence[Record], columns: Sequence[str]) -> list[Record]:
    """The records without their values."""
    return [{**record, **dict.fromkeys(columns)} for record in records]
