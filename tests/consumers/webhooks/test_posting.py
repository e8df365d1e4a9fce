"""One attempt, on real HTTP."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from email.utils import format_datetime
from pathlib import Path

import pytest

from consumers.webhooks import posting
from consumers.webhooks.event import Event, event_of
from consumers.webhooks.posting import Poster
from consumers.webhooks.receivers import EventType, Format, Receiver
from consumers.webhooks.signature import key_of
from dayahead.errors import DeliveryFailed, DeliveryRefused, ReceiverGone
from dayahead.hours import wall_clock
from deploy.local.ports import free_ports
from tests.consumers import receiving
from tests.consumers.messages import forecast

EVENT: Event = event_of(EventType.FORECAST, forecast("DK1/111"), Format.MESSAGE)


@pytest.fixture
def other() -> Iterator[receiving.Receiver]:
    with receiving.receiver() as one:
        yield one


def poster(url: str, *, private: bool = True, timeout_s: float = 5, tls: ssl.SSLContext | None = None) -> Poster:
    receiver = Receiver.model_validate({"name": "one", "url": url, "secrets": ["one"], "timeout_s": timeout_s})
    tls = tls or ssl.create_default_context()
    return Poster(receiver, [key_of(receiving.SECRET)], tls, wall_clock, private=private)


def test_a_receiver_verifies_what_it_gets(other: receiving.Receiver) -> None:
    poster(other.url).post(EVENT)
    (received,) = other.received
    assert received.webhook_id == EVENT.webhook_id
    assert received.event["data"]["series_id"] == "DK1/111"
    assert received.headers["host"] == f"127.0.0.1:{other.port}"
    assert received.headers["content-type"] == "application/json"


def test_a_name_is_kept_in_the_host_header_where_the_request_goes_to_its_address(other: receiving.Receiver) -> None:
    poster(other.url.replace("127.0.0.1", "localhost")).post(EVENT)
    assert other.received[0].headers["host"] == f"localhost:{other.port}"


def test_one_connection_serves_several_requests(other: receiving.Receiver) -> None:
    other.answer = lambda _: receiving.Answer(200, body=b"x" * 1000)
    one = poster(other.url)
    opened: list[object] = []
    handle = other.handle
    other.handle = lambda handler: (opened.append(handler.client_address), handle(handler))  # type: ignore[assignment,func-returns-value]
    for _ in range(3):
        one.post(EVENT)
    assert len(opened) == 3
    assert len(set(opened)) == 1


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 429, 500, 503])
def test_anything_but_success_is_a_failure_and_no_redirect_is_followed(other: receiving.Receiver, status: int) -> None:
    elsewhere = f"http://127.0.0.1:{other.port}/elsewhere"
    other.answer = lambda _: receiving.Answer(status, {"Location": elsewhere})
    with pytest.raises(DeliveryFailed, match=f"answered {status}") as failed:
        poster(other.url).post(EVENT)
    assert ("redirects are not followed" in str(failed.value)) == (status < 400)
    assert isinstance(failed.value, DeliveryRefused) == (status in {400, 401, 404, 500})
    assert len(other.received) == 1


def test_a_receiver_that_is_gone_is_an_error_of_its_own(other: receiving.Receiver) -> None:
    other.answer = lambda _: receiving.Answer(410)
    with pytest.raises(ReceiverGone, match=r"receiver one at 127.0.0.1 answered 410"):
        poster(other.url).post(EVENT)


def test_a_retry_after_is_read_in_both_forms(other: receiving.Receiver) -> None:
    other.answer = lambda _: receiving.Answer(503, {"Retry-After": "120"})
    with pytest.raises(DeliveryFailed) as failed:
        poster(other.url).post(EVENT)
    assert failed.value.retry_after_s == 120
    moment = wall_clock().replace(microsecond=0)
    other.answer = lambda _: receiving.Answer(429, {"Retry-After": format_datetime(moment, usegmt=True)})
    with pytest.raises(DeliveryFailed) as failed:
        poster(other.url).post(EVENT)
    assert failed.value.retry_after_s == 0


def test_an_answer_that_does_not_come_in_time_is_a_failure(other: receiving.Receiver) -> None:
    never = threading.Event()
    other.answer = lambda _: receiving.Answer(after=never)
    with pytest.raises(DeliveryFailed, match=r"no answer within 0.5 s|timed out"):
        poster(other.url, timeout_s=0.5).post(EVENT)
    never.set()


def test_a_long_body_is_not_waited_for(other: receiving.Receiver) -> None:
    other.answer = lambda _: receiving.Answer(200, body=b"x" * 50_000_000)
    poster(other.url).post(EVENT)


def test_an_address_that_answers_is_kept_after_one_that_does_not(
    other: receiving.Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "resolve", lambda *_, **__: ["127.0.0.2", "127.0.0.1"])
    one = poster(other.url)
    with pytest.raises(DeliveryFailed, match="refused"):
        one.post(EVENT)
    for _ in range(3):
        one.post(EVENT)
    assert len(other.received) == 3


def test_a_name_is_looked_up_as_it_is_written_in_the_request() -> None:
    asked = "xn--strae-oqa.invalid"  # read as straße, which the system would look up as strasse
    with pytest.raises(DeliveryFailed, match=asked):
        poster(f"http://{asked}/").post(EVENT)


def test_where_nothing_listens_the_receiver_is_named_without_its_path() -> None:
    (port,) = free_ports(1)
    with pytest.raises(DeliveryFailed, match=r"receiver one at 127.0.0.1") as failed:
        poster(f"http://127.0.0.1:{port}/hooks/secret-path").post(EVENT)
    assert "secret-path" not in str(failed.value)


def test_a_private_address_is_not_connected_to_without_the_setting(other: receiving.Receiver) -> None:
    for host in ("127.0.0.1", "localhost"):
        with pytest.raises(DeliveryFailed, match="not public"):
            poster(other.url.replace("127.0.0.1", host), private=False).post(EVENT)
    assert not other.received


def test_a_certificate_is_checked_against_the_name_although_the_address_is_connected_to(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    options = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command = ["openssl", "req", "-x509", *options, "-keyout", str(key), "-out", str(certificate), "-days", "1"]
    subprocess.run(command, check=True, capture_output=True)
    trusted = ssl.create_default_context(cafile=certificate)
    with receiving.receiver(certificate=certificate, key=key) as other:
        poster(other.url, tls=trusted).post(EVENT)
        assert other.received[0].headers["host"] == f"localhost:{other.port}"
        with pytest.raises(DeliveryFailed, match="CERTIFICATE_VERIFY_FAILED"):
            poster(other.url.replace("localhost", "127.0.0.1"), tls=trusted).post(EVENT)
        with pytest.raises(DeliveryFailed, match="CERTIFICATE_VERIFY_FAILED"):
            poster(other.url).post(EVENT)
    assert len(other.received) == 1
