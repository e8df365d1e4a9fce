"""The key that a publisher gives to its users: named in a source file, set in the environment, shown nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Literal
from urllib.parse import quote, quote_plus

from pydantic import Field, SecretStr

from dayahead.errors import SettingsError

SETTING = "DAYAHEAD_SOURCE_KEYS"
SHOWN = "(key)"
SHORTEST_IN_BODY = 8
"""Length of a key that is replaced in data."""

KeyName = Annotated[
    str,
    Field(pattern=r"^[a-z0-9][a-z0-9_]*$", description=f"Name of the key; its value is set as {SETTING}__NAME"),
]


def variable(name: str) -> str:
    """The environment variable of a key, e.g. DAYAHEAD_SOURCE_KEYS__ENTSOE."""
    return f"{SETTING}__{name.upper()}"


@dataclass(frozen=True)
class Key:
    """A key and where requests carry it.

    Attributes:
        name: as the source file names it.
        value: the secret.
        place: in a header or in a query parameter.
        field: name of the header or parameter.
        prefix: before the value in a header, e.g. `Bearer `.
    """

    name: str
    value: SecretStr
    place: Literal["header", "query"]
    field: str
    prefix: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """What a request carries in its headers."""
        return {self.field: self.prefix + self.value.get_secret_value()} if self.place == "header" else {}

    @property
    def parameters(self) -> dict[str, str]:
        """What a request carries in its query."""
        return {self.field: self.prefix + self.value.get_secret_value()} if self.place == "query" else {}

    @property
    def fingerprint(self) -> str:
        """What tells keys apart without showing them."""
        return sha256(self.value.get_secret_value().encode()).hexdigest()[:16]

    def hidden_in(self, text: str) -> str:
        """A text without the key, also where it is percent-encoded."""
        for written in self._written:
            text = text.replace(written, SHOWN)
        return text

    def hidden_in_body(self, body: bytes) -> bytes:
        """A body without the key; one of a few characters is left, since it may be part of the data."""
        if len(self.value.get_secret_value()) < SHORTEST_IN_BODY:
            return body
        for written in self._written:
            if (secret := written.encode()) in body:
                body = body.replace(secret, SHOWN.encode())
        return body

    @property
    def _written(self) -> set[str]:
        value = self.value.get_secret_value()
        return {value, quote(value, safe=""), quote_plus(value)}


def key_of(
    source: str,
    name: str,
    keys: Mapping[str, SecretStr],
    place: Literal["header", "query"],
    field: str,
    prefix: str = "",
) -> Key:
    """The key that a source file names.

    Args:
        source: name of the source, for the message.
        name: of the key.
        keys: values by name, from the settings.
        place: in a header or in a query parameter.
        field: name of the header or parameter.
        prefix: before the value.

    Raises:
        SettingsError: it is not set.
    """
    value = keys.get(name)
    if value is None or not value.get_secret_value().strip():
        raise SettingsError(f"source {source} needs the key {name!r} of its publisher: set {variable(name)}")
    return Key(name, SecretStr(value.get_secret_value().strip()), place, field, prefix)
