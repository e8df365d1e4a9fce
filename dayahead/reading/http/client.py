"""The HTTP client of a source."""

import logging

import httpx

USER_AGENT = "dayahead (hourly energy forecasts; keeps to the rate of each publisher)"

# At INFO and below they log URLs and headers, which carry keys.
QUIET = ("httpx", "httpcore")


def http_client(base_url: str, timeout_s: float) -> httpx.Client:
    """A client for one source; the caller closes it.

    Args:
        base_url: of the API.
        timeout_s: timeout of connecting and of each read, in seconds.
    """
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx.Client(
        base_url=base_url.rstrip("/"),
        timeout=timeout_s,
        headers={"User-Agent": USER_AGENT},
        follow_redirects=False,
    )
