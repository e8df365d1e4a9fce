"""Faults of a source API, to be had on request: tests hold the poller against them."""

import threading
from collections import deque
from collections.abc import Iterable, Sequence
from enum import StrEnum

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from dayahead.reading.records import Record


class FaultKind(StrEnum):
    """What goes wrong with an answer."""

    TOO_MANY_REQUESTS = "too_many_requests"
    SERVER_ERROR = "server_error"
    HTML = "html"
    CUT_JSON = "cut_json"
    NO_RECORDS = "no_records"
    RECORDS_NOT_LIST = "records_not_list"
    REDIRECT = "redirect"
    NULL_VALUES = "null_values"


class Fault(BaseModel):
    """One fault, for some of the next answers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind = Field(description="What goes wrong")
    answers: int = Field(default=1, ge=1, description="How many of the next answers")
    retry_after: str | None = Field(default=None, description="Retry-After header: seconds or an HTTP date")


class Faults:
    """The faults that are still to come, in their order. Thread-safe."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._lock = threading.Lock()
        self._coming: deque[Fault] = deque()
        self.add(faults)

    def add(self, faults: Iterable[Fault]) -> None:
        """Let these come after those that wait already."""
        with self._lock:
            for fault in faults:
                self._coming.extend([fault] * fault.answers)

    def next(self) -> Fault | None:
        """The fault of the next answer, if it has one."""
        with self._lock:
            return self._coming.popleft() if self._coming else None

    def left(self) -> int:
        """How many answers still go wrong."""
        with self._lock:
            return len(self._coming)


def spoiled(fault: Fault, body: bytes) -> Response:
    """What is answered instead of a good answer.

    Args:
        fault: any but null_values, which spoils single records (`with_null_values`).
        body: the good answer.
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
