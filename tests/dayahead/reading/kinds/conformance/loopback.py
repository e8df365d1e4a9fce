"""A real HTTP server on this machine that answers as a stand-in says, or fails on request."""

import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from tests.dayahead.reading.kinds.conformance.stand_in import Request, Response

RESET = Response(status=0)
"""Instead of an answer, the connection is reset."""

CUT = Response(status=-1)
"""Half of the answer is sent, then the connection is closed."""


class Loopback:
    """What the server answers, and what it was asked."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.answer = answer
        self.faults: deque[Response] = deque()
        self.requests: list[Request] = []

    def respond(self, request: Request) -> tuple[Response, bool]:
        """The response to a request, and whether only half of it is sent."""
        self.requests.append(request)
        if not self.faults:
            return self.answer(request), False
        fault = self.faults.popleft()
        return (self.answer(request), True) if fault is CUT else (fault, False)


@contextmanager
def serving(answer: Callable[[Request], Response]) -> Iterator[tuple[str, Loopback]]:
    """Start a server.

    Args:
        answer: how it answers.

    Yields:
        Its address and what it was asked.
    """
    loopback = Loopback(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(parts.path, parse_qs(parts.query, keep_blank_values=True), headers)
            response, is_half = loopback.respond(request)
            if response is RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                socket.close(self.connection.detach())
                return
            body = response.body.encode() if isinstance(response.body, str) else response.body
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if is_half else body)
            self.close_connection = self.close_connection or is_half

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", loopback
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
