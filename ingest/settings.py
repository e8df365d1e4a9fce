"""Settings of `dayahead ingest`, `dayahead backfill` and `dayahead replay`."""

from pydantic import Field, HttpUrl

from dayahead.settings import ProcessSettings


class IngestSettings(ProcessSettings):
    """How sources are asked."""

    metrics_port: int = Field(
        default=8101, ge=0, le=65535, description="Port of /metrics, /health/live and /health/ready; 0 for any free"
    )
    source_url: HttpUrl | None = Field(
        default=None, description="Base URL that is polled instead of the source file's, e.g. that of a replay"
    )
    min_request_interval_s: float = Field(
        default=60.0, ge=0, description="Least seconds from one request to the next; the publisher allows one a minute"
    )
    request_timeout_s: float = Field(
        default=60.0, gt=0, description="Seconds to wait for a source to connect, and between two parts of its answer"
    )
    answer_timeout_s: float = Field(
        default=300.0,
        gt=0,
        description="Seconds from a request to the last byte of its answer, headers and body, however slowly it comes",
    )
    max_records: int = Field(
        default=200_000, ge=0, description="Most records of one answer, longer ones are read in parts; 0: no limit"
    )
