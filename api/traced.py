"""Makes a span of each request, inside of the caller's span where it names one (`traceparent`)."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dayahead.tracing import spans
from dayahead.tracing.spans import Kind

UNTRACED = frozenset({"/metrics", "/health/live", "/health/ready", "/v1/forecasts/stream"})
"""Paths without spans: those that are asked every few seconds by machines, and the answer that does not end."""

ISSUED_AT = re.compile(rb'"issued_at":"([^"]+)"')


class Traced:
    """Make a span of each request, named by the template of its route."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self._app(scope, receive, send)
            return
        named = spans.trace_headers((name.decode("latin-1"), value) for name, value in scope["headers"])
        about = {"http.request.method": scope["method"], "url.path": scope["path"]}
        with spans.caused(scope["method"], Kind.SERVER, [named], about) as span:

            async def watch(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.note({"http.response.status_code": message["status"]})
                    if message["status"] >= 500:
                        span.fail(f"answered {message['status']}")
                await send(message)

            try:
                await self._app(scope, receive, watch)
            finally:
                if route := getattr(scope.get("route"), "path", ""):
                    span.note({"http.route": route})
                    span.name(f"{scope['method']} {route}")


def note_served(body: bytes, server: str) -> None:
    """Add to the span of a request which forecast it answers: the span that made it has the same attribute.

    Args:
        body: the forecast.
        server: where it was read: redis or database.
    """
    if spans.is_in_span() and (found := ISSUED_AT.search(body)):
        spans.note({"dayahead.issued_at": found[1].decode(), "dayahead.served_by": server})
