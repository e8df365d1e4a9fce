"""The socket that a server answers on."""

import socket

from dayahead.errors import SettingsError


def listening_socket(host: str, port: int, what: str, variables: str) -> socket.socket:
    """The socket to serve on, bound before anything else starts, so that a port in use is a sentence.

    Its protocol is named: asyncio switches Nagle's algorithm off only on connections of a socket that says TCP, and
    `socket.create_server` makes one that says 0. With the algorithm on, each answer after the first of a connection
    waits about 40 ms for the caller's delayed acknowledgement.

    Args:
        host: address to listen on.
        port: to listen on; 0 for any that is free.
        what: is served, for the error.
        variables: what the two settings begin with, like DAYAHEAD_API.

    Raises:
        SettingsError: the address cannot be used.
    """
    listening: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise SettingsError(
            f"{host}:{port} cannot be used for {what}: {error.strerror or error}. "
            f"Set {variables}_HOST and {variables}_PORT to an address that is free."
        ) from error
    return listening
