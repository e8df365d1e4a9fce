"""`make up` with a live source: whether its publisher can be reached, before anything is started."""

import socket
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from dayahead.errors import StackError
from dayahead.reading.source_file import load_source, source_kinds
from dayahead.source import Source

CONNECT_TIMEOUT_S = 20.0
"""Seconds to wait for a connection, for each address of the host: the answer must come within a minute."""

PORTS = {"http": 80, "https": 443}
ADDRESSES_TRIED = 2


def check_reachable(file: Path, url: str | None) -> str:
    """Connect to the host that a source of observations is read from, or to its proxy; no request is sent.

    Args:
        file: of the source.
        url: base URL to read instead of that of the file.

    Returns:
        What was reached, in a few words.

    Raises:
        StackError: the host cannot be reached, or the source is a reference; the message names the next step.
    """
    source = load_source(file)
    if source.forecast_of is not None:
        raise StackError(
            f"{file} is a reference forecast, of which no forecast is made: name the file of {source.forecast_of}, "
            "and add this one to a poller later (`dayahead ingest --source`)"
        )
    if not (base := url or base_url(source)):
        return f"{file.name} names no host"
    host, port = _host_of(base)
    proxy = urllib.request.getproxies().get(urlsplit(base).scheme)
    through = _host_of(proxy) if proxy and not urllib.request.proxy_bypass(host) else None
    try:
        _connect(*(through or (host, port)))
    except OSError as error:
        by = f" through the proxy {through[0]}:{through[1]}" if through else ""
        raise StackError(
            f"{host}:{port}, the host of {file}, cannot be reached{by}: {error.strerror or error}. Check the internet "
            "connection and HTTPS_PROXY, or run `make up` without DAYAHEAD_SOURCE: it runs on the shipped sample."
        ) from error
    return f"{host} answers" if through is None else f"through {through[0]}"


def base_url(source: Source) -> str | None:
    """URL that a source is read from, of its file or the default of its kind; None for a kind without one."""
    found = getattr(source_kinds()[source.kind].fields.of(source), "url", None)
    return None if found is None else str(found)


def _host_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url if "//" in url else f"//{url}")
    return parts.hostname or "", parts.port or PORTS.get(parts.scheme, 80)


def _connect(host: str, port: int) -> None:
    failure: OSError = OSError("it has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[:ADDRESSES_TRIED]:
        with socket.socket(family, kind, protocol) as connection:
            connection.settimeout(CONNECT_TIMEOUT_S)
            try:
                connection.connect(address)
            except OSError as error:
                failure = error
            else:
                return
    raise failure
