"""Settings of the worker."""

from pydantic import Field

from dayahead.settings import ProcessSettings


class WorkerSettings(ProcessSettings):
    """How a worker takes observations in and how patient it is."""

    metrics_port: int = Field(
        default=8111, ge=0, le=65535, description="Port of /metrics, /health/live and /health/ready; 0 for any free"
    )
    worker_group: str = Field(
        default="dayahead-worker", description="Kafka consumer group of the workers, after the topic prefix"
    )
    worker_batch_rows: int = Field(
        default=5_000, ge=1, le=1_000_000, description="Approximate number of rows in one transaction of a partition"
    )
    worker_batch_messages: int = Field(
        default=500,
        ge=1,
        le=100_000,
        description="Maximum messages of one poll of Kafka, and maximum that wait to be processed, over all partitions",
    )
    worker_batch_within_s: float = Field(
        default=0.02, gt=0, le=60, description="Seconds that an idle partition waits for more messages"
    )
    worker_threads: int = Field(
        default=2, ge=1, le=64, description="Partitions that are processed in parallel, each by a thread"
    )
    worker_release_poll_s: float = Field(
        default=3.0, gt=0, description="Seconds between two checks for a new champion release"
    )
    worker_session_timeout_s: float = Field(
        default=15.0,
        ge=6,
        description="Session timeout in Kafka: seconds after which the partitions of a silent worker are reassigned",
    )
    worker_instance: str = Field(
        default="",
        max_length=200,
        description="Name that a worker keeps over its restarts and shares with no other, e.g. that of its pod in a "
        "StatefulSet: back within the session timeout it has its partitions at once, also after a kill. But when it "
        "ends for good, others have them only after the session timeout. Empty: no such name",
    )
    worker_stalled_after_s: float = Field(
        default=120.0,
        gt=0,
        description="Seconds without progress, with messages waiting or partitions missing, until it is not live",
    )
    worker_copy_windows_every_s: float = Field(
        default=600.0,
        ge=0,
        description="Minimum seconds between two copies of a partition's windows to Redis, from which a starting "
        "worker resumes; 0: no copies, so it reads all windows from TimescaleDB",
    )
    fresh_within_s: float = Field(
        default=10.0,
        gt=0,
        description="Seconds from the arrival of an hour in Kafka within which its forecast must be served: the "
        "objective of freshness",
    )
    worker_accept_lost_messages: bool = Field(
        default=False,
        description="Whether to continue when Kafka has deleted messages that were not processed: they are lost",
    )
    worker_audit_every_s: float = Field(
        default=60.0,
        ge=0,
        description="Seconds between two audits of a sample of served forecasts; 0: no audits",
    )
    worker_audit_series: int = Field(
        default=20, ge=1, le=10_000, description="Series whose newest forecasts an audit recomputes"
    )
    worker_drift_every_s: float = Field(
        default=60.0,
        ge=0,
        description="Seconds between two drift checks of days that have ended; 0: no drift checks",
    )
