"""Servers that send a byte now and then, so that no timeout of a part is ever met."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dayahead.errors import SourceUnavailable
from dayahead.reading.http.client import http_client
from tests.ingest.building import FIRST, make_record, reader_of

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
DRIPS = 400
"""More than are sent before the deadline, few enough that a request without one ends in a minute."""


@contextmanager
def dripping(*answers: tuple[bytes, bytes]) -> Iterator[str]:
    """The address of a server that answers each connection: at once the first bytes, then the second again and again.

    An empty second part ends the answer.
    """
    ended = threading.Event()

    def serve() -> None:
        for at_once, drip in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(at_once)
                try:
                    for _ in range(DRIPS if drip else 0):
                        connection.sendall(drip)
                        if ended.wait(0.1):
                            return
                except OSError:  # the client closed it
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            thread.join(20)


@pytest.mark.parametrize(
    ("at_once", "drip"),
    [
        (b"", b"H"),
        (HEAD, b"X-Header: 1\r\n"),
        (HEAD + b"\r\n", b" "),
        (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["status line", "headers", "body without a length", "body", "chunks"],
)
def test_a_server_that_drips_is_cut_off_at_the_deadline_of_the_whole_request_and_can_be_asked_again(
    at_once: bytes, drip: bytes
) -> None:
    body = b'{"total": 1, "records": [{"HourUTC": "%s", "Area": "DK1", "Type": "111", "kWh": 1.5}]}'
    well = HEAD + b"Connection: close\r\n\r\n" + body % str(make_record()["HourUTC"]).encode()
    with dripping((at_once, drip), (well, b"")) as address, http_client(address, 30) as client:
        with pytest.raises(SourceUnavailable, match=r"did not send its whole response within 0\.5 s.*ANSWER_TIMEOUT_S"):
            reader_of(client, answer_timeout_s=0.5).read(FIRST, None)
        assert reader_of(client).read(FIRST, None).records == [make_record()]
