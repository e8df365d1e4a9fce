"""A receiver of webhooks, on real HTTP, that verifies as receivers do: with the library of Standard Webhooks."""

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" * 2


@dataclass
class Answer:
    """What a receiver answers."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: threading.Event | None = None


@dataclass(frozen=True)
class Received:
    """A webhook that was verified."""

    webhook_id: str
    event: dict[str, Any]
    headers: dict[str, str]


class Receiver:
    """Verifies each request and answers as `answer` says."""

    def __init__(self, secret: str = SECRET) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer] = lambda _: Answer()
        self.failures: list[str] = []
        self._verify = Webhook(secret).verify
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.handle(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.port}/hooks/dayahead"

    @property
    def port(self) -> int:
        return self._server.server_port

    def serve_tls(self, certificate: Path, key: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http://127.0.0.1", "https://localhost")

    @property
    def ids(self) -> list[str]:
        return [one.webhook_id for one in self.received]

    def series(self) -> list[str]:
        return [one.event["data"]["series_id"] for one in self.received]

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        try:
            received = Received(headers["webhook-id"], self._verify(body, headers), headers)
        except Exception as error:
            self.failures.append(repr(error))
            raise
        self.received.append(received)
        answer = self.answer(received)
        if answer.after is not None:
            answer.after.wait(60)
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)


@contextmanager
def receiver(secret: str = SECRET, certificate: Path | None = None, key: Path | None = None) -> Iterator[Receiver]:
    """A receiver that listens on a free port of this machine, by HTTPS with a certificate."""
    one = Receiver(secret)
    if certificate and key:
        one.serve_tls(certificate, key)
    thread = threading.Thread(target=one._server.serve_forever, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        one._server.shutdown()
        one._server.server_close()
