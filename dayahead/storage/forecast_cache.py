"""What Redis holds of forecasts: the keys, and which of them may be believed.

Redis is a cache. With the forecasts of a partition it holds two numbers that the worker writes together with them:

- the claim: a worker with an older one writes nothing;
- the sequence: of the last checkpoint whose forecasts Redis has, and all before it. TimescaleDB counts the same
  (`worker_offset.forecast_sequence`), so a Redis that missed writes, or was restored from an older snapshot, has a
  lower one, and its forecasts are not to be read. While Redis is being filled it has no number.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from dayahead.series import partition_of

FORECAST_PREFIX = "dayahead:v2:forecast:"
CLAIM_PREFIX = "dayahead:v2:claim:"
SEQUENCE_PREFIX = "dayahead:v2:sequence:"

COMMITTED = "SELECT partition, forecast_sequence, partitions FROM worker_offset WHERE topic = %s"


def forecast_key(series_id: str) -> str:
    """Where Redis holds the newest forecast of a series, as the bytes of `forecast_bytes`."""
    return FORECAST_PREFIX + series_id


def claim_key(topic: str, partition: int) -> str:
    """Where Redis holds the number of the last claim on a partition."""
    return f"{CLAIM_PREFIX}{topic}:{partition}"


def sequence_key(topic: str, partition: int) -> str:
    """Where Redis holds the sequence up to which it has the forecasts of a partition."""
    return f"{SEQUENCE_PREFIX}{topic}:{partition}"


@dataclass(frozen=True)
class CommittedSequences:
    """What TimescaleDB has committed of each partition at one moment.

    Attributes:
        partitions: of the topic; 0 while no worker has claimed any.
        sequences: forecast_sequence by partition, of those that were ever claimed.
    """

    partitions: int
    sequences: Mapping[int, int]

    def partition_of(self, series_id: str) -> int:
        """The partition of a series; there must be some."""
        return partition_of(series_id, self.partitions)


def read_committed(connection: psycopg.Connection, topic: str) -> CommittedSequences:
    """How far the forecasts of each partition are.

    Args:
        connection: an open connection.
        topic: full name of the topic of observations.
    """
    rows = connection.execute(COMMITTED, [topic]).fetchall()
    return CommittedSequences(max((row[2] or 0 for row in rows), default=0), {row[0]: row[1] for row in rows})
