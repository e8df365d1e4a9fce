"""Reads bodies of requests up to a limit, and only after the caller is authorised."""

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from api.problems import Problem


def too_large(limit: int) -> Problem:
    """The body is larger than the limit."""
    return Problem(
        413,
        "body-too-large",
        "The body is too large",
        f"The API reads bodies of up to {limit} bytes (DAYAHEAD_API_BODY_LIMIT_BYTES): send it in parts.",
    )


async def read_body(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Read the body of a request up to a limit.

    Returns:
        What the application receives instead: the body as one message, then what the server says next.

    Raises:
        Problem: the body is larger than `limit`; nothing more of it is read than that.
    """
    announced = Headers(scope=scope).get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise too_large(limit)
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":  # the caller is gone
            return _again(message, receive)
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise too_large(limit)
    return _again({"type": "http.request", "body": bytes(body), "more_body": False}, receive)


def _again(first: Message, receive: Receive) -> Receive:
    messages = [first]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
