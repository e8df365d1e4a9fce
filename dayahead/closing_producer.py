"""kafka-python's producer, which closes what it opened: kafka-python 3.0 leaves descriptors where a connection fails.

A failed constructor and a failed connection are reference cycles: their sockets stay open until the garbage collector
runs its oldest generation, which in a process that makes few objects is hours away.
"""

import socket
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.net.inet import KafkaNetSocket


class _ClosingSocket(KafkaNetSocket):  # type: ignore[misc]  # kafka-python has no types
    """Closes the socket of a connection that failed, which kafka-python leaves to the garbage collector."""

    SCHEMES = ("direct",)
    """Of the `proxy_url` that selects this class; there is no proxy."""

    async def sock_connect(self, net: Any, sock: socket.socket, sockaddr: Any, timeout_at: float | None = None) -> Any:
        """Connect; arguments as of KafkaNetSocket."""
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise


class ClosingProducer(KafkaProducer):  # type: ignore[misc]  # kafka-python has no types
    """kafka-python's producer without its leaks: a constructor that fails, and a close whose flush times out.

    Both leave a socket pair and a selector open; the second one the sending thread and its connections as well.
    """

    def __init__(self, **configs: Any) -> None:
        """Connect; `configs` as of KafkaProducer.

        Raises:
            KafkaError: no broker answers; nothing stays open.
        """
        clients: list[Any] = []

        def make_client(**client_configs: Any) -> Any:
            clients.append(KafkaProducer.DEFAULT_CONFIG["kafka_client"](**client_configs))
            return clients[0]

        try:
            super().__init__(**configs, kafka_client=make_client, proxy_url="direct://")
        except BaseException:
            for client in clients:
                client.close()
            raise

    def close(self, timeout: float | None = None, null_logger: bool = False) -> None:
        """End the thread and close the connections, also where not all was sent within `timeout` seconds."""
        try:
            super().close(timeout, null_logger)
        except KafkaError:
            self._sender.force_close()
            self._sender.join(timeout)
            raise
