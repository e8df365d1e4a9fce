"""ETags: answers 304 without a body where the caller has the answer already (RFC 9110, section 13.1.2)."""

import hashlib

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

OF_A_BODY = (b"content-type", b"content-length", b"content-encoding")
"""Headers that describe a body, which a 304 does not have."""


def entity_tag(body: bytes) -> str:
    """Return the strong ETag of a body."""
    return f'"{hashlib.sha256(body).hexdigest()[:24]}"'


def held_tag(tag: str, if_none_match: str | None) -> str | None:
    """Find the tag of the caller that matches the present answer, as sent; None where the answer is new.

    The comparison is the weak one: an answer that was compressed on its way has a weak tag of the same text.
    """
    for known in (if_none_match or "").split(","):
        written = known.strip()
        if written.removeprefix("W/") == tag:
            return written
        if written == "*":
            return tag
    return None


UNTAGGED = "/metrics"
"""Counters are other ones at each request."""


class Tagged:
    """Give each whole answer to GET an ETag, whatever answers: a resource, the page, /docs or /openapi.json."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http" and scope["method"] == "GET" and scope["path"] != UNTAGGED:
            send = TaggedSend(scope, send)
        await self._app(scope, receive, send)


class TaggedSend:
    """Add an ETag to a complete 200, or turn it into a 304; streamed answers pass unchanged."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._send = send
        self._if_none_match = Headers(scope=scope).get("if-none-match")
        self._start: Message | None = None

    async def __call__(self, message: Message) -> None:
        """Forward a message after the body is known."""
        if message["type"] == "http.response.start":
            headers = Headers(raw=message["headers"])
            if message["status"] == 200 and "content-length" in headers:
                self._start = message
                return
            if message["status"] == 304 and (held := held_tag(headers.get("etag", ""), self._if_none_match)):
                message["headers"] = _with_tag(message["headers"], held)  # files have strong tags, a caller a weak one
        elif self._start is not None:
            start, self._start = self._start, None
            if not message.get("more_body", False):
                message = self._tag(start, message)
            await self._send(start)
        await self._send(message)

    def _tag(self, start: Message, body: Message) -> Message:
        headers = MutableHeaders(raw=list(start["headers"]))
        tag = headers.get("etag") or entity_tag(body.get("body", b""))
        held = held_tag(tag, self._if_none_match)
        headers["ETag"] = held or tag
        headers.setdefault("Cache-Control", "no-cache")
        start["headers"] = headers.raw
        if held is None:
            return body
        start["status"] = 304
        start["headers"] = [header for header in headers.raw if header[0] not in OF_A_BODY]
        return {"type": "http.response.body", "body": b""}


def _with_tag(raw: list[tuple[bytes, bytes]], tag: str) -> list[tuple[bytes, bytes]]:
    headers = MutableHeaders(raw=list(raw))
    headers["ETag"] = tag
    return headers.raw
