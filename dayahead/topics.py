"""The Kafka topics: their names, partitions and policies, and how they come to be."""

from dataclasses import dataclass, field

DAY_MS = 24 * 3600 * 1000
TIMESTAMP_TYPE = "message.timestamp.type"


@dataclass(frozen=True)
class TopicSpec:
    """A topic as `dayahead migrate` creates it.

    Attributes:
        name: without the prefix of the settings.
        config: Kafka topic configuration.
        partitioned: whether it has a partition per share of the series; others have one.
    """

    name: str
    config: dict[str, str] = field(default_factory=dict)
    partitioned: bool = False


OBSERVATIONS = TopicSpec(
    "observations",
    {
        # Two weeks: TimescaleDB is the truth, the log only has to outlast an outage of the workers.
        "retention.ms": str(14 * DAY_MS),
        "compression.type": "producer",
        # The broker's clock, not a producer's: available_at is measured against it (dayahead/rules.py).
        TIMESTAMP_TYPE: "LogAppendTime",
    },
    partitioned=True,
)
DEAD_LETTERS = TopicSpec("observations.dead-letter", {"retention.ms": str(90 * DAY_MS)})
FORECASTS = TopicSpec(
    "forecasts",
    {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.1"},
    partitioned=True,
)
DAY_AHEAD = TopicSpec("day-ahead", {"cleanup.policy": "compact"}, partitioned=True)
DRIFT = TopicSpec("drift", {"retention.ms": str(90 * DAY_MS)})
RETUNE_REQUESTS = TopicSpec("retune-requests", {"retention.ms": str(90 * DAY_MS)})
MODEL_RELEASES = TopicSpec("model-releases", {"cleanup.policy": "compact"})
UNDELIVERED_WEBHOOKS = TopicSpec("webhooks.undelivered", {"retention.ms": str(90 * DAY_MS)})
CHAMPION_KEY = b"champion"
"""Key of every message of `model-releases`, so that compaction keeps the newest one."""

TOPICS = (
    OBSERVATIONS,
    DEAD_LETTERS,
    FORECASTS,
    DAY_AHEAD,
    DRIFT,
    RETUNE_REQUESTS,
    MODEL_RELEASES,
    UNDELIVERED_WEBHOOKS,
)
