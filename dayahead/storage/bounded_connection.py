"""A connection to TimescaleDB with a timeout for a server that keeps the connection open but does not answer."""

import time

import psycopg
from psycopg.abc import RV, PQGen

LOOK_EVERY_S = 0.1


class BoundedConnection(psycopg.Connection):
    """A connection that closes itself when an answer times out.

    `statement_timeout` limits a statement in the server, and TCP detects a peer that is gone. Neither helps against a
    server that hangs (stopped, swapping, its disk gone): its kernel still acknowledges every packet.

    Attributes:
        answer_s: timeout of an answer in seconds; None for no timeout.
    """

    answer_s: float | None = None

    def wait(self, gen: PQGen[RV], interval: float = LOOK_EVERY_S, timeout: float | None = None) -> RV:
        """Wait for the server, as psycopg does for each of its operations.

        Raises:
            psycopg.OperationalError: there was no answer in time; the connection is closed.
        """
        bounds = [bound for bound in (timeout, self.answer_s) if bound is not None]
        bound = min(bounds) if bounds else None
        started = time.monotonic()
        try:
            return super().wait(gen, interval, bound)
        except psycopg.OperationalError as error:
            if bound is None or error.sqlstate is not None or time.monotonic() - started < bound:
                raise
            self.close()
            raise psycopg.OperationalError(f"the server did not answer within {bound:g} s") from error
