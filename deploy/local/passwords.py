"""Passwords of the local stack and of docker-compose: drawn at random the first time, then kept in `.env`."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr


def _draw() -> SecretStr:
    return SecretStr(secrets.token_urlsafe(24))


@dataclass(frozen=True)
class Passwords:
    """A secret for each door."""

    database_owner: SecretStr
    database_app: SecretStr
    database_reader: SecretStr
    redis: SecretStr
    api_token: SecretStr

    @classmethod
    def random(cls) -> "Passwords":
        """Fresh ones."""
        return cls(_draw(), _draw(), _draw(), _draw(), _draw())


def read_env(path: Path) -> dict[str, str]:
    """The `NAME=value` lines of an env file; empty when it is not there."""
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, found, value in pairs if found}


def add_to_env(path: Path, values: Mapping[str, str]) -> None:
    """Append those names that an env file lacks; nothing in it is changed, and only its owner can read it."""
    known = read_env(path)
    missing = {name: value for name, value in values.items() if name not in known}
    if not missing:
        return
    path.touch(mode=0o600)
    text = path.read_text()
    if text and not text.endswith("\n"):
        text += "\n"
    path.write_text(text + "".join(f"{name}={value}\n" for name, value in missing.items()))
