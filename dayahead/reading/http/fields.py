"""Fields that kinds over HTTP add to a source file."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, HttpUrl

from dayahead.reading.http.key import KeyName
from dayahead.reading.http.rate import Rate
from dayahead.reading.source_kind import KindFields


def _is_a_rate(text: str) -> str:
    Rate.parse(text)
    return text


class HttpFields(KindFields):
    """Fields of every kind over HTTP; a kind with one address gives `url` a default."""

    url: HttpUrl = Field(description="Base URL of the API; overridden by DAYAHEAD_SOURCE_URL")
    rate: Annotated[str, AfterValidator(_is_a_rate)] | None = Field(
        default=None,
        description="Requests that the publisher allows, e.g. 400/minute or 1/10-second; default: that of the kind",
    )

    def rates(self, default: Sequence[Rate] = ()) -> Sequence[Rate]:
        """The rate of the source file, or else those of the kind."""
        return default if self.rate is None else (Rate.parse(self.rate),)


class KeyedHttpFields(HttpFields):
    """The same where the publisher gives keys; a kind that always needs one gives `key` a default."""

    key: KeyName | None = Field(
        default=None, description="Name of the key of the publisher; its value is set as DAYAHEAD_SOURCE_KEYS__NAME"
    )
