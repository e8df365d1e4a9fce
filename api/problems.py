"""Errors of the API: problem details (RFC 9457), each naming the thing, the value and the remedy."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from dayahead.contracts import ReleaseAnnouncement
from dayahead.errors import AlreadyChampionError, DayaheadError, NothingToRollBackError, ReleaseError, ReportError

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5
MAX_VALUE_LENGTH = 200


class BadParameter(BaseModel):
    """One rejected parameter."""

    parameter: str = Field(description="Name of the parameter or field")
    value: Any = Field(
        default=None, description="What was sent as a parameter, cut to 200 characters; null for a field of the body"
    )
    reason: str = Field(description="What is wrong with it and which form is allowed")


class ProblemDocument(BaseModel):
    """The body of every error (RFC 9457)."""

    type: str = Field(description="Kind of problem: urn:dayahead:problem:…")
    title: str = Field(description="The kind in words, the same for each occurrence")
    status: int = Field(description="HTTP status")
    detail: str = Field(description="What happened this time and what to do about it")
    instance: str = Field(description="Path of the request")
    close_matches: list[str] | None = Field(default=None, description="Series that the caller may have meant")
    parameters: list[BadParameter] | None = Field(default=None, description="Parameters that were refused")


class Problem(DayaheadError):  # noqa: N818 - the RFC's word
    """An error that is sent to the caller."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        close_matches: list[str] | None = None,
        parameters: Sequence[BadParameter] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.kind, self.title, self.detail = status, kind, title, detail
        self.headers = headers or {}
        self.close_matches = close_matches
        self.parameters = list(parameters) if parameters else None

    def response(self, path: str) -> Response:
        """Return the answer with the error."""
        document = ProblemDocument(
            type=f"urn:dayahead:problem:{self.kind}",
            title=self.title,
            status=self.status,
            detail=self.detail,
            instance=path,
            close_matches=self.close_matches,
            parameters=self.parameters,
        )
        return Response(
            _json(document.model_dump(exclude_none=True)),
            self.status,
            {"Cache-Control": "no-store", **self.headers},
            MEDIA_TYPE,
        )


def _sent(fault: Mapping[str, Any]) -> str | None:
    """Return the value of a rejected parameter; nothing of a body, which may be large or private."""
    value = fault.get("input")
    return None if fault["loc"][0] == "body" or value is None else str(value)[:MAX_VALUE_LENGTH]


def _json(document: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(document, default=str)
    except orjson.JSONEncodeError:  # the value to send back has a lone surrogate or a huge integer
        return json.dumps(document, default=str).encode()


def unknown_series(series_id: str, close_matches: list[str]) -> Problem:
    """No series has this id."""
    hint = f"Did you mean {', '.join(close_matches)}?" if close_matches else "GET /v1/series lists what there is."
    return Problem(
        404, "unknown-series", "Unknown series", f"No series {series_id!r}. {hint}", close_matches=close_matches
    )


def unknown_area(area: str, close_matches: list[str]) -> Problem:
    """No series has this first label."""
    hint = f"Did you mean {', '.join(close_matches)}?" if close_matches else "`areas` of GET /v1/series lists them."
    detail = f"No series is in area {area!r}. {hint}"
    return Problem(404, "unknown-area", "Unknown area", detail, close_matches=close_matches)


def unknown_gate(gate: str, known: Sequence[str]) -> Problem:
    """No source has this gate."""
    there = f"There are: {', '.join(known)}." if known else "No source has `gates` in its file."
    return Problem(404, "unknown-gate", "Unknown gate", f"No source has a gate at {gate}. {there}")


def no_forecast(series_id: str, detail: str) -> Problem:
    """The series is known, but the forecast that was asked for does not exist."""
    return Problem(404, "no-forecast", "No such forecast", f"Series {series_id!r}: {detail}")


def no_weather(series_id: str, source: str) -> Problem:
    """The series is known, and follows no weather."""
    return Problem(
        404,
        "no-weather",
        "The series follows no weather",
        f"Series {series_id!r}: source {source!r} names no location for it. Add `weather` to the file of the source; "
        "`dayahead weather choose` proposes locations.",
    )


def weather_not_polled(series_id: str, weather: str) -> Problem:
    """The series would follow weather that nothing has ever published."""
    return Problem(
        404,
        "no-weather",
        "The series follows no weather",
        f"Series {series_id!r}: its weather source {weather!r} has never been polled. Name its file by "
        "DAYAHEAD_WEATHER_SOURCE, or by `dayahead ingest --weather`, and read what its licence allows.",
    )


def rollback_leads_elsewhere(wanted: str, present: ReleaseAnnouncement) -> Problem:
    """The champion changed since the release that a rollback leads to was read; the caller commits nothing."""
    return Problem(
        409,
        "champion-changed",
        "The champion changed meanwhile",
        f"Release {present.previous} serves now, and a rollback would lead to {present.release}, not to {wanted}. "
        "Nothing was changed: read `rollback_to` of /v1/models again.",
    )


def no_report_page(report: int, failure: str) -> Problem:
    """The report could not be made."""
    return Problem(404, "no-report-page", "The report could not be made", f"Report {report} has no page: {failure}")


def no_model_library(missing: str) -> Problem:
    """The process has no library that evaluates models."""
    return Problem(
        501,
        "no-model-library",
        "This API cannot evaluate models",
        f"Module {missing!r} is not installed next to this API: install what workers have, or ask another API.",
    )


def too_busy(what: str, wait_s: float) -> Problem:
    """Others wait for the same work."""
    return Problem(
        503,
        "too-busy",
        "Too many requests of this kind at once",
        f"{what} is computed for one request at a time, and others took {wait_s:g} s: try again.",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


def bad_parameter(parameter: str, value: object, reason: str) -> Problem:
    """One parameter is outside what is allowed."""
    return Problem(
        422,
        "bad-parameter",
        "A parameter is not allowed",
        f"{parameter}: {reason}",
        parameters=[BadParameter(parameter=parameter, value=value, reason=reason)],
    )


def server_away(server: str, remedy: str) -> Problem:
    """A server that the answer needs does not answer."""
    return Problem(
        503,
        "server-away",
        "A server is away",
        f"{server} does not answer. {remedy}",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


def database_away() -> Problem:
    """TimescaleDB does not answer."""
    return server_away("TimescaleDB", "Try again; an operator finds the reason in /health/ready.")


RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {"model": ProblemDocument, "description": "A parameter is not allowed; the answer names it"},
    503: {"model": ProblemDocument, "description": "A server is away; Retry-After says when to try again"},
}
"""Responses that every resource may give in addition to its own, for OpenAPI."""

NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ProblemDocument, "description": "No such thing; close matches are named"}
}

