"""Which addresses webhooks may be sent to: a receiver is outside, unless private addresses are allowed."""

import ipaddress
import socket

from dayahead.errors import DeliveryFailed


def resolve(host: str, port: int, *, private: bool) -> list[str]:
    """Look up a host and return its addresses, all of which were checked.

    The request is then sent to one of them: a second look-up might give another one.

    Args:
        host: name or address.
        port: of the receiver.
        private: whether addresses that are not public are allowed.

    Raises:
        DeliveryFailed: the host is unknown, or one of its addresses is not allowed.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"{host} cannot be looked up: {error}") from error
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    if not private and (inside := next((one for one in addresses if not is_public(one)), None)):
        raise DeliveryFailed(
            f"{host} has the address {inside}, which is not public: set DAYAHEAD_WEBHOOK_PRIVATE_ADDRESSES=true if "
            "receivers may be in your own network"
        )
    return addresses


def is_public(address: str) -> bool:
    """Whether an address is reachable from anywhere: not loopback, private, link-local, multicast or reserved."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = (
            parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None) or _nat64(parsed)
        )
        if inner is not None:
            return is_public(str(inner))
        if parsed.is_site_local:  # "global" to the standard library
            return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved)


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The address behind one of NAT64 (RFC 6052)."""
    if address in ipaddress.ip_network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None
