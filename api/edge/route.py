"""Checks before the code of a resource runs: the token, the size of the body, the names of the query parameters."""

import difflib
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Any, get_args, get_origin
from urllib.parse import parse_qsl

from fastapi import APIRouter
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from api.bearer import check_token, is_token_required
from api.edge.body import read_body
from api.edge.media import JSON, best_type
from api.problems import BadParameter, Problem
from api.settings import ApiSettings

MEDIA_TYPE = "dayahead.media_type"
"""Key of the scope for the media type that the request asks for."""


class Route(APIRoute):
    """A resource of the API.

    A request is refused before its body is read where its token is wrong, where its body is too large, where a query
    parameter is unknown, or given twice where it takes one value, and where `Accept` names no media type that the
    resource has.
    """

    def __init__(self, path: str, endpoint: Any, **given: Any) -> None:
        super().__init__(path, endpoint, **given)
        parameters = [one for one in get_flat_params(self.dependant) if isinstance(one.field_info, Query)]
        self.query_names = sorted(one.alias for one in parameters)
        self.repeatable = frozenset(one.alias for one in parameters if _is_list(one.field_info.annotation))
        self.needs_token = any(is_token_required(dependency) for dependency in self.dependencies)
        described = self.responses.get(200, {}).get("content", {})
        self.media_types: tuple[str, ...] = tuple(dict.fromkeys([*([] if self._streams else [JSON]), *described]))

    @property
    def _streams(self) -> bool:
        return self.response_class is StreamingResponse

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request before the resource handles it.

        Raises:
            Problem: the request is refused.
        """
        if scope["method"] in (self.methods or ()):
            settings: ApiSettings = scope["app"].state.backends.settings
            headers = Headers(scope=scope)
            if self.needs_token:
                check_token(settings, headers.get("authorization"))
            self._check_query(scope["query_string"])
            scope[MEDIA_TYPE] = self._media_type(scope, headers)
            if self.body_field is not None or scope["method"] == "POST":  # a resource may read the bytes itself
                receive = await read_body(scope, receive, settings.api_body_limit_bytes)
        await super().handle(scope, receive, send)

    def _check_query(self, query: bytes) -> None:
        if not query:
            return
        given = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
        unknown = {name: value for name, value in given if name not in self.query_names}
        if unknown:
            raise unknown_parameters(unknown, self.query_names)
        times = Counter(name for name, _ in given if name not in self.repeatable)
        repeated = {name: value for name, value in given if times[name] > 1}
        if repeated:
            raise _bad_parameters(
                {name: (value, "given more than once; it takes one value") for name, value in repeated.items()}
            )

    def _media_type(self, scope: Scope, headers: Headers) -> str:
        if "format" in self.query_names and b"format=" in scope["query_string"]:
            return self.media_types[0]  # the parameter decides
        accept = ", ".join(headers.getlist("accept"))
        chosen = best_type(accept, self.media_types)
        if chosen is None:
            raise Problem(
                406,
                "not-acceptable",
                "No such media type here",
                f"Accept: {accept[:200]} cannot be had: {scope['path']} answers {', '.join(self.media_types)}.",
            )
        return chosen


def _is_list(annotation: Any) -> bool:
    """Whether a parameter takes several values: its type is a list, or a list or None."""
    return list in {get_origin(part) for part in (annotation, *get_args(annotation))}


def unknown_parameters(unknown: dict[str, str], known: Sequence[str]) -> Problem:
    """Find unknown query parameters, each with the known one that it resembles."""
    listed = f"this resource takes {', '.join(known)}" if known else "this resource takes no parameters"
    faults = {}
    for name, value in unknown.items():
        near = difflib.get_close_matches(name.lower(), known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        faults[name] = (value, f"unknown parameter; {listed}{hint}")
    return _bad_parameters(faults)


def _bad_parameters(reasons: dict[str, tuple[str, str]]) -> Problem:
    """The problem of parameters: name -> its value, and what is wrong with it."""
    faults = [BadParameter(parameter=name, value=value, reason=why) for name, (value, why) in reasons.items()]
    detail = "; ".join(f"{fault.parameter}: {fault.reason}" for fault in faults)
    return Problem(422, "bad-parameter", "A parameter is not allowed", detail, parameters=faults)


def resource(prefix: str, *tags: str | Enum) -> APIRouter:
    """A router whose routes are `Route`; each resource of the API has one."""
    return APIRouter(prefix=prefix, tags=list(tags), route_class=Route)
