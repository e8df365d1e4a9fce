"""The replay as a web application: `/dataset/{name}` like the API's, with `/_clock` and `/_faults` for tests."""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request, Response

from dayahead.hours import Hour, format_utc, from_hour
from dayahead.reading.hour_text import hour_of
from dayahead.source import Source
from ingest.replay.clock import ReplayClock
from ingest.replay.faults import Fault, FaultKind, Faults, spoiled, with_null_values
from ingest.replay.query import ApiError, Query
from ingest.replay.records import ReplayRecords


def make_app(
    source: Source,
    records: ReplayRecords,
    clock: ReplayClock,
    faults: Faults | None = None,
    min_request_interval_s: float = 0.0,
    monotonic: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """Build the application.

    Args:
        source: names the dataset and its columns.
        records: the records to publish, hour by hour.
        clock: up to which hour they are published.
        faults: responses that are faulty.
        min_request_interval_s: requests closer than this are answered 429, as the API does with 60.
        monotonic: monotonic clock, in seconds.
    """
    app = FastAPI(title="Replay of a source API", openapi_url=None)
    coming = faults or Faults()
    gate = _Gate(min_request_interval_s, monotonic)
    values = list(source.values_in(records.columns))

    @app.get("/dataset/{name}")
    def dataset(name: str, request: Request) -> Response:
        if (wait_s := gate.seconds_left()) > 0:
            return Response("Too many requests", 429, {"Retry-After": str(int(wait_s) + 1)}, "text/plain")
        if name != (source.model_extra or {}).get("dataset"):
            raise ApiError(HTTPStatus.NOT_FOUND, f"dataset {name} does not exist")
        query = Query.parse(dict(request.query_params), records.columns)
        fault = coming.next()
        spoils_answer = fault is not None and fault.kind is not FaultKind.NULL_VALUES
        published = clock.end
        end = published if query.end is None else min(query.end, published)
        if not spoils_answer and end == published:
            clock.fetched()
        total, given = query.answer(records.between(query.start, end))
        if fault is not None and fault.kind is FaultKind.NULL_VALUES:
            given = with_null_values(given, values)
        envelope: dict[str, object] = {"total": total}
        if query.sort:
            envelope["sort"] = query.sort
        if query.limit:
            envelope["limit"] = query.limit
        body = orjson.dumps({**envelope, "dataset": name, "records": given}, default=_text)
        if fault is not None and spoils_answer:
            return spoiled(fault, body)
        return Response(body, media_type="application/json")

    @app.get("/_clock")
    def virtual_time() -> dict[str, str | bool]:
        return {"end": _hour_text(clock.end), "over": clock.is_over}

    @app.post("/_clock")
    def move(end: str) -> dict[str, str | bool]:

        clock.move_to(hour_of(end, "end"))
        return virtual_time()

    @app.get("/_faults")
    def faults_left() -> dict[str, int]:
        return {"left": coming.left()}

    @app.post("/_faults")
    def add_faults(added: list[Fault]) -> dict[str, int]:
        coming.add(added)
        return faults_left()

    @app.exception_handler(ApiError)
    def refuse(_: Request, error: ApiError) -> Response:
        body = orjson.dumps({"statusCode": error.status.value, "message": error.message})
        return Response(body, error.status.value, media_type="application/json")

    return app


class _Gate:
    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._seconds, self._monotonic = seconds, monotonic
        self._next = 0.0
        self._lock = threading.Lock()

    def seconds_left(self) -> float:
        """Seconds until a request is allowed; 0 allows this one."""
        with self._lock:
            now = self._monotonic()
            if self._seconds and now < self._next:
                return self._next - now
            self._next = now + self._seconds
            return 0.0


def _hour_text(hour: Hour) -> str:
    return format_utc(from_hour(hour))


def _text(value: object) -> str:
    return str(value)
