"""The secrets of a stack."""

import secrets
from dataclasses import dataclass

from pydantic import SecretStr


def _draw() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(24))


@dataclass(frozen=True)
class Passwords:
    """A secret for each door: the three roles of the database, Redis, the API's token, Grafana."""

    database_owner: SecretStr
    database_app: SecretStr
    database_reader: SecretStr
    redis: SecretStr
    api_token: SecretStr
    grafana: SecretStr

    @classmethod
    def random(cls) -> "Passwords":
        """Fresh ones."""
        return cls(_draw(), _draw(), _draw(), _draw(), _draw(), _draw())
