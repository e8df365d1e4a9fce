"""Authorises requests that change something by the token of the settings."""

import hmac
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.params import Depends as Dependency
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.backends import Use
from api.problems import Problem
from api.settings import ApiSettings

_scheme = HTTPBearer(auto_error=False, description="DAYAHEAD_API_TOKEN")


def check_token(settings: ApiSettings, authorization: str | None) -> None:
    """Check the `Authorization` header of a request that changes something.

    Raises:
        Problem: no token is configured, or the header has another one.
    """
    token = settings.api_token.get_secret_value()
    if not token:
        raise Problem(
            403,
            "no-token-configured",
            "Changes are switched off",
            "No token is configured, so nothing may be changed through the API: set DAYAHEAD_API_TOKEN to a long "
            "random text, start the API again, and send it as `Authorization: Bearer …`.",
        )
    scheme, _, given = (authorization or "").partition(" ")
    # In constant time, so that the response time reveals nothing about the token.
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode("latin-1"), token.encode()):
        raise Problem(
            401,
            "wrong-token",
            "The token is missing or wrong",
            "Send `Authorization: Bearer …` with the value of DAYAHEAD_API_TOKEN.",
            headers={"WWW-Authenticate": "Bearer"},
        )


def _check(use: Use, request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_scheme)]) -> None:
    check_token(use.settings, request.headers.get("authorization"))


TokenRequired = Depends(_check)
"""Dependency of routes that change something; `api.edge.route.Route` checks it before the body is read."""


def is_token_required(dependency: Dependency) -> bool:
    """Check whether a dependency of a route is `TokenRequired`."""
    return dependency.dependency is _check
