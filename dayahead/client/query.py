"""A query: one request to the API, and the model of its answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Generic, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from dayahead.client.errors import UnexpectedAnswer
from dayahead.hours import format_utc

A = TypeVar("A", bound=BaseModel)

Value = str | int | float | bool | date | datetime | Sequence[float] | Sequence[str] | None
"""Of a parameter; a moment must have a time zone."""


@dataclass(frozen=True)
class Query(Generic[A]):
    """What to ask, and what the answer is; made by `dayahead.client.queries`.

    Attributes:
        method: of HTTP.
        path: of the resource, encoded.
        answer: the model, or a union of models, that the answer is read as.
        parameters: of the URL; those that are None are left out.
        body: sent as JSON, None for none.
        is_repeatable: whether sending it twice does no harm, so that it is retried after any failure.
    """

    method: str
    path: str
    answer: TypeAdapter[A]
    parameters: Mapping[str, str] = field(default_factory=dict)
    body: object = None
    is_repeatable: bool = True

    def with_parameter(self, name: str, value: str) -> "Query[A]":
        """The query with one more parameter, or another value of it."""
        return replace(self, parameters={**self.parameters, name: value})

    def read(self, response: httpx.Response) -> A:
        """Read the answer.

        Raises:
            UnexpectedAnswer: it is not what the API answers.
        """
        try:
            return self.answer.validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"])) or "the body"
            raise UnexpectedAnswer(
                f"{self.method} {response.request.url} answered something else than the API does ({place}: "
                f"{first['msg']}): check the address, and that client and server have the same version"
            ) from error


def get(path: str, answer: type[A] | TypeAdapter[A], **parameters: Value) -> Query[A]:
    """A query that reads; names of parameters that are words of Python end with `_`."""
    return Query("GET", path, _adapter(answer), _texts(parameters))


def post(
    path: str, answer: type[A] | TypeAdapter[A], body: object, *, is_repeatable: bool, **parameters: Value
) -> Query[A]:
    """A query that changes something."""
    return Query("POST", path, _adapter(answer), _texts(parameters), body, is_repeatable)


def in_path(text: str) -> str:
    """Encode a name for a path; a `/` between labels stays.

    Raises:
        ValueError: it has a step of a path (`.` or `..`) and so would name something else.
    """
    if {".", ".."} & set(text.split("/")):
        raise ValueError(f"{text!r} is no name: `.` and `..` are steps of a path")
    return quote(text, safe="/-._~%")


def text_of(value: Value) -> str:
    """Write the value of a parameter.

    Raises:
        ValueError: a moment has no time zone.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone: give datetime(…, tzinfo=UTC) or another zone")
        return format_utc(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ",".join(map(text_of, value))
    return str(value)


def _texts(parameters: Mapping[str, Value]) -> dict[str, str]:
    return {name.rstrip("_"): text_of(value) for name, value in parameters.items() if value is not None}


def _adapter(answer: type[A] | TypeAdapter[A]) -> TypeAdapter[A]:
    return answer if isinstance(answer, TypeAdapter) else TypeAdapter(answer)
