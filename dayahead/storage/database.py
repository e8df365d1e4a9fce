"""Opens connections to TimescaleDB; retries while the server is unreachable."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import structlog
from psycopg_pool import ConnectionPool
from pydantic import SecretStr

from dayahead.errors import StorageError
from dayahead.retry import Backoff, retry
from dayahead.storage.bounded_connection import BoundedConnection

log = structlog.get_logger()

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0

GRACE_S = 1.0
"""Seconds after `statement_timeout` within which the server must report that it cancelled a statement."""


def describe(database_url: SecretStr | str) -> str:
    """Format host, port and database of a URL, without its password, for messages."""
    url = database_url.get_secret_value() if isinstance(database_url, SecretStr) else database_url
    info = psycopg.conninfo.conninfo_to_dict(url)
    return f"{info.get('host', 'localhost')}:{info.get('port', 5432)}/{info.get('dbname', '')}"


def connect(database_url: SecretStr | str, wait_s: float = 60.0, autocommit: bool = False) -> psycopg.Connection:
    """Open a connection in UTC; retry while the server is unreachable.

    Args:
        database_url: postgresql:// URL.
        wait_s: how long to retry, in seconds.
        autocommit: whether each statement is its own transaction.

    Raises:
        StorageError: the server was not reached in time, or it refused the user, the password or the database.
    """
    url = database_url.get_secret_value() if isinstance(database_url, SecretStr) else database_url
    deadline = time.monotonic() + wait_s

    def on_failure(error: Exception, pause_s: float) -> None:
        refused = any(word in str(error) for word in ("password authentication", "does not exist", "no pg_hba"))
        if refused or time.monotonic() + pause_s > deadline:
            raise StorageError(
                f"TimescaleDB at {describe(url)} cannot be used: {str(error).strip()}. "
                "Check that the server runs (`make up` starts one on this machine), "
                "and DAYAHEAD_DATABASE_URL in the environment or in "
                f"{Path('.env').absolute()}{'' if Path('.env').exists() else ' (which does not exist)'}."
            ) from error
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        log.info("database_retry", database=describe(url), pause_s=round(pause_s, 2), error=why)

    return retry(
        lambda: psycopg.connect(url, autocommit=autocommit, options="-c timezone=UTC", connect_timeout=10),
        (psycopg.OperationalError,),
        backoff=Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S),
        pause=time.sleep,
        on_failure=on_failure,
    )


@contextmanager
def open_pool(
    database_url: SecretStr | str,
    size: int = 4,
    wait_s: float = 30.0,
    reconnect_s: float = 300.0,
    statement_s: float = 0.0,
) -> Iterator[ConnectionPool[BoundedConnection]]:
    """Open a pool of connections in UTC, for a service that answers many requests.

    A server that hangs costs a caller `wait_s`, and one whose statement runs at that moment `statement_s` and a second.

    Args:
        database_url: postgresql:// URL.
        size: connections at most.
        wait_s: how long a caller waits for a connection before `psycopg_pool.PoolTimeout`, in seconds.
        reconnect_s: how long one round of attempts to reconnect lasts; after it, the next caller starts another.
        statement_s: timeout of one statement in seconds; 0 for no timeout.
    """
    url = database_url.get_secret_value() if isinstance(database_url, SecretStr) else database_url

    def bound(connection: BoundedConnection) -> None:
        connection.answer_s = statement_s + GRACE_S if statement_s else None

    def check(connection: BoundedConnection) -> None:
        """Check a connection within half of the wait, so that there is time to try another."""
        connection.answer_s = wait_s / 2
        ConnectionPool.check_connection(connection)
        bound(connection)

    pool = ConnectionPool(
        url,
        connection_class=BoundedConnection,
        min_size=1,
        max_size=size,
        kwargs={
            "options": f"-c timezone=UTC -c statement_timeout={int(1000 * statement_s)}",
            "connect_timeout": 10,
        },
        configure=bound,
        check=check,
        timeout=wait_s,
        reconnect_timeout=reconnect_s,
        open=False,
    )
    with pool:
        yield pool
