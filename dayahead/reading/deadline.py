"""A total deadline for one HTTP request: connecting, the headers and the body together.

The timeouts of an HTTP client apply to each read, so a server that sends a byte now and then, in the headers or in the
body, never exceeds one.
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any


class Deadline:
    """Ends requests by shutting down their connection; for a client that sends one request at a time."""

    def __init__(self, seconds: float) -> None:
        """Set the deadline.

        Args:
            seconds: total timeout of one request.
        """
        self.seconds = seconds
        self._socket: socket.socket | None = None
        self._passed = threading.Event()

    @property
    def passed(self) -> bool:
        """Whether the newest request was ended; its response, if any, is then truncated."""
        return self._passed.is_set()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Store the connection in use: httpx extension `trace`."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")
            if self.passed:
                self._shut_down()

    @contextmanager
    def limit(self) -> Iterator[None]:
        """Apply the deadline to the request made inside."""
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
            with suppress(OSError):  # already closed
                # the plain socket: a shutdown of the TLS socket would drop the state that its reader uses
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
