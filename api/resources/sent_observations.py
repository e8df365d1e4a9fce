"""`POST /v1/observations`: rows of a registered source, for senders without a Kafka client."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from prometheus_client import Counter
from pydantic import BaseModel, Field

from api.backends import Use
from api.bearer import TokenRequired
from api.edge.route import resource
from api.judging import Judge, Refused
from api.parameters import Moment, Utc
from api.problems import FORBIDDEN, BadParameter, Problem, ProblemDocument, bad_parameter, server_away
from api.sent_rows import CSV, JSON, NDJSON, Sent, read_sent, shown_value
from dayahead.errors import ContractError
from dayahead.hours import format_utc, to_microseconds
from dayahead.publisher import Publication
from dayahead.row_reading import moment_of
from dayahead.rules import check_published, unknown_source
from dayahead.storage.tables.source import load_sources

router = resource("/v1/observations", "observations")

ROWS = Counter("dayahead_api_rows", "Rows of POST /v1/observations", ["outcome"])
SHOWN_ERRORS = 1000
SHOWN_PARAMETERS = 20
PARTLY = 207

ROW: dict[str, Any] = {
    "oneOf": [
        {
            "type": "array",
            "minItems": 3,
            "maxItems": 3,
            "prefixItems": [{"type": "string"}, {"type": "string", "format": "date-time"}, {"type": "number"}],
        },
        {
            "type": "object",
            "required": ["series_id", "valid_time", "value"],
            "additionalProperties": False,
            "properties": {
                "series_id": {"type": "string"},
                "valid_time": {"type": "string", "format": "date-time"},
                "value": {"type": "number"},
            },
        },
    ]
}
BODY: dict[str, Any] = {
    "required": True,
    "content": {
        JSON: {
            "schema": {
                "type": "object",
                "required": ["source", "rows"],
                "additionalProperties": False,
                "properties": {
                    "source": {"type": "string", "description": "Name of a registered source"},
                    "available_at": {"type": "string", "format": "date-time"},
                    "refresh": {"type": "boolean", "default": True},
                    "rows": {"type": "array", "minItems": 1, "items": ROW},
                },
            }
        },
        NDJSON: {"schema": {"type": "string", "description": "One row per line, as in `rows` of the JSON form"}},
        CSV: {"schema": {"type": "string", "description": "Header series_id,valid_time,value; then one row per line"}},
    },
}


class RefusedRow(BaseModel):
    """A rejected row."""

    row: int = Field(description="Number of the row in the body, from 1; in NDJSON the number of its line")
    code: str = Field(description="Reason code; docs/sources.md lists the codes")
    reason: str = Field(description="Why, in a sentence")
    value: Any = Field(description="The row as read, long texts truncated")


class TakenRows(BaseModel):
    """The result of a request."""

    source: str = Field(description="Name of the source")
    available_at: Utc = Field(description="When the values count as published, UTC")
    accepted: int = Field(description="Rows acknowledged by Kafka; duplicates count once")
    rejected: int = Field(description="Invalid rows; they were not sent")
    errors: list[RefusedRow] = Field(description=f"The rejected rows, the first {SHOWN_ERRORS}")


async def _body(request: Request) -> bytes:
    return await request.body()


@router.post(
    "",
    summary="Send observed hours",
    dependencies=[TokenRequired],
    openapi_extra={"requestBody": BODY},
    responses={
        **FORBIDDEN,
        PARTLY: {"model": TakenRows, "description": "Some rows were accepted and some were not; `errors` names them"},
        404: {"model": ProblemDocument, "description": "The source is not registered"},
        415: {"model": ProblemDocument, "description": "The body is neither JSON, NDJSON nor CSV"},
    },
)
def send_observations(
    use: Use,
    request: Request,
    response: Response,
    body: Annotated[bytes, Depends(_body)],
    source: Annotated[str | None, Query(description="Name of the source, for NDJSON and CSV")] = None,
    available_at: Annotated[
        Moment | None, Query(description="When the source published the values, UTC; by default now")
    ] = None,
    refresh: Annotated[
        bool | None, Query(description="Whether the series are forecast again; false when loading history")
    ] = None,
) -> TakenRows:
    """Send rows to Kafka, each to the partition of its series, and answer when all are acknowledged.

    The rules are those of the poller. Invalid rows are listed in the answer and do not become dead letters. Sending the
    same rows again changes nothing, so a request without an answer can be repeated.
    """
    sent = read_sent(body, request.headers.get("content-type", ""))
    name = _one_of("source", sent, source)
    if not isinstance(name, str):
        raise bad_parameter(
            "source", shown_value(name), "name the source of the rows: ?source=… or a field of the JSON body"
        )
    asks_forecast = _one_of("refresh", sent, refresh)
    if not isinstance(asks_forecast, bool | None):
        raise bad_parameter("refresh", shown_value(asks_forecast), "true or false")
    published = _published(_one_of("available_at", sent, available_at), use.now())
    with use.database.connection() as connection:
        registered = load_sources(connection).get(name)
        if registered is None:
            raise Problem(404, "unknown-source", "No such source", unknown_source(name).reason)
        if registered.removed_at is not None:
            removed = f"source {name!r} was removed at {format_utc(registered.removed_at)}"
            raise Problem(404, "unknown-source", "No such source", f"{removed}: `dayahead sources register FILE` first")
        rows, refused = Judge(registered, published).judge(connection, sent.rows)
    if not rows:
        ROWS.labels("rejected").inc(len(refused))
        raise _nothing_left(refused)
    if not use.rows.send(Publication(published, rows), name, asks_forecast is not False):
        raise server_away("Kafka", "Not all rows were acknowledged: send all of them again; duplicates change nothing.")
    ROWS.labels("accepted").inc(len(rows))
    ROWS.labels("rejected").inc(len(refused))
    if refused:
        response.status_code = PARTLY
    errors = [
        RefusedRow(row=number, code=error.code.value, reason=error.reason, value=shown_value(value))
        for (number, value), error in refused[:SHOWN_ERRORS]
    ]
    return TakenRows(source=name, available_at=published, accepted=len(rows), rejected=len(refused), errors=errors)


def _one_of(name: str, sent: Sent, parameter: object) -> Any:
    """A field of the body or the query parameter of that name; None without either."""
    given = sent.about.get(name)
    if given is not None and parameter is not None:
        raise bad_parameter(name, parameter, "it is also in the body: remove one of them")
    return parameter if given is None else given


def _published(given: object, now: datetime) -> datetime:
    if given is None:
        return now
    try:
        moment = given if isinstance(given, datetime) else moment_of(given, "available_at")
        check_published(moment, to_microseconds(now))
    except ContractError as error:
        raise bad_parameter("available_at", shown_value(given), error.reason) from error
    return moment


def _nothing_left(refused: list[Refused]) -> Problem:
    """The problem if all rows are invalid."""
    parameters = [
        BadParameter(
            parameter=f"rows[{number}]", value=shown_value(value), reason=f"{error.code.value}: {error.reason}"
        )
        for (number, value), error in refused[:SHOWN_PARAMETERS]
    ]
    first = parameters[0]
    detail = f"None of {len(refused)} rows is valid; {first.parameter}: {first.reason}"
    return Problem(422, "bad-parameter", "A parameter is not allowed", detail, parameters=parameters)
