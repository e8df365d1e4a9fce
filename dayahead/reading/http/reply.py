"""A response of a publisher that was read to its end."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from dayahead.errors import SourceUnavailable

WORDS_SHOWN = 300


@dataclass(frozen=True)
class Reply:
    """A response; the key is replaced in it wherever the publisher repeats it.

    Attributes:
        name: what answered, for messages.
        url: of the request, without its query.
        status: of the response.
        headers: of the response.
        body: decompressed as `Content-Encoding` says; a gzip or ZIP file is not unpacked.
        hidden: replaces the key in a text.
    """

    name: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    hidden: Callable[[str], str] = str

    @property
    def words(self) -> str:
        """The start of the body on one line, for messages."""
        return self.hidden(" ".join(self.body.decode(errors="replace").split()))[:WORDS_SHOWN] or "(nothing)"

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            SourceUnavailable: it is none, e.g. HTML or cut.
        """
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise self.bad_answer(f"no JSON ({error})") from error

    def bad_answer(self, found: str) -> SourceUnavailable:
        """The error of a body that is not what the publisher promises; raise it.

        Args:
            found: what it is instead: "no JSON", "no `records`".
        """
        return SourceUnavailable(f"{self.name} answered {self.hidden(found)}: {self.words}", cause="bad_answer")
