"""One attempt to deliver a webhook."""

import ssl
from collections.abc import Sequence

import httpx

from consumers.webhooks.addresses import resolve
from consumers.webhooks.event import Event
from consumers.webhooks.receivers import Receiver
from consumers.webhooks.signature import signed_headers
from dayahead.errors import DeliveryFailed, DeliveryRefused, ReceiverGone
from dayahead.hours import Clock
from dayahead.reading.deadline import Deadline
from dayahead.reading.http.fetcher import retry_after_s

LONGEST_BODY = 64 * 1024
OF_THE_RECEIVER = frozenset({408, 425, 429, 502, 503, 504})
"""Answers that say nothing about the event: the receiver is busy or away. So does a redirect."""
HEADERS = {"content-type": "application/json", "user-agent": "dayahead-webhooks", "accept": "*/*"}


class Poster:
    """Posts to one receiver, one request at a time; each thread has its own."""

    def __init__(
        self, receiver: Receiver, keys: Sequence[bytes], tls: ssl.SSLContext, clock: Clock, *, private: bool
    ) -> None:
        """Open nothing yet.

        Args:
            receiver: where to.
            keys: that sign.
            tls: checks the certificate of the receiver.
            clock: the present moment, for the signature.
            private: whether addresses that are not public are allowed.
        """
        self._receiver, self._keys, self._clock, self._private = receiver, keys, clock, private
        self._deadline = Deadline(receiver.timeout_s)
        # without the proxies of the environment: a proxy would look the host up again
        self._client = httpx.Client(
            verify=tls,
            timeout=receiver.timeout_s,
            follow_redirects=False,
            trust_env=False,
            # the deadline ends the newest connection: there is no other
            limits=httpx.Limits(max_connections=1),
        )
        self._url = httpx.URL(str(receiver.url))
        # as it is written in the request: a decoded name may be encoded as another one
        self._host = self._url.raw_host.decode("ascii")
        self._failures = 0

    def post(self, event: Event) -> None:
        """Post an event, to the next address of the receiver if the last attempt failed.

        Raises:
            DeliveryFailed: it was not taken; a later attempt may succeed.
            DeliveryRefused: the same, and the answer may be about this event alone.
            ReceiverGone: the receiver wants no more (410).
        """
        try:
            self._attempt(event)
        except DeliveryFailed:
            self._failures += 1
            raise

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _attempt(self, event: Event) -> None:
        addresses = resolve(self._host, self._port, private=self._private)
        address = addresses[self._failures % len(addresses)]
        moment = int(self._clock().timestamp())
        request = self._client.build_request(
            "POST",
            self._url.copy_with(host=address),
            content=event.body,
            headers={
                **HEADERS,
                "host": self._url.netloc.decode("ascii"),
                **signed_headers(self._keys, event.webhook_id, moment, event.body),
            },
            # the certificate and the virtual host are those of the name
            extensions={"sni_hostname": self._host, "trace": self._deadline.trace},
        )
        try:
            with self._deadline.limit():
                response = self._client.send(request, stream=True)
                try:
                    _read_some(response)
                finally:
                    response.close()
        except httpx.HTTPError as error:
            late = self._deadline.passed
            reason = f"no answer within {self._receiver.timeout_s:g} s" if late else str(error) or type(error).__name__
            raise DeliveryFailed(f"{self._who}: {reason}") from error
        self._judge(response)

    @property
    def _port(self) -> int:
        return self._url.port or (443 if self._url.scheme == "https" else 80)

    @property
    def _who(self) -> str:
        """The receiver without its path, which may be a secret."""
        return f"receiver {self._receiver.name} at {self._url.host}"

    def _judge(self, response: httpx.Response) -> None:
        if response.is_success:
            return
        status = response.status_code
        if status == httpx.codes.GONE:
            raise ReceiverGone(
                f"{self._who} answered 410: it wants no more webhooks. Remove it, or restart to try it again"
            )
        remedy = ": redirects are not followed, set url to where it leads" if response.has_redirect_location else ""
        kind = DeliveryRefused if status >= 400 and status not in OF_THE_RECEIVER else DeliveryFailed
        raise kind(f"{self._who} answered {status}{remedy}", retry_after_s(response.headers, self._clock))


def _read_some(response: httpx.Response) -> None:
    """Read a short body, so that the connection can be used again; the rest of a long one is not waited for."""
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > LONGEST_BODY:
            return