FORBIDDEN: dict[int | str, dict[str, Any]] = {
    401: {"model": ProblemDocument, "description": "The bearer token is missing or wrong"},
    403: {"model": ProblemDocument, "description": "No token is configured, so nothing may be changed"},
}


def install(app: FastAPI) -> None:
    """Make the app answer every error as a problem."""

    @app.exception_handler(Problem)
    def _problem(request: Request, error: Problem) -> Response:
        return error.response(request.url.path)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [
            BadParameter(
                parameter=".".join(str(part) for part in fault["loc"][1:]) or str(fault["loc"][0]),
                value=_sent(fault),
                reason=fault["msg"].removeprefix("Value error, "),
            )
            for fault in error.errors()
        ]
        detail = "; ".join(f"{fault.parameter}: {fault.reason}" for fault in faults)
        return Problem(422, "bad-parameter", "A parameter is not allowed", detail, parameters=faults).response(
            request.url.path
        )

    @app.exception_handler(PoolTimeout)
    @app.exception_handler(psycopg.OperationalError)
    def _away(request: Request, error: Exception) -> Response:
        log.warning("database_unavailable", path=request.url.path, error=str(error))
        return database_away().response(request.url.path)

    @app.exception_handler(psycopg.DataError)
    def _unfit(request: Request, error: Exception) -> Response:
        log.info("request_rejected", path=request.url.path, error=str(error))
        detail = f"A text or number of the request is none that TimescaleDB can hold: {str(error).splitlines()[0]}."
        return Problem(422, "bad-parameter", "A parameter is not allowed", detail).response(request.url.path)

    @app.exception_handler(psycopg.errors.QueryCanceled)
    def _too_slow(request: Request, error: Exception) -> Response:
        log.warning("query_timeout", path=request.url.path, error=str(error))
        detail = "The query took longer than DAYAHEAD_API_STATEMENT_TIMEOUT_S allows: ask for less."
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        return Problem(503, "too-slow", "The query took too long", detail, headers=headers).response(request.url.path)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        detail = f"{request.method} {request.url.path}: {error.detail}. The endpoints are listed at /openapi.json."
        headers = dict(error.headers or {})
        return Problem(error.status_code, "http", str(error.detail), detail, headers=headers).response(request.url.path)

    @app.exception_handler(DayaheadError)
    def _ours(request: Request, error: DayaheadError) -> Response:
        if isinstance(error, AlreadyChampionError):
            return Problem(409, "already-champion", "The release serves already", str(error)).response(request.url.path)
        if isinstance(error, NothingToRollBackError):
            return Problem(409, "nothing-to-roll-back", "No earlier champion", str(error)).response(request.url.path)
        if isinstance(error, ReleaseError):
            return Problem(404, "unknown-release", "Unknown release", str(error)).response(request.url.path)
        if isinstance(error, ReportError):
            return Problem(404, "unknown-report", "Unknown report", str(error)).response(request.url.path)
        log.error("request_failed", path=request.url.path, error=str(error))
        return Problem(500, "internal", "The request failed", str(error)).response(request.url.path)

    @app.exception_handler(Exception)
    def _unexpected(request: Request, error: Exception) -> Response:
        log.error("request_failed", path=request.url.path, exc_info=error)
        detail = "An unexpected error; the log of the API has it under event request_failed."
        return Problem(500, "internal", "The request failed", detail).response(request.url.path)
