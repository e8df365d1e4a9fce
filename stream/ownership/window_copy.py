"""A copy of a partition's windows in Redis, so that the next owner need not read them all from TimescaleDB.

A copy is only a cache: it is used only under the name recorded in TimescaleDB, and only if its checksums match;
otherwise the windows are read from the tables. Each copy has a separate key, which expires soon unless its name is
recorded in the tables, so that a worker that crashes in between leaves nothing behind.
"""

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import orjson
import redis
from numpy.typing import NDArray
from pydantic import SecretStr
from redis.backoff import NoBackoff
from redis.retry import Retry

from dayahead.errors import CopyUnusableError
from dayahead.models.serving.window import WINDOW_HOURS
from stream.partition.state import PartitionState

PREFIX = "dayahead:v1:windows:"
FORMAT = 1
SERIES_AT_ONCE = 2_000
UNNAMED_EXPIRE_S = 600
EXPIRE_S = 2 * 86_400
"""Expiry of a recorded copy, seconds: for partitions without messages, or that are now copied elsewhere."""
READ_BYTES = 1 << 20
CONNECT_S = 1.0
ANSWER_S = 5.0


@dataclass(frozen=True)
class CopyHead:
    """Header of a copy.

    Attributes:
        next_offset: the state is that of the tables at this offset.
        keys: int64 [n], series_key of each series.
        newest: int64 [n], newest observed hour of each.
        checksums: of the parts that hold the rings.
    """

    next_offset: int
    keys: NDArray[np.int64]
    newest: NDArray[np.int64]
    checksums: list[int]


class WindowCopies:
    """Writes and reads copies; every call may raise `redis.RedisError`.

    Args:
        redis_url: Redis with the copies.
        is_away: whether Redis was unreachable at the last call; then copies are skipped.
    """

    def __init__(self, redis_url: SecretStr, is_away: Callable[[], bool] = lambda: False) -> None:
        self._client = redis.Redis.from_url(
            redis_url.get_secret_value(),
            socket_timeout=ANSWER_S,
            socket_connect_timeout=CONNECT_S,
            socket_read_size=READ_BYTES,
            retry=Retry(NoBackoff(), 0),
        )
        self.is_away = is_away

    def write(self, name: str, state: PartitionState, next_offset: int) -> None:
        """Write a copy under a new name; it expires soon unless `keep` is called.

        Args:
            name: of the copy.
            state: of the partition; it must not change meanwhile.
            next_offset: at which the tables equal the state.
        """
        key, checksums = PREFIX + name, []
        for number, start in enumerate(range(0, len(state), SERIES_AT_ONCE)):
            part = state.rings(slice(start, start + SERIES_AT_ONCE)).tobytes()
            checksums.append(zlib.crc32(part))
            self._client.hset(key, str(number), part)
            if not number:
                self._client.expire(key, UNNAMED_EXPIRE_S)
        index = np.concatenate([state.keys, state.newest]).astype("<i8").tobytes()
        head = {
            "format": FORMAT,
            "hours": WINDOW_HOURS,
            "next_offset": next_offset,
            "series": len(state),
            "checksums": checksums,
            "index_checksum": zlib.crc32(index),
        }
        # last: without it there is no copy
        self._client.hset(key, mapping={"index": index, "head": orjson.dumps(head)})
        self._client.expire(key, UNNAMED_EXPIRE_S)

    def keep(self, name: str, former: str | None) -> None:
        """Extend the expiry of a copy that is recorded in the tables, and delete the former one."""
        self._client.expire(PREFIX + name, EXPIRE_S)
        if former is not None and former != name:
            self._client.unlink(PREFIX + former)

    def head(self, name: str) -> CopyHead:
        """Read the header of a copy.

        Raises:
            CopyUnusableError: the copy is gone, damaged or of another version.
        """
        head, index = self._client.hmget(PREFIX + name, ["head", "index"])
        if not isinstance(head, bytes) or not isinstance(index, bytes):
            raise CopyUnusableError(f"Redis has no copy of the windows under the name {name}")
        try:
            header = orjson.loads(head)
            layout = header["format"], header["hours"]
            if layout == (FORMAT, WINDOW_HOURS) and header["index_checksum"] == zlib.crc32(index):
                keys, newest = np.frombuffer(index, "<i8").reshape(2, header["series"]).astype(np.int64)
                return CopyHead(header["next_offset"], keys, newest, list(header["checksums"]))
        except (ValueError, KeyError, TypeError) as error:
            raise CopyUnusableError(f"the copy of the windows {name} is damaged: {error}") from error
        raise CopyUnusableError(f"the copy of the windows {name} is damaged, or of another version: {layout}")

    def rings(self, name: str, head: CopyHead) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield the series of a copy in parts, with their rings.

        Raises:
            CopyUnusableError: it is damaged.
        """
        for number, checksum in enumerate(head.checksums):
            part = self._client.hget(PREFIX + name, str(number))
            if not isinstance(part, bytes) or zlib.crc32(part) != checksum:
                raise CopyUnusableError(f"part {number} of the copy of the windows {name} is damaged or gone")
            here = slice(number * SERIES_AT_ONCE, (number + 1) * SERIES_AT_ONCE)
            yield here, np.frombuffer(part).reshape(-1, WINDOW_HOURS)

    def close(self) -> None:
        """Leave Redis."""
        self._client.close()
