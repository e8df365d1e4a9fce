"""The secrets of a stack."""

import secrets
from dataclasses import dataclass, fields

from pydantic import SecretStr


def _draw() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(24))


@dataclass(frozen=True)
class Passwords:
    """The secrets of the database roles, Redis, Kafka, the API's token and Grafana."""

    database_superuser: SecretStr
    database_owner: SecretStr
    database_app: SecretStr
    database_reader: SecretStr
    database_ingest: SecretStr
    database_worker: SecretStr
    database_trainer: SecretStr
    database_api: SecretStr
    redis: SecretStr
    kafka: SecretStr
    api_token: SecretStr
    grafana: SecretStr

    @classmethod
    def random(cls) -> "Passwords":
        """Fresh ones."""
        return cls(**{field.name: _draw() for field in fields(cls)})
