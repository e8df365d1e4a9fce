"""Sends the requests of one source: in turn, within a deadline, with errors that say what to do and never the key."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import NoReturn, Self

import httpx

from dayahead.errors import SourceRefused, SourceUnavailable
from dayahead.hours import Clock
from dayahead.reading.deadline import Deadline
from dayahead.reading.http.budget import Budget, Budgets
from dayahead.reading.http.client import http_client
from dayahead.reading.http.fields import HttpFields
from dayahead.reading.http.key import Key, variable
from dayahead.reading.http.rate import Rate
from dayahead.reading.http.reply import Reply
from dayahead.reading.source_kind import Surroundings
from dayahead.retry import Pause
from dayahead.source import Source

MAX_BODY_BYTES = 256 * 2**20

Parameters = Mapping[str, str]


class Fetcher:
    """One API, as one source asks it: one request at a time, without retries (see `PatientReader`)."""

    def __init__(
        self,
        client: httpx.Client,
        *,
        what: str,
        clock: Clock,
        pause: Pause,
        budget: Budget | None = None,
        rates: Sequence[Rate] = (),
        key: Key | None = None,
        advice: str = "Check the source file.",
        answer_timeout_s: float = 300.0,
        max_body_bytes: int = MAX_BODY_BYTES,
        ban_s: float | None = None,
    ) -> None:
        """Store the arguments; no request is sent yet. Kinds use `Fetcher.of`.

        Args:
            client: HTTP client with the API's base URL.
            what: what is asked for, for messages: "dataset Test".
            clock: the present moment, for a Retry-After with a date.
            pause: waits; returns True when the process is stopping.
            budget: of the publisher; None: one of its own.
            rates: that the publisher allows; none: no limit.
            key: that each request carries.
            advice: what to check where the API rejects a request.
            answer_timeout_s: seconds from a request to the last byte of its response; the client's timeout applies to
                each part of it.
            max_body_bytes: of a decompressed response.
            ban_s: for how long the publisher refuses requests after a 429 without Retry-After; None: unknown.
        """
        self._client, self._clock, self._pause = client, clock, pause
        self._budget = budget or Budgets().of(client.base_url.netloc.decode())
        self._rates, self._key, self._advice = rates, key, advice
        self._deadline = Deadline(answer_timeout_s)
        self._max_body_bytes, self._ban_s = max_body_bytes, ban_s
        self.name = f"{what} at {self._bare(client.base_url)}"

    @classmethod
    def of(
        cls,
        source: Source,
        fields: HttpFields,
        surroundings: Surroundings,
        *,
        what: str,
        rates: Sequence[Rate],
        scope: str = "",
        key: Key | None = None,
        advice: str = "",
        max_body_bytes: int = MAX_BODY_BYTES,
        ban_s: float | None = None,
        base_url: str | None = None,
    ) -> Self:
        """The fetcher of a source.

        Args:
            source: that it is for.
            fields: its fields.
            surroundings: of the process; its resources close the client.
            what: what is asked for, for messages: "dataset Test".
            rates: that the publisher allows; the source file may have another one.
            scope: what the publisher counts separately, e.g. a dataset; empty: all requests to its host count together.
            key: that each request carries.
            advice: what to check where the API rejects a request.
            max_body_bytes: of a decompressed response.
            ban_s: for how long the publisher refuses requests after a 429 without Retry-After; None: unknown.
            base_url: of the API; by default the field `url`. DAYAHEAD_SOURCE_URL replaces both.
        """
        base_url = surroundings.base_url or base_url or str(fields.url)
        client = surroundings.resources.enter_context(http_client(base_url, surroundings.request_timeout_s))
        host = client.base_url.netloc.decode()
        return cls(
            client,
            what=what,
            clock=surroundings.clock,
            pause=surroundings.pause,
            budget=surroundings.budgets.of(host, scope, key.fingerprint if key else ""),
            rates=fields.rates(rates),
            key=key,
            advice=advice or f"Check the fields of source {source.name}.",
            answer_timeout_s=surroundings.answer_timeout_s,
            max_body_bytes=max_body_bytes,
            ban_s=ban_s,
        )

    def get(
        self,
        path: str = "",
        params: Parameters | None = None,
        *,
        headers: Parameters | None = None,
        accepted: Collection[int] = (HTTPStatus.OK,),
        calls: int = 1,
    ) -> Reply:
        """Send one GET request when its turn has come, and read the response to its end.

        Args:
            path: under the base URL; or a whole URL of the same host, such as the next link of a page.
            params: query parameters, added to those in `path`.
            headers: additional headers.
            accepted: statuses that are answers; every other one is raised.
            calls: as how many requests the publisher counts it.

        Raises:
            SourceUnavailable: a retry may succeed: unreachable, too slow, 408, 429, 5xx; `retry_after_s` has the
                publisher's Retry-After, and after a 429 no process asks before.
            SourceRefused: a retry would not help: a redirect, a refused key, any other status, too large a body.
            Stopped: the process was asked to stop while it waited for its turn.
        """
        url = self._url(path).copy_merge_params({**(params or {}), **(self._key.parameters if self._key else {})})
        sent_headers = {**(headers or {}), **(self._key.headers if self._key else {})}
        for _ in range(calls):
            self._budget.wait_turn(self._rates, self._pause)
        reply = self._send(url, sent_headers)
        if reply.status not in accepted:
            self._raise(reply)
        return reply

    def _url(self, path: str) -> httpx.URL:
        base = self._client.base_url
        if httpx.URL(path).is_absolute_url:
            url = httpx.URL(path)
            if (url.scheme, url.netloc) != (base.scheme, base.netloc):  # the key is for one host only
                raise SourceRefused(f"{self.name} refers to {self._bare(url)}, another host: set that as url")
            return url
        return base if not path else httpx.URL(str(base).rstrip("/") + "/" + path.lstrip("/"))

    def _send(self, url: httpx.URL, headers: Parameters) -> Reply:
        try:
            with self._deadline.limit(), self._streamed(url, headers) as response:
                body = self._body(response)
        except httpx.HTTPError as error:
            if self._deadline.passed:
                raise self._too_slow() from None
            said = self._hidden(str(error) or type(error).__name__)
            # not `from error`: its request carries the key
            raise SourceUnavailable(f"{self.name} cannot be reached: {said}") from None
        if self._deadline.passed:  # without a Content-Length a truncated body looks complete
            raise self._too_slow()
        if self._key is not None:
            body = self._key.hidden_in_body(body)
        return Reply(self.name, self._bare(url), response.status_code, response.headers, body, self._hidden)

    def _streamed(self, url: httpx.URL, headers: Parameters) -> AbstractContextManager[httpx.Response]:
        return self._client.stream(
            "GET", url, headers=headers, follow_redirects=False, extensions={"trace": self._deadline.trace}
        )

    def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        for part in response.iter_bytes():
            body += part
            if len(body) > self._max_body_bytes:
                raise SourceRefused(
                    f"{self.name} answered more than {self._max_body_bytes:,} bytes: narrow the source, by `filters` "
                    "or by fewer hours a request (`page_h`)"
                )
        return bytes(body)

    def _too_slow(self) -> SourceUnavailable:
        return SourceUnavailable(
            f"{self.name} did not send its whole response within {self._deadline.seconds:g} s: narrow the source by "
            "`filters`, or raise DAYAHEAD_ANSWER_TIMEOUT_S"
        )

    def _raise(self, reply: Reply) -> NoReturn:
        status, words = reply.status, f"{self.name} answered {reply.status}: {reply.words}"
        retry_s = retry_after_s(reply.headers, self._clock)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            retry_s = self._ban_s if retry_s is None else retry_s
            if retry_s is not None:
                self._budget.close(retry_s)
            raise SourceUnavailable(words, retry_s, cause="rate_limited")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            raise SourceUnavailable(words, retry_s, cause="server_error")
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise SourceRefused(f"{words}. {self._key_advice()}")
        if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST and "location" in reply.headers:
            place = self._bare(httpx.URL(reply.url).join(reply.headers["location"]))
            raise SourceRefused(
                f"{self.name} has moved to {place}: if that is right, set it as url in the source file or as "
                "DAYAHEAD_SOURCE_URL"
            )
        raise SourceRefused(f"{words}. {self._advice}")

    def _key_advice(self) -> str:
        if self._key is None:
            return "It may need a key: name one by `key` in the source file, if its kind has it."
        return f"The key {self._key.name!r} is refused: check {variable(self._key.name)}."

    def _hidden(self, text: str) -> str:
        return self._key.hidden_in(text) if self._key is not None else text

    def _bare(self, url: httpx.URL) -> str:
        """A URL without its query and user, which may hold a key."""
        return self._hidden(str(url.copy_with(query=None, fragment=None, userinfo=b"")))


def retry_after_s(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Seconds from now of a Retry-After header: a number of seconds or an HTTP date (RFC 9110)."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - clock()).total_seconds())
