"""Compresses answers by zstd or gzip, as the caller accepts; never a stream of events."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette_compress import CompressMiddleware, add_compress_type, remove_compress_type

ONE_PACKET_BYTES = 1400
"""A smaller answer fits in one packet, so that compression would only cost time."""

for media_type in ("text/csv", "application/problem+json", "application/vnd.apache.arrow.stream"):
    add_compress_type(media_type)
remove_compress_type("text/event-stream")  # a proxy or a client that decompresses in blocks would hold events back


class Compression:
    """Compress answers of more than one packet.

    The ETag of a compressed answer is made weak: the same strong tag must not stand for two sequences of bytes
    (RFC 9110, section 8.8.1), and a weak one still answers `If-None-Match`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressing = CompressMiddleware(app, minimum_size=ONE_PACKET_BYTES, brotli=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def weaken(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                tag = headers.get("etag", "")
                if tag.startswith('"') and "content-encoding" in headers:
                    headers["ETag"] = f"W/{tag}"
            await send(message)

        await self._compressing(scope, receive, weaken)
