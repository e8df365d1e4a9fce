"""An API over real HTTP, in a thread of the test."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI

from api.commands import SERVER_OPTIONS
from api.staleness import UNREAD
from dayahead.hours import wall_clock
from dayahead.listening import listening_socket
from deploy.local.ports import free_ports
from tests.waiting import wait_until


def wait_until_judged(app: FastAPI) -> None:
    """Wait until a started app has looked at the sources: an app answers before that."""
    judge = app.state.backends.staleness
    wait_until(lambda: judge.of("", wall_clock()) is not UNREAD, 30, "the first look at the sources")


@dataclass
class Site:
    """The API and the page as a person reaches them; can be stopped and started again on the same port."""

    make_app: Callable[[], FastAPI]
    port: int = field(default_factory=lambda: free_ports(1)[0])
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, and wait until it answers."""
        config = uvicorn.Config(self.make_app(), **SERVER_OPTIONS | {"timeout_graceful_shutdown": 2})
        self._server = server = uvicorn.Server(config)
        sockets = [listening_socket("127.0.0.1", self.port, "the API", "DAYAHEAD_API")]
        self._thread = threading.Thread(target=server.run, args=[sockets], daemon=True)
        self._thread.start()
        wait_until(lambda: server.started, 30, f"the API at {self.url}")

    def stop(self) -> None:
        """Stop serving."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(timeout=30)
            self._server = self._thread = None
