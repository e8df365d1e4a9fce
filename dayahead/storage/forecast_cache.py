"""Keys of forecasts in Redis, and when they are stale.

Redis is a cache. With the forecasts of a partition it holds two numbers that the worker writes together with them:

- the claim: a worker with an older one writes nothing;
- the sequence: of the last checkpoint whose forecasts Redis has, and all before it. TimescaleDB counts the same
  (`worker_offset.forecast_sequence`), so a Redis that missed writes, or was restored from an older snapshot, has a
  lower one, and its forecasts are stale: do not read them. While Redis is being filled it has no sequence.
"""

FORECAST_PREFIX = "dayahead:v3:forecast:"
CLAIM_PREFIX = "dayahead:v3:claim:"
SEQUENCE_PREFIX = "dayahead:v3:sequence:"


def forecast_key(series_id: str) -> str:
    """Return the key of the newest forecast of a series, which holds the bytes of `forecast_bytes`."""
    return FORECAST_PREFIX + series_id


def claim_key(topic: str, partition: int) -> str:
    """Return the key of the number of the last claim on a partition."""
    return f"{CLAIM_PREFIX}{topic}:{partition}"


def sequence_key(topic: str, partition: int) -> str:
    """Return the key of the sequence up to which Redis has the forecasts of a partition."""
    return f"{SEQUENCE_PREFIX}{topic}:{partition}"
