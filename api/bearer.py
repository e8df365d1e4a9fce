"""Who may change something: whoever holds the token of the settings."""

import hmac
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.backends import Use
from api.problems import Problem

_scheme = HTTPBearer(auto_error=False, description="DAYAHEAD_API_TOKEN")


def _check(use: Use, given: Annotated[HTTPAuthorizationCredentials | None, Security(_scheme)]) -> None:
    token = use.settings.api_token.get_secret_value()
    if not token:
        raise Problem(
            403,
            "no-token-configured",
            "Changes are switched off",
            "No token is configured, so nothing may be changed through the API: set DAYAHEAD_API_TOKEN to a long "
            "random text, start the API again, and send it as `Authorization: Bearer …`.",
        )
    # In constant time, so that the answer's delay tells nothing about the token.
    if given is None or not hmac.compare_digest(given.credentials.encode(), token.encode()):
        raise Problem(
            401,
            "wrong-token",
            "The token is missing or wrong",
            "Send `Authorization: Bearer …` with the value of DAYAHEAD_API_TOKEN.",
            headers={"WWW-Authenticate": "Bearer"},
        )


TokenRequired = Depends(_check)
"""Dependency of routes that change something."""
