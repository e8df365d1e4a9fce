"""The Redis of the tests as a process: stopped, killed, restored from its snapshot."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import redis

from tests.waiting import wait_until


def process_of(url: str) -> int:
    """The process id of the server."""
    with redis.Redis.from_url(url) as client:
        return int(client.info("server")["process_id"])


@contextmanager
def hanging(url: str) -> Iterator[None]:
    """A Redis that takes connections and answers nothing, as long as the block lasts."""
    pid = process_of(url)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def save(url: str) -> None:
    """Let it write a snapshot in the background, as its `save` setting does, and wait for that."""
    with redis.Redis.from_url(url) as client:
        before = client.info("persistence")["rdb_saves"]
        client.bgsave()
        wait_until(
            lambda: (now := client.info("persistence"))["rdb_saves"] > before and not now["rdb_bgsave_in_progress"],
            30,
            "Redis to write its snapshot",
        )


def kill(url: str) -> None:
    """End it as a power cut would, and wait until supervisord has started it again from its snapshot."""
    pid = process_of(url)
    os.kill(pid, signal.SIGKILL)

    def is_back() -> bool:
        try:
            return process_of(url) != pid
        except redis.RedisError:
            return False

    wait_until(is_back, 60, "Redis to be back")
