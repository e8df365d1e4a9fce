"""Errors of the client, one class for each way in which a request can fail.

ClientError
├── Unreachable        no answer: the connection failed or took too long
├── UnexpectedAnswer   an answer that the API does not give: a redirect, HTML of a proxy, another shape
└── AnsweredError      the API answered with a problem detail
    ├── NotFound           404: no such series, area, forecast, release; `close_matches` may help
    ├── NotAllowed         401, 403: the token is missing, wrong, or none is configured
    ├── Refused            other 4xx: the request can not be answered as it is; `parameters` says why
    ├── TooManyRequests    429: `retry_after_s` says when to try again
    └── ServerFailed       5xx: `retry_after_s` if the server said when
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
from pydantic import ValidationError

from dayahead.client.answers import BadParameter, ProblemDocument
from dayahead.errors import DayaheadError

SHOWN = 200


class ClientError(DayaheadError):
    """A request of the client failed."""


class Unreachable(ClientError):  # noqa: N818 - reads as what happened
    """No answer came; a request that only reads, or that may be repeated, was retried."""


class UnexpectedAnswer(ClientError):  # noqa: N818
    """The answer is none of this API's: look at the address and at what lies between."""


class AnsweredError(ClientError):
    """The API answered with an error.

    Attributes:
        status: HTTP status.
        kind: of the problem, such as `unknown-series`; empty where the answer is no problem detail.
        close_matches: names that the caller may have meant.
        parameters: the parameters that were refused, each with the reason.
        retry_after_s: seconds after which the server wants to be asked again, None where it does not say.
    """

    def __init__(self, message: str, *, status: int, problem: ProblemDocument | None, retry_after_s: float | None):
        super().__init__(message)
        self.status = status
        self.kind = problem.type.rpartition(":")[2] if problem else ""
        self.close_matches: list[str] = (problem.close_matches if problem else None) or []
        self.parameters: list[BadParameter] = (problem.parameters if problem else None) or []
        self.retry_after_s = retry_after_s


class NotFound(AnsweredError):  # noqa: N818
    """What was asked for does not exist."""


class NotAllowed(AnsweredError):  # noqa: N818
    """The token is missing or wrong."""


class Refused(AnsweredError):  # noqa: N818
    """The request can not be answered as it is; a retry would not help."""


class TooManyRequests(AnsweredError):  # noqa: N818
    """The server limits how often it is asked."""


class ServerFailed(AnsweredError):  # noqa: N818
    """The server, or one that it needs, failed."""


def error_of(response: httpx.Response, now: datetime | None = None) -> ClientError:
    """Return the error of an answer that is not 2xx or 304; its body has been read.

    Args:
        response: the answer.
        now: to count a Retry-After date from; by default the clock.
    """
    status, where = response.status_code, f"{response.request.method} {response.request.url}"
    if status < 400:
        target = response.headers.get("location", "")
        return UnexpectedAnswer(
            f"{where} answered {status}{f' to {target}' if target else ''}: the API does not redirect; "
            "give the client the final address"
        )
    problem = _problem(response)
    said = problem.detail if problem else response.text.strip()[:SHOWN] or response.reason_phrase
    return _class_of(status)(
        f"{where} answered {status}: {said}",
        status=status,
        problem=problem,
        retry_after_s=retry_after_s(response.headers, now or datetime.now(UTC)),
    )


def _class_of(status: int) -> type[AnsweredError]:
    named: Mapping[int, type[AnsweredError]] = {
        401: NotAllowed,
        403: NotAllowed,
        404: NotFound,
        429: TooManyRequests,
    }
    return named.get(status, ServerFailed if status >= 500 else Refused)


def _problem(response: httpx.Response) -> ProblemDocument | None:
    try:
        return ProblemDocument.model_validate_json(response.content)
    except ValidationError:
        return None


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Read Retry-After, seconds or a date (RFC 9110, section 10.2.3); None where it is absent or unreadable."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((moment - now).total_seconds(), 0.0)
