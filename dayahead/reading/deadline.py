"""A total deadline for one HTTP request: connecting, the headers and the body together.

The timeouts of an HTTP client are for each part of an answer, so a server that sends a byte now and then never meets
one, be it in the headers or in the body.
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any


class Deadline:
    """Ends the requests of one client, which sends one at a time, by shutting down their connection."""

    def __init__(self, seconds: float) -> None:
        """Start without a request.

        Args:
            seconds: that one request may take in all.
        """
        self.seconds = seconds
        self._socket: socket.socket | None = None
        self._passed = threading.Event()

    @property
    def passed(self) -> bool:
        """Whether the newest request was ended; its answer, if there is one, is then cut."""
        return self._passed.is_set()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of the connection in use: extension `trace` of a request of httpx."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self.passed:
                self._shut_down()

    @contextmanager
    def limit(self) -> Iterator[None]:
        """End the request inside when its time is over."""
        self._passed.clear()
        timer = threading.Timer(self.seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _end(self) -> None:
        self._passed.set()
        self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with suppress(OSError):  # closed meanwhile
                # of the plain socket: that of TLS would first drop what its reader is using
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
