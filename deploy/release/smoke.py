"""Ask a started service for its forecasts: `python3 -m deploy.release.smoke http://127.0.0.1:8000 --forecasts 76`."""

import argparse
import http.client
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

from dayahead.errors import DayaheadError

PAUSE_S = 2.0
TIMEOUT_S = 15.0


class NotYetError(DayaheadError):
    """The service does not answer as it should; the message says what it answered."""


def answer(url: str) -> Any:
    """Return the JSON of a GET request.

    Raises:
        NotYetError: no connection, another status than 200, or no JSON.
    """
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as response:  # noqa: S310 - an operator gives the address
            return json.loads(response.read())
    except urllib.error.HTTPError as error:
        raise NotYetError(f"GET {url}: {error.code} {error.read(500).decode(errors='replace')}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotYetError(f"GET {url}: {error}") from error


def forecasts(base_url: str) -> Iterator[dict[str, Any]]:
    """Yield the newest forecast of each series, page by page.

    Args:
        base_url: of the API, without a slash at its end.

    Raises:
        NotYetError: a page cannot be read.
    """
    url = f"{base_url}/v1/forecasts?limit=1000"
    while True:
        page = answer(url)
        yield from page["forecasts"]
        if not (cursor := page.get("next_cursor")):
            return
        url = f"{base_url}/v1/forecasts?limit=1000&cursor={cursor}"


def check(base_url: str, least: int) -> str:
    """Return one sentence about the forecasts of a service that is ready.

    Args:
        base_url: of the API, without a slash at its end.
        least: the number of series that must have a forecast of 24 hours or more.

    Raises:
        NotYetError: it is not ready, or fewer series have a forecast.
    """
    answer(f"{base_url}/health/ready")
    whole = [one for one in forecasts(base_url) if one["leads"] >= 24 and len(one["p50"]) == one["leads"]]
    if len(whole) < least:
        raise NotYetError(f"{len(whole)} series have a forecast of 24 hours or more, expected {least}")
    newest = max((one["origin"] for one in whole), default="none")
    return f"{len(whole)} forecasts of 24 hours or more, newest origin {newest}"


def wait(base_url: str, least: int, within_s: float) -> str:
    """Repeat the check until it succeeds or the time is over.

    Raises:
        NotYetError: of the last check.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            return check(base_url, least)
        except NotYetError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(PAUSE_S)


def main() -> None:
    """Print the sentence, or exit with 1 and what was wrong at the end."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy.release.smoke", description=__doc__)
    parser.add_argument("url", help="address of the API, such as http://127.0.0.1:8000")
    parser.add_argument("--forecasts", type=int, default=1, help="least number of series with a forecast")
    parser.add_argument("--within", type=float, default=0, metavar="SECONDS", help="how long to repeat")
    given = parser.parse_args()
    try:
        sys.stdout.write(wait(given.url.rstrip("/"), given.forecasts, given.within) + "\n")
    except NotYetError as error:
        sys.exit(f"smoke test failed: {error}")


if __name__ == "__main__":
    main()
